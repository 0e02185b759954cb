"""Comparison: what two checkpoints differ in, as tidy tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError, suggestion
from probekit.results import folder as kept

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "before",
    "after",
    "task",
    "corpus",
    "probe",
    "layer",
    "metric",
    "score_before",
    "score_after",
    "delta",
    "ci_low",
    "ci_high",
    "p_value",
    "p_adjusted",
    "retention",
)
MORE_COLUMNS = (
    "layer_after",
    "retention_low",
    "retention_high",
    "detectable",
    "floor",
    "dev_before",
    "dev_after",
    "n_train",
    "n_test",
    "seeds",
)
KEYS = ("before", "after", "task", "corpus")
PARTS = ("rotation", "re_encoding", "relocation", "loss")
TABLES = ("comparison", "best", "decomposition", "similarity", "by_label")


@dataclass(frozen=True)
class Comparison:
    """What was found, a table each; the columns are described in docs/files.md.

    Attributes:
        comparison: a row a checkpoint, task and layer: COLUMNS first, then MORE_COLUMNS. Scores are in [0, 1], `delta`
            is after minus before.
        best: a row a checkpoint and task: the best layer of each side, chosen on dev, and their difference; with `kind`
            and `verdict`. What any layer still tells.
        decomposition: a row a checkpoint, task and layer: what the drop of a probe trained before is made of.
        similarity: a row a checkpoint, context and pair of layers.
        by_label: a row a checkpoint, task and kind of instance (label, frequency …), at the best layer before.
        run: versions, fingerprints, arguments, counts and timings.
        notices: what a reader must know, one sentence each.
    """

    comparison: pd.DataFrame
    best: pd.DataFrame
    decomposition: pd.DataFrame
    similarity: pd.DataFrame
    by_label: pd.DataFrame
    run: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def last(self) -> pd.DataFrame:
        """A row a checkpoint and task: that of `comparison` at the last layer read, which a head on top gets."""
        layers = self.comparison.groupby(list(KEYS), sort=False)["layer"]
        return self.comparison.loc[layers.idxmax()].reset_index(drop=True)

    def write(self, folder: str | Path) -> None:
        """Write each table as CSV, and `run.json`, into `folder`.

        Raises StoreError where that fails.
        """
        tables = {name: getattr(self, name) for name in TABLES}
        kept.write(folder, tables, {**self.run, "notices": self.notices})


def read_comparison(folder: str | Path) -> Comparison:
    """The comparison that `write` left in a folder.

    Raises InputError where there is none, or its tables are not those its `run.json` was written with.
    """
    import pandas as pd

    doors.of_type("folder", folder, (str, Path))
    try:
        tables = {name: pd.read_csv(BytesIO(kept.read_table(Path(folder) / f"{name}.csv"))) for name in TABLES}
        run = kept.read_record(Path(folder))
    except (OSError, ValueError) as error:
        hint = suggestion(Path(folder))
        raise InputError(
            f"no comparison in {folder}: expected a folder that 'probekit compare' wrote ({error}){hint}"
        ) from error
    return Comparison(**tables, run=run, notices=tuple(run.pop("notices", ())))
