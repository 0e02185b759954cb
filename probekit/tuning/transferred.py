"""Transferred: scores by the number of labels, and how many labels pre-training saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from probekit.results.columns import CHANGE, COUNT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

Model = Annotated[str, Means("the pre-trained checkpoint, as the user named it")]
DataName = Annotated[str, Means("what was learnt")]
Method = Annotated[str, Means("`ngrams`, `static`, or a recipe: `frozen`, `full`, `scratch`")]
TrainExamples = Annotated[
    int, Means("training examples with labels: texts, or sentences whose words have them", COUNT)
]
Metric = Annotated[str, Means("the metric; it also chose on dev")]
FACTOR = "from 0"


@dataclass(frozen=True, kw_only=True)
class TransferRow:
    """One trained model."""

    model: Model
    data: DataName
    method: Method
    train_examples: TrainExamples
    seed: Annotated[int, Means("of the sample of labels, new weights and the order", COUNT)]
    metric: Metric
    score: Annotated[float, Means("on test", CHANGE)]
    ci_low: Annotated[
        float, Means("lower end of the 95% interval over test texts; not over seeds", CHANGE)
    ]
    ci_high: Annotated[float, Means("its upper end", CHANGE)]
    dev_score: Annotated[float, Means("on dev", CHANGE)]
    chosen: Annotated[
        str, Means("what dev chose: the learning rate, as `2e-05`, or C of logistic regression")
    ]
    train_labels: Annotated[int, Means("labels in these examples, of words or texts", COUNT)]
    test_examples: Annotated[int, Means("texts in test", COUNT)]
    seconds: Annotated[float, Means("of training and predicting", "seconds")]


@dataclass(frozen=True, kw_only=True)
class CurveRow:
    """One method at one number of labels."""

    model: Model
    data: DataName
    method: Method
    train_examples: TrainExamples
    seeds: Annotated[int, Means("how many models it is the mean of", COUNT)]
    metric: Metric
    score: Annotated[float, Means("on test, the mean over seeds", CHANGE)]
    ci_low: Annotated[
        float,
        Means(
            "lower end of its 95% interval over test texts and seeds; of one seed over texts",
            CHANGE,
        ),
    ]
    ci_high: Annotated[float, Means("its upper end", CHANGE)]
    dev_score: Annotated[float, Means("on dev, the mean over seeds", CHANGE)]
    majority: Annotated[
        float, Means("of always saying the most frequent label of all training examples", CHANGE)
    ]


@dataclass(frozen=True, kw_only=True)
class FactorRow:
    """The pre-trained model compared with one reference."""

    model: Model
    data: DataName
    reference: Annotated[str, Means("the method that it is compared with")]
    pretrained: Annotated[
        str,
        Means(
            "the recipe of the pre-trained model at each number of labels, chosen on dev: "
            "`10:frozen 100:full`"
        ),
    ]
    train_examples: Annotated[int, Means("those of the reference: the most tried", COUNT)]
    fewest: Annotated[int, Means("the fewest tried", COUNT)]
    seeds: Annotated[int, Means("how many", COUNT)]
    metric: Metric
    score: Annotated[
        float,
        Means("of the reference with so many labels, on its monotone curve: to be reached", CHANGE),
    ]
    needed: Annotated[
        float,
        Means(
            "labels with which the pre-trained model reaches it; empty where it does not, or the "
            "fewest are enough",
            COUNT,
        ),
    ]
    bound: Annotated[
        str,
        Means(
            "`more than` where the fewest labels are enough, `less than` where all are not; else "
            "empty"
        ),
    ]
    factor: Annotated[
        float, Means("how many times fewer labels; with `bound`, the end of the scale", FACTOR)
    ]
    ci_low: Annotated[
        float,
        Means("lower end of the 95% interval over test texts and seeds; 0 for less than 1", FACTOR),
    ]
    ci_high: Annotated[
        float,
        Means("its upper end; empty for more than the scale, `train_examples` / `fewest`", FACTOR),
    ]


TRANSFER = schema_of(
    "transfer",
    "a trained model",
    TransferRow,
    ("model", "data", "method", "train_examples", "seed"),
)
CURVES = schema_of(
    "label_curves",
    "a method at a number of labels",
    CurveRow,
    ("model", "data", "method", "train_examples"),
)
FACTORS = schema_of("factors", "a reference", FactorRow, ("model", "data", "reference"))


@dataclass(frozen=True, eq=False, repr=False)
class Transfer(Results):
    """What each method scores with few and many labels, and how many labels pre-training saves.

    Attributes:
        table: one row for each trained model, see TransferRow.
        curves: one row for each method and number of labels, see CurveRow.
        factors: one row for each reference, see FactorRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {
        "table": TRANSFER,
        "curves": CURVES,
        "factors": FACTORS,
    }
    MADE_BY: ClassVar[str] = "transfer"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "data")

    table: pd.DataFrame
    curves: pd.DataFrame
    factors: pd.DataFrame

    def shown(self) -> pd.DataFrame:
        """The curves, which a notebook shows."""
        return self.curves

    @property
    def sentences(self) -> list[str]:
        """One sentence for each factor."""
        found = []
        for row in self.factors.to_dict("records"):
            columns: dict[str, Any] = {str(name): value for name, value in row.items()}
            found.append(factor_sentence(FactorRow(**columns)))
        return found


def factor_sentence(row: FactorRow) -> str:
    """A factor in words."""
    reach = f"what {row.reference} scores with {row.train_examples:,} ({row.score:.3f})"
    between = _interval(row)
    if row.bound == "less than":
        return (
            f"Even with {row.train_examples:,} labels, {row.model} does not reach {reach}: the "
            f"factor is less than 1×{between}."
        )
    if row.bound == "more than":
        return (
            f"With {row.fewest:,} labels, the fewest tried, {row.model} reaches {reach}: more than "
            f"{times(row.factor)} fewer labels{between}."
        )
    return (
        f"With some {row.needed:,.0f} labels, {row.model} reaches {reach}: {times(row.factor)} "
        f"fewer labels{between}."
    )


def times(factor: float) -> str:
    """A factor in words of its size.

    >>> times(1.44), times(26.7)
    ('1.4×', '27×')
    """
    return f"{factor:,.0f}×" if factor >= 10 else f"{factor:.1f}×"


def _interval(row: FactorRow) -> str:
    """The interval in words; "" where there is none."""
    if isnan(row.ci_low):
        return ""
    over = "test texts and seeds" if row.seeds > 1 else "test texts, not over seeds"
    scale = row.train_examples / row.fewest
    if row.ci_high == 0 or (isnan(row.ci_high) and row.ci_low >= scale):
        return f" (in 95% of the resamples over {over} too)"
    low = "less than 1×" if row.ci_low == 0 else times(row.ci_low)
    high = f"more than {times(scale)}" if isnan(row.ci_high) else times(row.ci_high)
    return f" (95% interval over {over}: {low} to {high})"
