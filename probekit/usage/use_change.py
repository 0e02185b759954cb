"""Use change: what erasing a task's subspace breaks before fine-tuning, and what after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.forgetting.comparison_rows import Compared
from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of
from probekit.usage.erasure import CLEAN, HEAD, RETRAINED
from probekit.usage.use_verdict import KEYS, use_verdict

if TYPE_CHECKING:
    import pandas as pd

TWICE = "−2 to 2"
_Drop = "what this score loses when the subspace is erased; negative where it gains"
_Beyond = "what it loses more than when as many random dimensions are erased"
_Rank = "dimensions of the task's subspace"


@dataclass(frozen=True, kw_only=True)
class UseRow(Compared):
    """One erasure in two checkpoints, and one thing that was measured in both."""

    erased: Annotated[str, Means("the task whose subspace was erased")]
    layer: Annotated[int, Means("the layer that was changed while each model ran", COUNT)]
    rank_before: Annotated[int, Means(f"{_Rank} in the checkpoint before", COUNT)]
    rank_after: Annotated[int, Means(f"{_Rank} in the checkpoint after", COUNT)]
    affected: Annotated[
        str,
        Means("what was measured: the task of the probes, or `head`, the checkpoints' own heads"),
    ]
    read_at: Annotated[
        int | None, Means("the layer that the probes read; empty for the head", COUNT)
    ]
    probe: Annotated[
        str,
        Means(
            "`clean`, trained on the states before the erasure; `retrained`, on the erased ones; "
            "empty for the head"
        ),
    ]
    metric: columns.MetricName
    seeds: Annotated[int, Means("of probes, and draws of random dimensions", COUNT)]
    score_before: Annotated[
        float, Means("of the checkpoint before, without an erasure, the mean over seeds", UNIT)
    ]
    score_after: Annotated[float, Means("of the checkpoint after, likewise", UNIT)]
    delta: Annotated[float, Means("`score_after` less `score_before`", CHANGE)]
    delta_low: columns.Low
    delta_high: columns.High
    drop_before: Annotated[float, Means(f"of the checkpoint before: {_Drop}", CHANGE)]
    drop_before_low: columns.Low
    drop_before_high: columns.High
    drop_after: Annotated[float, Means("the same of the checkpoint after", CHANGE)]
    drop_after_low: columns.Low
    drop_after_high: columns.High
    change: Annotated[
        float,
        Means("`drop_after` less `drop_before`; negative where erasing costs less after", TWICE),
    ]
    ci_low: Annotated[float, Means("lower end of the 95% interval", TWICE)]
    ci_high: Annotated[float, Means("upper end of the 95% interval", TWICE)]
    p_value: columns.PValue
    p_adjusted: columns.AdjustedP
    detectable: Annotated[
        float, Means("the minimum detectable effect, before correction", "0 to 2")
    ]
    beyond_before: Annotated[float, Means(f"of the checkpoint before: {_Beyond}", CHANGE)]
    beyond_before_low: columns.Low
    beyond_before_high: columns.High
    beyond_after: Annotated[float, Means("the same of the checkpoint after", CHANGE)]
    beyond_after_low: columns.Low
    beyond_after_high: columns.High
    beyond_change: Annotated[float, Means("`beyond_after` less `beyond_before`", TWICE)]
    beyond_change_low: Annotated[float, Means("lower end of the 95% interval", TWICE)]
    beyond_change_high: Annotated[float, Means("upper end of the 95% interval", TWICE)]
    majority: Annotated[float, Means("of always saying the most frequent training label", UNIT)]
    n_test: columns.TestInstances
    task_fingerprint: columns.TaskFingerprint


_FINGERPRINTS = (
    "before_fingerprint",
    "after_fingerprint",
    "corpus_fingerprint",
    "task_fingerprint",
)
USE = schema_of(
    "use_change",
    "an erasure in two checkpoints and what was measured after it",
    UseRow,
    (
        *("before", "after", "corpus", *_FINGERPRINTS),
        *("erased", "layer", "affected", "read_at", "probe"),
    ),
    last=_FINGERPRINTS,
)


@dataclass(frozen=True, eq=False, repr=False)
class UseChange(Results):
    """What erasing tasks' subspaces breaks in one checkpoint and in those after it.

    Attributes:
        table: one row for each checkpoint after, task erased, layer, and what was measured; see
            UseRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": USE}
    MADE_BY: ClassVar[str] = "compare"
    TOLD_BY: ClassVar[Sequence[str]] = ("before", "after", "erased", "corpus")

    table: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """The rows that matter most: the heads, the probes of the last layer, and of the task
        erased the ones retrained at its layer."""
        table = self.table
        at_end = (table["probe"] == CLEAN) & (table["read_at"] == table["read_at"].max())
        here = (table["probe"] == RETRAINED) & (table["affected"] == table["erased"])
        return table[(at_end | here | (table["affected"] == HEAD)).fillna(False)]

    @property
    def sentences(self) -> list[str]:
        """One sentence for each checkpoint after and task erased: whether it is still encoded, and
        whether it is used less."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        several = self.table["after"].nunique() > 1
        for (_, after, _, _), rows in self.table.groupby(list(KEYS), sort=False):
            verdict = use_verdict(rows)
            yield f"{after}, {verdict}" if several else verdict
