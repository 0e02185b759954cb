"""Comparison rows: the columns of each table of a comparison.

A class has the columns that its base states, and its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, FINGERPRINT, UNIT
from probekit.results.schema import Means, Precedes

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
class Compared:
    """Two checkpoints and the corpus that both read."""

    before: Before
    after: After
    corpus: columns.CorpusName
    before_fingerprint: BeforeFingerprint
    after_fingerprint: AfterFingerprint
    corpus_fingerprint: columns.CorpusFingerprint


@dataclass(frozen=True, kw_only=True)
class ComparedTask(Compared):
    """Two checkpoints and the task that both answer."""

    task: Annotated[columns.TaskName, Precedes("corpus")]
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


@dataclass(frozen=True, kw_only=True)
class Difference(ComparedTask):
    """A task's scores at a layer before and a layer after, and their difference."""

    probe: columns.ProbeName
    metric: columns.MetricName
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
    n_train: columns.TrainInstances
    n_test: columns.TestInstances
    groups: columns.TestGroups
    resampled: columns.Resampled = ""
    seeds: Seeds
    resamples: columns.TrainResamples
    from_test: columns.FromTest
    from_seeds: columns.FromSeeds
    from_training: columns.FromTraining


@dataclass(frozen=True, kw_only=True)
class ComparisonRow(Difference):
    """One checkpoint, task and layer."""

    layer: Annotated[LayerBefore, Precedes("metric")]
    layer_after: Annotated[LayerAfter, Precedes("retention_low")]
    dev_before: Annotated[
        float, Means("the same as `score_before`, on dev", UNIT), Precedes("n_train")
    ]
    dev_after: Annotated[
        float, Means("the same as `score_after`, on dev", UNIT), Precedes("n_train")
    ]


@dataclass(frozen=True, kw_only=True)
class BestRow(Difference):
    """One checkpoint and task: the best layers before and after, chosen on dev, compared."""

    layer_before: Annotated[int, Means("the best layer before", COUNT), Precedes("score_before")]
    layer_after: Annotated[int, Means("the best layer after", COUNT), Precedes("score_before")]
    expected_layer_before: Annotated[
        float, Means("where the score is gained, a mean of layers", "layers"), Precedes("n_train")
    ]
    expected_layer_after: Annotated[float, Means("the same after", "layers"), Precedes("n_train")]
    layer_probed: Annotated[
        int,
        Means("the layer whose parts the verdict speaks of first", COUNT),
        Precedes("n_train"),
    ]
    kind: Annotated[str, Means("that of `layer_probed` in decomposition.csv")]
    verdict: columns.Verdict


@dataclass(frozen=True, kw_only=True)
class DecompositionRow(ComparedTask):
    """One checkpoint, task and layer: what the drop of a probe trained before is made of."""

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


@dataclass(frozen=True, kw_only=True)
class SimilarityRow(Compared):
    """One checkpoint, context and pair of layers."""

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


@dataclass(frozen=True, kw_only=True)
class LabelRow(ComparedTask):
    """One checkpoint, task and kind of test instance, at one layer."""

    layer: Annotated[int, Means("the layer before, `layer_probed` of best.csv", COUNT)]
    kind: Annotated[
        str,
        Means(
            "what instances are told apart by: the gold `label`; `seen`, whether all words occur "
            "in training; `frequency`, how often the rarest one does; `length` of the sentence in "
            "words; `distance` in words from one span of a pair to the other, or from a head to "
            "its dependent (task `distance`)"
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
    groups: columns.TestGroups
    resampled: columns.Resampled = ""
    seeds: Seeds
    from_test: columns.FromTest
    from_seeds: columns.FromSeeds
