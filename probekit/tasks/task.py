"""Task: a probing task, read from a TOML file such as those in `probes/`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from probekit import bundle, doors, schema
from probekit.corpora.passage import Context
from probekit.errors import TaskError, unknown
from probekit.foreign import toml_table
from probekit.paths import path_of
from probekit.stats.behaviour_metrics import OF_BEHAVIOUR
from probekit.stats.metrics import METRICS
from probekit.stats.tree_metrics import OF_SHAPES

Shape = Literal[
    "word",
    "span",
    "arc",
    "pair",
    "sentence",
    "distance",
    "depth",
    "head",
    "minimal-pair",
    "text",
]
SpanVector = Literal["mean", "ends", "last", "attention", "head"]
Features = Literal["concat", "product"]

CHOICES: dict[str, Collection[str]] = {
    "shape": get_args(Shape),
    "context": get_args(Context),
    "span": get_args(SpanVector),
    "features": get_args(Features),
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A probing task.

    Attributes:
        name: the file's stem, or the name in the file.
        title: one line for people.
        annotation: what is read: a word annotation (`upos`, `feats.Number`, `misc.X`, any tag
            column) or a span annotation (`dependencies`, `constituents`, `roles`, `entities`,
            `mentions`, `targets`); of minimal pairs `pairs`, or `feats.Number` for those made from
            a treebank; of running text `words`.
        shape: `word` labels a word, `span` a given span, `arc` a given ordered pair of spans,
            `pair` whether two mentions are the same entity, and `sentence` a whole sentence.
            Structural tasks ask for a tree: the `distance` of words, their `depth`, or the `head`
            of each. Tasks of behaviour ask a language model itself, without a probe: which sentence
            of a `minimal-pair` it finds more likely, and how well it predicts a `text`.
        metric: how predictions are compared with gold labels: a name in `stats.metrics.METRICS`; of
            structural tasks one of their own (`stats.tree_metrics`), all of which are measured; of
            behaviour `accuracy` or `bits`.
        corpus: the default corpus.
        context: what the model reads in one pass: the `sentence` (a passage), or the `document` up
            to the model's limit.
        span: a span's or a sentence's vector: `mean` of its words, its `ends` (first and last
            word, concatenated), its `last` word, `attention` (a mean with learned weights), or its
            syntactic `head` (which needs the corpus' dependencies).
        features: a pair's vector: `concat` is [a; b], `product` is [a; b; a*b].
        exclude: labels left out, with `*` as wildcard.
        positive: the label that the metric is computed for, if it needs one (`f1`).
        description: what the task asks and where it comes from.
    """

    name: str
    title: str
    annotation: str = field(metadata={"formerly": "layer"})
    shape: Shape
    metric: str = "accuracy"
    corpus: str = "en_ewt"
    context: Context = "sentence"
    span: SpanVector = "mean"
    features: Features = "concat"
    exclude: tuple[str, ...] = ()
    positive: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        for key, valid in CHOICES.items():
            value = getattr(self, key)
            if value not in valid:
                raise TaskError(f"task '{self.name}': {unknown(key, str(value), valid)}")
        metrics_of_shape = {**OF_SHAPES, **OF_BEHAVIOUR}.get(self.shape, tuple(METRICS))
        if self.metric not in metrics_of_shape:
            raise TaskError(
                f"task '{self.name}': {unknown('metric', self.metric, metrics_of_shape)}"
            )
        needs_positive = self.metric in METRICS and METRICS[self.metric].needs_positive
        if needs_positive != bool(self.positive):
            needing = [f"'{name}'" for name, metric in METRICS.items() if metric.needs_positive]
            metrics = " or ".join(needing)
            raise TaskError(
                f"task '{self.name}': metric {metrics} and the key 'positive' go together"
            )
        if self.features == "product" and self.arity == 1:
            raise TaskError(
                f"task '{self.name}': features 'product' needs a shape of two spans (arc or pair)"
            )

    @property
    def arity(self) -> int:
        """Number of spans per instance: 1 or 2."""
        return 2 if self.shape in ("arc", "pair", *OF_SHAPES) else 1

    @property
    def is_structural(self) -> bool:
        """Whether it asks for a tree, not for labels of spans."""
        return self.shape in OF_SHAPES

    @property
    def is_behaviour(self) -> bool:
        """Whether it asks a language model itself, without a probe."""
        return self.shape in OF_BEHAVIOUR

    @property
    def is_labelling(self) -> bool:
        """Whether a probe labels spans: neither structural nor behaviour."""
        return not self.is_structural and not self.is_behaviour


def load_task(name: str | Path) -> Task:
    """Load the task of a shipped name, or a TOML file by its path.

    Raises:
        InputError: for an unknown name.
        TaskError: for a file that is missing or malformed, or has an unknown key or value.
    """
    doors.of_type("name", name, (str, Path))
    is_path = isinstance(name, Path) or name.endswith(".toml") or "/" in name
    path = path_of(name) if is_path else bundle.find("probes", str(name))
    table = {"name": path.stem, **toml_table(path, "task file", TaskError)}
    return schema.read(Task, table, str(path), TaskError)


def shipped_tasks() -> list[Task]:
    """Every task in `probes/`, by name."""
    return [load_task(name) for name in bundle.names("probes")]
