"""Columns that several tables have, each described once."""

from __future__ import annotations

from typing import Annotated

from probekit.results.schema import Means

UNIT = "0 to 1"
CHANGE = "−1 to 1"
COUNT = "from 0"
OR_BITS = "0 to 1, or bits"

TaskName = Annotated[str, Means("the task's name")]
CorpusName = Annotated[
    str, Means("the corpus' name; `*` at the end if modified files were accepted")
]
ProbeName = Annotated[
    str,
    Means(
        "the kind of probe: `linear`, `mlp`, `mlp:32`, `edge`, `rank:8` …; "
        "of baselines `majority`, `lexical`; of trees `left_chain`, `right_chain`, `random_tree`; "
        "`behaviour` of a language model itself, and `chance`"
    ),
]
Labels = Annotated[
    str, Means("`gold`, those of the corpus; or `control`, drawn for each type of word")
]
SliceKind = Annotated[
    str,
    Means(
        "what instances are told apart by: `seen`, whether all words occur in training; "
        "`frequency`, how often the rarest one does; `length` of the sentence in words; `distance` "
        "in words from one span of a pair to the other; in seen.csv also `seen_pair`, whether both "
        "texts of a pair occur as one pair in training"
    ),
]
MetricName = Annotated[str, Means("[the metric](methods.md#metrics) of the scores")]
TrainInstances = Annotated[int, Means("instances in training", COUNT)]
TestInstances = Annotated[int, Means("instances in test", COUNT)]
TestGroups = Annotated[
    int, Means("test sentences (documents) with such an instance, which are resampled", COUNT)
]
Resampled = Annotated[
    str,
    Means(
        "what is resampled for intervals: `sentence` or `document`; empty in results of earlier "
        "builds"
    ),
]
Low = Annotated[float, Means("lower end of the 95% interval", CHANGE)]
High = Annotated[float, Means("upper end of the 95% interval", CHANGE)]
Detectable = Annotated[
    float,
    Means(
        "the minimum detectable effect, before correction; 0 where every prediction is the same",
        UNIT,
    ),
]
Floor = Annotated[float, Means("score of the baseline from which retention counts", UNIT)]
Retention = Annotated[
    float,
    Means(
        "share of what was known above the floor that is left; empty where nothing was known",
        "share",
    ),
]
RetentionLow = Annotated[float, Means("lower end of its 95% interval", "share")]
RetentionHigh = Annotated[float, Means("upper end of its 95% interval", "share")]
Change = Annotated[float, Means("of the score, since the base; negative where it fell", CHANGE)]
PValue = Annotated[float, Means("of the paired permutation test", UNIT)]
AdjustedP = Annotated[float, Means("the same, corrected for many cells", UNIT)]
Verdict = Annotated[str, Means("what became of the task, in words")]
TrainResamples = Annotated[
    int, Means("of the training sentences, on each of which probes were refitted", COUNT)
]
_OfVariance = "share of the variance behind the interval that is due to "
FromTest = Annotated[float, Means(f"{_OfVariance}the test sentences", UNIT)]
FromSeeds = Annotated[float, Means(f"{_OfVariance}the seeds", UNIT)]
FromTraining = Annotated[
    float, Means(f"{_OfVariance}the training sentences; empty without `resamples`", UNIT)
]

FINGERPRINT = "12 digits"
CorpusFingerprint = Annotated[str, Means("of words, boundaries, splits, *and labels*", FINGERPRINT)]
TestCorpus = Annotated[str, Means("the corpus whose test split is scored")]
TestFingerprint = Annotated[
    str, Means("of that corpus; empty where it is the one trained on", FINGERPRINT)
]
TaskFingerprint = Annotated[
    str,
    Means(
        "of the task's file, but for its name, title, description and default corpus", FINGERPRINT
    ),
]
FitFingerprint = Annotated[
    str, Means("of the settings of fitting, but for the seeds; empty for baselines", FINGERPRINT)
]
ModelFingerprint = Annotated[
    str,
    Means(
        "of all that a vector depends on but the text: weights, tokenizer, site, stack, pooling, "
        "types",
        FINGERPRINT,
    ),
]
