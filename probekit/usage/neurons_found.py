"""Neurons found: which neurons tell of a task, how few suffice, and what ablating them breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

RANDOM = "random"
KEPT = 0.95  # of the score of all neurons

Model = Annotated[str, Means("the checkpoint, as the user named it")]
Layer = Annotated[int, Means("the layer of the neurons", COUNT)]
Method = Annotated[str, Means("how neurons were ranked: `weights`, `probeless` or `information`")]


@dataclass(frozen=True, kw_only=True)
class NeuronRow:
    """One of the first neurons of a ranking."""

    model: Model
    corpus: columns.CorpusName
    task: columns.TaskName
    layer: Layer
    method: Method
    label: Annotated[str, Means("of which label it tells; empty for all labels together")]
    ranking_place: Annotated[int, Means("in the ranking", "from 1")]
    neuron: Annotated[int, Means("its number", COUNT)]
    importance: Annotated[float, Means("how much it tells, by the method", COUNT)]


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """Probes of the first neurons of a ranking."""

    model: Model
    corpus: columns.CorpusName
    task: columns.TaskName
    layer: Layer
    method: Annotated[str, Means("the ranking, or `random`: one random order")]
    neurons: Annotated[int, Means("how many of the first ones the probe reads", "from 1")]
    metric: columns.MetricName
    score: Annotated[float, Means("on test, the mean over seeds", UNIT)]
    ci_low: columns.Low
    ci_high: columns.High
    dev_score: Annotated[float, Means("on dev", UNIT)]


@dataclass(frozen=True, kw_only=True)
class OverlapRow:
    """The first neurons of two rankings."""

    model: Model
    corpus: columns.CorpusName
    layer: Layer
    method: Method
    task: columns.TaskName
    other_model: Annotated[str, Means("the checkpoint of the other ranking")]
    other_task: Annotated[str, Means("the task of the other ranking")]
    neurons: Annotated[int, Means("how many of the first ones are compared", "from 1")]
    shared: Annotated[int, Means("how many of them are in both", COUNT)]
    expected: Annotated[
        float, Means("how many chance would share, were all neurons as likely to be first", COUNT)
    ]
    shuffled: Annotated[
        int,
        Means(
            "how many are shared with a ranking by the other labels shuffled among instances: "
            "whatever they are",
            COUNT,
        ),
    ]
    p_value: Annotated[
        float,
        Means(
            "of as many or more by chance (hypergeometric), not corrected; without meaning where "
            "`shuffled` is far above `expected`",
            UNIT,
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class AblationRow:
    """Neurons ablated while the model ran."""

    model: Model
    corpus: columns.CorpusName
    task: columns.TaskName
    layer: Annotated[int, Means("the layer that was changed while the model ran", COUNT)]
    method: Method
    way: Annotated[str, Means("what the neurons were set to: `zero`, `mean` or `resample`")]
    neurons: Annotated[int, Means("how many: the first ones, or as many at random", "from 1")]
    read_at: Annotated[int, Means("the layer that the probes read, trained before", COUNT)]
    metric: columns.MetricName
    seeds: Annotated[int, Means("of probes", COUNT)]
    draws: Annotated[int, Means("of as many random neurons", COUNT)]
    score_before: Annotated[float, Means("score without an ablation", UNIT)]
    change: Annotated[float, Means("when the first neurons are ablated", CHANGE)]
    ci_low: columns.Low
    ci_high: columns.High
    random_change: Annotated[
        float, Means("when as many random ones are, the mean over draws", CHANGE)
    ]
    beyond: Annotated[float, Means("change less random change", CHANGE)]
    beyond_low: Annotated[
        float,
        Means("lower end of its 95% interval, over test sentences and another draw", CHANGE),
    ]
    beyond_high: Annotated[float, Means("upper end of it", CHANGE)]
    p_value: Annotated[
        float,
        Means("of `beyond`, by the paired permutation test, beside the spread between draws", UNIT),
    ]
    p_adjusted: columns.AdjustedP


_EXPERIMENT = ("model", "corpus", "task", "layer", "method")
NEURONS = schema_of(
    "neurons", "a neuron in a ranking", NeuronRow, (*_EXPERIMENT, "label", "ranking_place")
)
CURVE = schema_of(
    "neuron_curve", "probes of the first neurons", CurveRow, (*_EXPERIMENT, "neurons")
)
OVERLAP = schema_of(
    "neuron_overlap",
    "a pair of rankings",
    OverlapRow,
    (*_EXPERIMENT, "other_model", "other_task"),
)
ABLATION = schema_of("ablation", "an ablation", AblationRow, (*_EXPERIMENT, "way", "read_at"))


@dataclass(frozen=True, eq=False, repr=False)
class Neurons(Results):
    """Which neurons tell of a task.

    Attributes:
        table: one row for each of the first neurons of each ranking, see NeuronRow.
        curve: one row for each number of neurons, see CurveRow.
        ablation: one row for each ablation, see AblationRow; empty for the last layer alone.
        overlap: one row for each pair of rankings, see OverlapRow; empty for one task and model.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": NEURONS, "curve": CURVE}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {"ablation": ABLATION, "overlap": OVERLAP}
    MADE_BY: ClassVar[str] = "neurons"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "task")

    table: pd.DataFrame
    curve: pd.DataFrame
    ablation: pd.DataFrame = field(default=None, kw_only=True)
    overlap: pd.DataFrame = field(default=None, kw_only=True)

    def fewest(self) -> pd.DataFrame:
        """The fewest neurons tried that keep 95% of the score on dev: one row for each layer and
        method, with their score on test, its interval, and the score of all neurons."""
        import pandas as pd

        rows = []
        keys = ["model", "corpus", "task", "layer", "method"]
        for key, each in self.curve.groupby(keys, sort=False):
            every = each.loc[each["neurons"].idxmax()]
            enough = each[each["dev_score"] >= KEPT * every["dev_score"]]
            first = enough.loc[enough["neurons"].idxmin()]
            about = dict(zip(keys, key, strict=True))
            sizes = {"fewest": first["neurons"], "of": every["neurons"]}
            scores = {name: first[name] for name in ("score", "ci_low", "ci_high")}
            scores["score_of_all"] = every["score"]
            rows.append({**about, **sizes, **scores})
        return pd.DataFrame(rows)
