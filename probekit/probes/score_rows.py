"""Score rows: the columns of scores.csv, and those that every table of `probe` has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from probekit.results import columns
from probekit.results.schema import Means, Precedes, schema_of

Before = Precedes("site")  # the columns that tell experiments apart come last


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured: the model, the task, the corpus and the kind of probe."""

    model: Annotated[str, Means("as the user named it")]
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    metric: columns.MetricName
    site: Annotated[
        str,
        Means(
            "what is read of a block: `residual`, `attn`, `mlp`; `vectors` of word vectors, "
            "`parts` of a module"
        ),
    ] = ""
    stack: Annotated[str, Means("of the model: `encoder`, `decoder`, or `only`")] = ""
    pooling: Annotated[
        str, Means("a word's vector: its subwords' `mean`, `first` or `last`, or its text's `cls`")
    ] = ""
    adapter: Annotated[str, Means("`on`, or `off` where a PEFT adapter was left out")] = ""
    dtype: Annotated[str, Means("of the model's computation: `float32`, `bfloat16`, `int8` …")] = ""
    store_dtype: Annotated[str, Means("of the hidden states on disk: `float16`, `float32`")] = ""
    model_fingerprint: columns.ModelFingerprint = ""
    corpus_source: Annotated[
        str, Means("the name or path the corpus was loaded by; empty for one made in Python")
    ] = ""
    corpus_fingerprint: columns.CorpusFingerprint = ""
    span: Annotated[
        str,
        Means(
            "a span's vector: `mean` (of `edge` probes `attention`), `ends`, `last`, `attention`, "
            "`head`"
        ),
    ] = ""
    context: Annotated[str, Means("what was read in one pass: `sentence`, `document`")] = ""
    task_fingerprint: columns.TaskFingerprint = ""
    fit_fingerprint: columns.FitFingerprint = ""


@dataclass(frozen=True, kw_only=True)
class ScoreRow(Measured):
    """One trained probe or baseline. A table of an older version may lack the columns after
    `epoch`."""

    layer: Annotated[
        int | None,
        Means(
            "0 is the embeddings; of a mix, the highest layer; empty for baselines and behaviour",
            "from 0",
        ),
        Precedes("metric"),
    ]
    score: Annotated[
        float,
        Means(
            "on the test split; higher is better; rank correlations from −1; of `bits` and `kl` "
            "lower is better",
            columns.OR_BITS,
        ),
        Before,
    ]
    ci_low: Annotated[
        float,
        Means("lower end of the 95% [bootstrap interval](methods.md#intervals)", columns.OR_BITS),
        Before,
    ]
    ci_high: Annotated[float, Means("upper end of it", columns.OR_BITS), Before]
    n_train: Annotated[columns.TrainInstances, Before]
    n_test: Annotated[columns.TestInstances, Before]
    seed: Annotated[
        int, Means("of the initial weights; 0 for baselines, which have none", "from 0"), Before
    ]
    dev_score: Annotated[
        float,
        Means(
            "the metric on dev of the probe chosen, by which the best layer is chosen; "
            "empty for baselines",
            columns.OR_BITS,
        ),
        Before,
    ]
    dev_loss: Annotated[
        float,
        Means(
            "mean cross-entropy on dev of the probe chosen, for distances and depths their mean "
            "absolute error in edges; lower is better; empty for baselines",
            "nats",
        ),
        Before,
    ]
    epoch: Annotated[
        int | None,
        Means("epochs that the probe chosen was trained for; empty for baselines", "from 1"),
        Before,
    ]
    labels: Annotated[columns.Labels, Before] = "gold"
    view: Annotated[
        str,
        Means("what the probe reads: a `single` layer, or a `mix` of layers 0 to `layer`"),
        Before,
    ] = "single"
    test_corpus: Annotated[columns.TestCorpus, Before] = ""
    test_fingerprint: Annotated[columns.TestFingerprint, Before] = ""
    weights: Annotated[
        str,
        Means(
            "of the model: `trained`; `random`, those of its "
            "[control](methods.md#random-weights); of behaviour `head of NAME` where the "
            "language-modelling head is borrowed"
        ),
        Before,
    ] = "trained"


IDENTITY = {
    "model": ("site", "stack", "pooling", "adapter", "dtype", "store_dtype", "model_fingerprint"),
    "corpus": ("corpus_source", "corpus_fingerprint"),
    "task": ("span", "context", "task_fingerprint"),
    "probe": ("fit_fingerprint",),
}
"""The columns that tell apart models, corpora, tasks and probes of one name."""

KEYS = ["model", "task", "corpus", "probe", "metric"]
# Rows with equal values in these columns are one experiment. A source only describes it.
EXPERIMENT = [*KEYS, "layer", "seed", "labels", "view", "weights"]
EXPERIMENT += ["test_corpus", "test_fingerprint"]
for _columns in IDENTITY.values():
    EXPERIMENT += [column for column in _columns if not column.endswith("source")]
SCORES = schema_of("scores", "a trained probe or baseline", ScoreRow, EXPERIMENT)
COLUMNS = SCORES.names[:12]
"""Columns that keep their names and order; later versions may add columns after them."""
MORE_COLUMNS = SCORES.names[12:15]
