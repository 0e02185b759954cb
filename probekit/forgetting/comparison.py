"""Comparison: how two checkpoints differ, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, FINGERPRINT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

Before = Annotated[str, Means("the checkpoint before; where two have one name, with what differs")]
After = Annotated[str, Means("the checkpoint after, likewise")]
BeforeFingerprint = Annotated[str, Means("of the checkpoint before, as in scores.csv", FINGERPRINT)]
AfterFingerprint = Annotated[str, Means("of the checkpoint after", FINGERPRINT)]
LayerBefore = Annotated[int, Means("the layer before", COUNT)]
LayerAfter = Annotated[int, Means("the layer after that is compared with it", COUNT)]
ScoreBefore = Annotated[float, Means("of probes trained and tested on the checkpoint before", UNIT)]
ScoreAfter = Annotated[float, Means("of probes trained and tested on the checkpoint after", UNIT)]
Delta = Annotated[
    float, Means("after minus before, the mean over seeds; negative is forgetting", CHANGE)
]
Seeds = Annotated[int, Means("how many probes before, and as many after", "from 1")]
Kind = Annotated[
    str,
    Means(
        "`loss` where the loss has an interval above zero; else the largest other part that has "
        "one: `rotation`, `re_encoding`, `relocation`; `unattributed` where only the drop has one; "
        "else `not detected`"
    ),
]
Low = columns.Low
High = columns.High


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One checkpoint, task and layer."""

    before: Before
    after: After
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    layer: LayerBefore
    metric: columns.MetricName
    score_before: ScoreBefore
    score_after: ScoreAfter
    delta: Delta
    ci_low: Low
    ci_high: High
    p_value: columns.PValue
    p_adjusted: columns.AdjustedP
    retention: columns.Retention
    layer_after: LayerAfter
    retention_low: columns.RetentionLow
    retention_high: columns.RetentionHigh
    detectable: columns.Detectable
    floor: columns.Floor
    dev_before: Annotated[float, Means("the same as `score_before`, on dev", UNIT)]
    dev_after: Annotated[float, Means("the same as `score_after`, on dev", UNIT)]
    n_train: columns.TrainInstances
    n_test: columns.TestInstances
    seeds: Seeds
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class BestRow:
    """One checkpoint and task: the best layers before and after, chosen on dev, compared."""

    before: Before
    after: After
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    metric: columns.MetricName
    layer_before: Annotated[int, Means("the best layer before", COUNT)]
    layer_after: Annotated[int, Means("the best layer after", COUNT)]
    score_before: ScoreBefore
    score_after: ScoreAfter
    delta: Delta
    ci_low: Low
    ci_high: High
    p_value: columns.PValue
    p_adjusted: columns.AdjustedP
    retention: columns.Retention
    retention_low: columns.RetentionLow
    retention_high: columns.RetentionHigh
    detectable: columns.Detectable
    floor: columns.Floor
    expected_layer_before: Annotated[
        float, Means("where the score is won, a mean of layers", "layers")
    ]
    expected_layer_after: Annotated[float, Means("the same after", "layers")]
    layer_probed: Annotated[int, Means("the layer whose parts the verdict speaks of first", COUNT)]
    n_train: columns.TrainInstances
    n_test: columns.TestInstances
    seeds: Seeds
    kind: Annotated[str, Means("that of `layer_probed` in decomposition.csv")]
    verdict: columns.Verdict
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class DecompositionRow:
    """One checkpoint, task and layer: what the drop of a probe trained before is made of."""

    before: Before
    after: After
    task: columns.TaskName
    corpus: columns.CorpusName
    layer: LayerBefore
    layer_after: LayerAfter
    drop: Annotated[
        float, Means("score before, less that of the old probe on the checkpoint after", CHANGE)
    ]
    drop_low: Low
    drop_high: High
    drop_detectable: Annotated[float, Means("its minimum detectable effect", UNIT)]
    mapped_drop: Annotated[float, Means("what is left of the drop after a linear map", CHANGE)]
    mapped_drop_low: Low
    mapped_drop_high: High
    rotation: Annotated[float, Means("what the old probe recovers after a linear map", CHANGE)]
    rotation_low: Low
    rotation_high: High
    re_encoding: Annotated[
        float, Means("what a new probe at the same layer recovers besides", CHANGE)
    ]
    re_encoding_low: Low
    re_encoding_high: High
    relocation: Annotated[
        float, Means("what another layer knows now and did not know before", CHANGE)
    ]
    relocation_low: Low
    relocation_high: High
    loss: Annotated[float, Means("what none of these recovers", CHANGE)]
    loss_low: Low
    loss_high: High
    score_before: ScoreBefore
    score_as_it_is: Annotated[
        float,
        Means("of the old probe on the checkpoint after; empty where the widths differ", UNIT),
    ]
    score_mapped: Annotated[float, Means("of the old probe, after the map chosen", UNIT)]
    score_retrained: Annotated[float, Means("of a new probe at this layer", UNIT)]
    score_best_layer: Annotated[float, Means("of the reading in `best_elsewhere`", UNIT)]
    map: Annotated[
        str,
        Means(
            "the map chosen: `as it is`, `procrustes` or `ridge PENALTY` "
            "(in mean variances of a dimension)"
        ),
    ]
    best_elsewhere: Annotated[
        str,
        Means(
            "the reading chosen: one of the maps, `retrained`, or `layer K` of the checkpoint after"
        ),
    ]
    kind: Kind
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class SimilarityRow:
    """One checkpoint, context and pair of layers."""

    before: Before
    after: After
    corpus: columns.CorpusName
    context: Annotated[str, Means("what was read in one pass: `sentence`, `document`")]
    layer_before: LayerBefore
    layer_after: Annotated[int, Means("the layer after", COUNT)]
    cka: Annotated[
        float,
        Means("linear centred kernel alignment, unbiased; 1 is equal up to rotation and scale"),
    ]
    cka_standardised: Annotated[float, Means("the same of standardised dimensions")]
    dimensions_before: Annotated[
        float,
        Means("how many dimensions carry the variance: the participation ratio", "dimensions"),
    ]
    dimensions_after: Annotated[float, Means("the same after", "dimensions")]
    rsa: Annotated[float, Means("rank correlation of the words' cosine distances", CHANGE)]
    cosine: Annotated[
        float,
        Means("mean cosine of each word's two vectors; empty where the widths differ", CHANGE),
    ]
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """One checkpoint, task and kind of test instance, at one layer."""

    before: Before
    after: After
    task: columns.TaskName
    corpus: columns.CorpusName
    layer: Annotated[int, Means("the layer before, `layer_probed` of best.csv", COUNT)]
    kind: Annotated[
        str,
        Means(
            "what instances are told apart by: the gold `label`; `seen`, whether all words occur "
            "in training; `frequency`, how often the rarest one does; `length` of the sentence in "
            "words; `distance` in words from one span of a pair to the other"
        ),
    ]
    value: Annotated[str, Means("the label, `yes` or `no`, or the range")]
    n_test: columns.TestInstances
    accuracy_before: Annotated[float, Means("accuracy before", UNIT)]
    accuracy_after: Annotated[float, Means("accuracy after", UNIT)]
    delta: Annotated[float, Means("after minus before", CHANGE)]
    ci_low: Low
    ci_high: High
    p_value: columns.PValue
    p_adjusted: Annotated[
        float, Means("the same, corrected for the rows of this task and checkpoint", UNIT)
    ]
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


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
TABLES = {
    "comparison": schema_of(
        "comparison", "a checkpoint, task and layer", ComparisonRow, (*_QUESTION, "layer")
    ),
    "best": schema_of("best", "a checkpoint and task, at the best layers", BestRow, _QUESTION),
    "decomposition": schema_of(
        "decomposition", "a checkpoint, task and layer", DecompositionRow, (*_QUESTION, "layer")
    ),
    "similarity": schema_of(
        "similarity",
        "a checkpoint, context and pair of layers",
        SimilarityRow,
        (*_CHECKPOINTS, "context", "layer_before", "layer_after"),
    ),
    "by_label": schema_of(
        "by_label",
        "a checkpoint, task and kind of instance",
        LabelRow,
        (*_QUESTION, "kind", "value"),
    ),
}


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
    """What was found, in five tables. Scores are in [0, 1], `delta` is after minus before.

    Attributes:
        comparison: one row for each checkpoint, task and layer, see ComparisonRow.
        best: one row for each checkpoint and task, see BestRow: what any layer still knows.
        decomposition: one row for each checkpoint, task and layer, see DecompositionRow.
        similarity: one row for each checkpoint, context and pair of layers, see SimilarityRow.
        by_label: one row for each checkpoint, task and kind of instance (label, frequency …), see
            LabelRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = TABLES
    MADE_BY: ClassVar[str] = "compare"
    TOLD_BY: ClassVar[Sequence[str]] = KEYS

    comparison: pd.DataFrame
    best: pd.DataFrame
    decomposition: pd.DataFrame
    similarity: pd.DataFrame
    by_label: pd.DataFrame

    def shown(self) -> pd.DataFrame:
        """The best layers: what changed, and what became of each task."""
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
