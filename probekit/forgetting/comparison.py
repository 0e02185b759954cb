"""Comparison: how two checkpoints differ, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from probekit.forgetting.behaviour_change import BehaviourRow
from probekit.forgetting.comparison_rows import (
    BestRow,
    ComparisonRow,
    DecompositionRow,
    LabelRow,
    SimilarityRow,
)
from probekit.forgetting.flipped import FlippedRow
from probekit.forgetting.together import TOGETHER
from probekit.results.results import Results
from probekit.results.schema import Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEYS = ("before", "after", "task", "corpus")
PARTS = ("rotation", "re_encoding", "relocation", "loss")
_CHECKPOINTS = (
    "before",
    "after",
    "before_fingerprint",
    "after_fingerprint",
    "corpus",
    "corpus_fingerprint",
)
_QUESTION = (*_CHECKPOINTS, "task", "task_fingerprint")
_OF_CHECKPOINTS = ("before_fingerprint", "after_fingerprint", "corpus_fingerprint")
_OF_QUESTION = (*_OF_CHECKPOINTS, "task_fingerprint", "fit_fingerprint")
TABLES = {
    "comparison": schema_of(
        "comparison",
        "a checkpoint, task and layer",
        ComparisonRow,
        (*_QUESTION, "layer"),
        last=_OF_QUESTION,
    ),
    "best": schema_of(
        "best",
        "a checkpoint and task, at the best layers",
        BestRow,
        _QUESTION,
        last=_OF_QUESTION,
    ),
    "decomposition": schema_of(
        "decomposition",
        "a checkpoint, task and layer",
        DecompositionRow,
        (*_QUESTION, "layer"),
        last=_OF_QUESTION,
    ),
    "similarity": schema_of(
        "similarity",
        "a checkpoint, context and pair of layers",
        SimilarityRow,
        (*_CHECKPOINTS, "context", "layer_before", "layer_after"),
        last=_OF_CHECKPOINTS,
    ),
    "by_label": schema_of(
        "by_label",
        "a checkpoint, task and kind of instance",
        LabelRow,
        (*_QUESTION, "kind", "value"),
        last=_OF_QUESTION,
    ),
}
"""The schema of each table, by its name."""

_BEHAVIOUR = schema_of(
    "behaviour",
    "a checkpoint and a task of behaviour",
    BehaviourRow,
    (*_QUESTION, "metric"),
    last=(*_OF_CHECKPOINTS, "task_fingerprint"),
)
_OTHER_METRICS = schema_of(
    "other_metrics",
    "a checkpoint, structural task, layer and metric besides the task's own",
    ComparisonRow,
    (*_QUESTION, "metric", "layer"),
    last=_OF_QUESTION,
)
OPTIONAL = {"behaviour": _BEHAVIOUR, "together": TOGETHER, "other_metrics": _OTHER_METRICS}
"""Likewise of the tables that only tasks of behaviour, or structural ones, have."""

LARGE = {
    "flipped": schema_of(
        "flipped",
        "a test instance that is right before and wrong after",
        FlippedRow,
        (*_QUESTION, "layer_before", "layer_after", "instance"),
        last=(*_OF_CHECKPOINTS, "task_fingerprint"),
    )
}
"""Likewise of the tables in Arrow's form."""

SHOWN = (
    "after",
    "task",
    "corpus",
    "layer_before",
    "layer_after",
    "score_before",
    "score_after",
    "delta",
    "p_adjusted",
    "retention",
    "verdict",
)
"""The columns of `best` that a notebook shows."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Results):
    """What was found, in tables. Scores are in [0, 1], `delta` is after minus before.

    Attributes:
        comparison: one row for each checkpoint, task and layer, see ComparisonRow.
        best: one row for each checkpoint and task, see BestRow: what any layer still knows.
        decomposition: one row for each checkpoint, task and layer, see DecompositionRow.
        similarity: one row for each checkpoint, context and pair of layers, see SimilarityRow.
        by_label: one row for each checkpoint, task and kind of instance (label, frequency …), see
            LabelRow.
        behaviour: one row for each checkpoint and task of behaviour, see BehaviourRow.
        together: over several checkpoints, whether probes and behaviour change together, see
            TogetherRow.
        other_metrics: one row for each checkpoint, structural task, layer and metric besides the
            task's own, with the columns of `comparison`.
        flipped: one row for each test instance that is right before and wrong after, see
            FlippedRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = TABLES
    OPTIONAL: ClassVar[Mapping[str, Schema]] = OPTIONAL
    LARGE: ClassVar[Mapping[str, Schema]] = LARGE
    MADE_BY: ClassVar[str] = "compare"
    TOLD_BY: ClassVar[Sequence[str]] = KEYS

    comparison: pd.DataFrame
    best: pd.DataFrame
    decomposition: pd.DataFrame
    similarity: pd.DataFrame
    by_label: pd.DataFrame
    behaviour: pd.DataFrame = field(default=None, kw_only=True)
    together: pd.DataFrame = field(default=None, kw_only=True)
    other_metrics: pd.DataFrame = field(default=None, kw_only=True)
    flipped: pa.Table = field(default=None, kw_only=True)

    @property
    def has_layers(self) -> bool:
        """Whether layers were compared: tasks of behaviour have none."""
        return len(self.best) > 0

    def shown(self) -> pd.DataFrame:
        """The best layers: what changed, and what became of each task; or behaviour, where no
        layer was probed."""
        if not self.has_layers and len(self.behaviour):
            return self.behaviour
        return self.best[list(SHOWN)]

    @property
    def last(self) -> pd.DataFrame:
        """One row for each checkpoint and task: `comparison` at the last layer read.

        That layer is the input of a head on top.
        """
        return last_rows(self.comparison)


def last_rows(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last layer of each checkpoint and task."""
    layers = comparison.groupby(list(KEYS), sort=False)["layer"]
    return comparison.loc[layers.idxmax()].reset_index(drop=True)
