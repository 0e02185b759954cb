"""Scores: a tidy table, one row a trained probe or baseline, with what is needed to defend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.errors import InputError
from probekit.results import folder as kept

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model",
    "task",
    "corpus",
    "probe",
    "layer",
    "metric",
    "score",
    "ci_low",
    "ci_high",
    "n_train",
    "n_test",
    "seed",
)
MORE_COLUMNS = ("dev_score", "dev_loss", "epoch")


@dataclass(frozen=True)
class Scores:
    """What was measured.

    Attributes:
        table: a row a probe: the columns COLUMNS first, then MORE_COLUMNS. `layer` is missing for baselines; `score`,
            `ci_low` and `ci_high` (a 95% bootstrap interval over sentences, or documents) are in [0, 1].
        run: versions, fingerprints, arguments, counts and timings.
        notices: what a reader must know, one sentence each.
    """

    table: pd.DataFrame
    run: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def best(self) -> pd.DataFrame:
        """The best layer of each model, task, corpus and probe, with means over seeds; baselines left out.

        It is the layer with the best dev score (at a tie the lowest): chosen on test, its test score would be too
        good.
        """
        layers = self.table.dropna(subset=["layer"])
        keys, values = ["model", "task", "corpus", "probe"], ["score", "ci_low", "ci_high", "dev_score"]
        means = layers.groupby([*keys, "layer"], sort=False)[values].mean().reset_index()
        return means.loc[means.groupby(keys, sort=False)["dev_score"].idxmax()].reset_index(drop=True)

    def write(self, folder: str | Path) -> None:
        """Write `scores.csv` and `run.json` into `folder`.

        Raises StoreError where that fails.
        """
        kept.write(folder, {"scores": self.table}, {**self.run, "notices": self.notices})


def read_scores(folder: str | Path) -> Scores:
    """The scores of a run's folder, or of a `scores.csv`.

    Raises InputError where there is none, it lacks a column, or it is not the one its `run.json` was written with.
    """
    import pandas as pd

    path = Path(folder)
    path = path / "scores.csv" if path.is_dir() else path
    try:
        content = BytesIO(kept.read_table(path))
        table = pd.read_csv(
            content, dtype={"layer": "Int64", "epoch": "Int64", "model": str, "task": str, "corpus": str}
        )
    except (OSError, ValueError) as error:
        raise InputError(f"no scores in {folder}: expected a folder of 'probekit probe --out' ({error})") from error
    missing = [column for column in (*COLUMNS, *MORE_COLUMNS) if column not in table.columns]
    if missing:
        raise InputError(f"{path} is no table of scores: it lacks the column '{missing[0]}'")
    return Scores(table)
