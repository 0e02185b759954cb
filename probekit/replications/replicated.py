"""Replicated: what was measured beside what a paper published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from probekit.errors import InputError
from probekit.forgetting.comparison import Comparison
from probekit.probes.scores import Scores
from probekit.results import columns
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

MEASURED = "measured"
"""The folder with what `probe` or `compare` found, in that of the results."""


@dataclass(frozen=True, kw_only=True)
class ReplicationRow:
    """One figure of a paper, and the same quantity as measured."""

    quantity: Annotated[
        str, Means("what was measured: a name that [Replications](replications.md) lists")
    ]
    task: Annotated[str, Means("of which; empty for quantities of no task")]
    probe: columns.ProbeName
    layer: Annotated[
        int | None,
        Means("the layer measured; empty where the quantity belongs to no single one", "from 0"),
    ]
    measured: Annotated[float, Means("the value measured", "see `unit`")]
    ci_low: Annotated[
        float, Means("lower end of its 95% interval; empty where it has none", "see `unit`")
    ]
    ci_high: Annotated[float, Means("upper end of it", "see `unit`")]
    published: Annotated[
        float, Means("the paper's figure; empty where there is a finding only", "see `unit`")
    ]
    unit: Annotated[
        str, Means("of these: `%`, `points`, `layers`, `bits`; empty for ratios and correlations")
    ]
    compare: Annotated[
        str,
        Means(
            "`number` where model, text and labels are the paper's, up to the differences stated; "
            "`pattern` where only order and direction can be compared"
        ),
    ]
    model: Annotated[str, Means("the model measured; after and before, where two are compared")]
    corpus: columns.CorpusName
    published_model: Annotated[str, Means("the paper's model")]
    published_corpus: Annotated[str, Means("the paper's data")]
    setting: Annotated[str, Means("the paper's own layer, probe or split")]
    finding: Annotated[str, Means("what the paper says where it gives no figure")]
    source: Annotated[str, Means("the paper's table or figure, or the file of its authors")]


REPLICATION = schema_of(
    "replication",
    "a figure of the paper",
    ReplicationRow,
    ("quantity", "task", "probe", "published_model", "setting"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Replicated(Results):
    """A paper's figures, and what was measured beside them.

    Attributes:
        table: one row for each figure, see ReplicationRow.
        found: everything that was measured, as `probe` or `compare` returns it; None where the
            table was read alone.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": REPLICATION}
    MADE_BY: ClassVar[str] = "replicate"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "corpus")

    table: pd.DataFrame
    found: Scores | Comparison | None = field(default=None, kw_only=True)

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        return same if same is not True else self.found == getattr(other, "found", None)

    @property
    def paper(self) -> Mapping[str, str]:
        """The paper: its `title`, `citation`, `url` and `question`."""
        found: Mapping[str, str] = self.run.settings.get("paper", {})
        return found

    @property
    def differences(self) -> tuple[str, ...]:
        """How what was run differs from the paper, one sentence each."""
        return tuple(self.run.settings.get("differences", ()))

    def shown(self) -> pd.DataFrame:
        """The quantities, measured and published, and whether the number can be compared."""
        names = ["quantity", "task", "probe", "layer", "measured", "ci_low", "ci_high"]
        return self.table[[*names, "published", "unit", "compare", "published_model"]]

    def write(self, folder: str | Path) -> None:
        """Write `replication.csv` and `run.json` into `folder`, and what `probe` or `compare`
        found into `measured` inside it; `read` gives back the same.

        Raises StoreError where that fails.
        """
        if self.found is not None:
            self.found.write(Path(folder) / MEASURED)
        super().write(folder)

    @classmethod
    def _with_record(cls, folder: Path, tables: Mapping[str, Any]) -> Replicated:
        """Results of these tables, the record in a folder, and what is in `measured`."""
        place = folder / MEASURED
        found: Scores | Comparison | None = None
        for kind in (Scores, Comparison):
            if place.is_dir() and kind.is_in(place):
                found = kind.read(place)
        if place.is_dir() and found is None:
            raise InputError(f"no results in {place}: expected what replicate measured")
        return super()._with_record(folder, {**tables, "found": found})
