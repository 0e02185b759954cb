"""Trajectory: what each checkpoint of a training run knows, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.forgetting.behaviour_steps import BEHAVIOUR_STEPS
from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Precedes, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 0.9
SHOWN = (
    "task",
    "corpus",
    "layer_first",
    "layer_last",
    "score_first",
    "score_last",
    "change",
    "retention",
    "verdict",
)
"""The columns of `summary` that a notebook shows."""

Step = Annotated[int, Means("of training: what the checkpoint's name says, or its place", COUNT)]
Layer = Annotated[int, Means("0 is the embeddings", COUNT)]
LayerFirst = Annotated[int, Means("the layer of the first checkpoint, the base", COUNT)]
LayerLast = Annotated[int, Means("the layer of the last checkpoint", COUNT)]
Seeds = Annotated[int, Means("how many probes of each checkpoint", "from 1")]
ScoreFirst = Annotated[float, Means("of the first checkpoint, the mean over seeds", UNIT)]
ScoreLast = Annotated[float, Means("of the last checkpoint, likewise", UNIT)]


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One checkpoint, task and layer; means over seeds."""

    model: Annotated[str, Means("the checkpoint, as the user named it")]
    step: Step
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    layer: Layer
    metric: columns.MetricName
    score: Annotated[float, Means("on the test split", UNIT)]
    ci_low: columns.Low
    ci_high: columns.High
    retention: columns.Retention
    retention_low: columns.RetentionLow
    retention_high: columns.RetentionHigh
    change: columns.Change
    change_low: columns.Low
    change_high: columns.High
    dev_score: Annotated[float, Means("the metric on dev", UNIT)]
    floor: columns.Floor
    n_test: columns.TestInstances
    groups: columns.TestGroups
    resampled: columns.Resampled = ""
    seeds: Seeds
    from_test: columns.FromTest
    from_seeds: columns.FromSeeds
    model_fingerprint: columns.ModelFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class BestStepRow:
    """One checkpoint and task: its best layer, and that of the base, each chosen on dev."""

    model: Annotated[str, Means("the checkpoint, as the user named it")]
    step: Step
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    metric: columns.MetricName
    layer_first: LayerFirst
    layer: Annotated[int, Means("the checkpoint's layer", COUNT)]
    score_first: ScoreFirst
    score: Annotated[float, Means("on the test split", UNIT)]
    retention: columns.Retention
    change: columns.Change
    change_low: columns.Low
    change_high: columns.High
    floor: columns.Floor
    n_test: columns.TestInstances
    groups: columns.TestGroups
    resampled: columns.Resampled = ""
    seeds: Seeds
    from_test: columns.FromTest
    from_seeds: columns.FromSeeds
    model_fingerprint: columns.ModelFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class FellRow:
    """One task and layer."""

    task: columns.TaskName
    corpus: columns.CorpusName
    layer: Layer
    step: Annotated[
        int | None,
        Means(
            "the first at which retention is below the threshold; empty where it never is", "from 0"
        ),
    ]
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class FirstToLast:
    """A score of the first checkpoint and one of the last, each at a layer of its own."""

    layer_first: LayerFirst
    layer_last: LayerLast
    score_first: ScoreFirst
    score_last: ScoreLast
    change: columns.Change
    change_low: columns.Low
    change_high: columns.High
    detectable: columns.Detectable
    retention: columns.Retention
    floor: columns.Floor


@dataclass(frozen=True, kw_only=True)
class SummaryRow(FirstToLast):
    """One task, from the first checkpoint to the last: its best layers, and under `last_layer_…`
    its last layer."""

    task: Annotated[columns.TaskName, Precedes("layer_first")]
    corpus: Annotated[columns.CorpusName, Precedes("layer_first")]
    backward_transfer: Annotated[
        float, Means("the same as `change` (Lopez-Paz and Ranzato 2017)", CHANGE)
    ]
    backward_transfer_low: columns.Low
    backward_transfer_high: columns.High
    best_step: Annotated[int, Means("the best checkpoint before the last, chosen on dev", COUNT)]
    change_from_best: Annotated[float, Means("the last checkpoint's score less that one's", CHANGE)]
    change_from_best_low: columns.Low
    change_from_best_high: columns.High
    forgetting: Annotated[
        float, Means("its opposite, above zero where the score fell (Chaudhry et al. 2018)", CHANGE)
    ]
    last_layer_layer_first: LayerFirst
    last_layer_layer_last: LayerLast
    last_layer_score_first: ScoreFirst
    last_layer_score_last: ScoreLast
    last_layer_change: columns.Change
    last_layer_change_low: columns.Low
    last_layer_change_high: columns.High
    last_layer_detectable: columns.Detectable
    last_layer_retention: columns.Retention
    last_layer_floor: columns.Floor
    verdict: columns.Verdict
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


FINGERPRINTS = ["corpus_fingerprint", "task_fingerprint", "fit_fingerprint"]
KEYS = ["task", "corpus", *FINGERPRINTS, "layer"]
STEPS = schema_of(
    "trajectory",
    "a checkpoint, task and layer",
    StepRow,
    ("model", "model_fingerprint", "step", *KEYS),
)
BEST_STEPS = schema_of(
    "best_steps",
    "a checkpoint and task, at the best layers",
    BestStepRow,
    ("model", "model_fingerprint", "step", *KEYS[:-1]),
)
FELL = schema_of("fell", "a task and layer", FellRow, KEYS)
SUMMARY = schema_of("summary", "a task", SummaryRow, KEYS[:-1])


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Results):
    """Scores over training.

    Attributes:
        table: one row for each checkpoint, task and layer, in order, see StepRow. A retention of 1
            is the base, 0 the majority baseline.
        fell: one row for each task and layer, see FellRow: when retention fell below the threshold.
        summary: one row for each task, see SummaryRow: its best layers and its last layer, at the
            first and the last checkpoint.
        best: one row for each checkpoint and task, see BestStepRow: its best layer, and that of the
            base.
        behaviour: one row for each checkpoint and task of behaviour, see BehaviourStepRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": STEPS, "fell": FELL, "summary": SUMMARY}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {"best": BEST_STEPS, "behaviour": BEHAVIOUR_STEPS}
    MADE_BY: ClassVar[str] = "trace"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "task", "corpus")

    table: pd.DataFrame
    fell: pd.DataFrame
    summary: pd.DataFrame
    best: pd.DataFrame = field(default=None, kw_only=True)
    behaviour: pd.DataFrame = field(default=None, kw_only=True)

    @property
    def has_layers(self) -> bool:
        """Whether layers were probed: tasks of behaviour have none."""
        return len(self.table) > 0

    def shown(self) -> pd.DataFrame:
        """What became of each task; or behaviour, where no layer was probed."""
        if not self.has_layers and len(self.behaviour):
            return self.behaviour
        return self.summary[list(SHOWN)]

    @property
    def base(self) -> str:
        """The model from which retention and changes count, the first in `table`."""
        return str(self.run.settings.get("base", ""))

    @property
    def threshold(self) -> float:
        """Of retention, for `fell`."""
        return float(self.run.settings.get("threshold", THRESHOLD))
