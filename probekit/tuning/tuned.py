"""Tuned: what a fine-tuned model scores on its task, and how its training went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.results.columns import CHANGE, COUNT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd


SCORE = "−1 to 1; bits and perplexity from 0"


@dataclass(frozen=True, kw_only=True)
class TunedRow:
    """One metric of one split."""

    model: Annotated[str, Means("the checkpoint that training began with, as the user named it")]
    data: Annotated[str, Means("what it was fine-tuned on")]
    recipe: Annotated[str, Means("the recipe")]
    rate: Annotated[str, Means("the highest learning rate, as `2e-05`")]
    epochs: Annotated[int, Means("how often the training examples were read", "from 1")]
    seed: Annotated[int, Means("of new weights, the order of examples and dropout", COUNT)]
    split: Annotated[
        str,
        Means(
            "`test`, or `dev`, on which the checkpoint was chosen; of MNLI also `test_mismatched`"
        ),
    ]
    metric: Annotated[str, Means("the metric; the first one chose the checkpoint")]
    score: Annotated[float, Means("the score", SCORE)]
    ci_low: Annotated[
        float, Means("lower end of the 95% interval over texts; not over seeds", SCORE)
    ]
    ci_high: Annotated[float, Means("its upper end", SCORE)]
    majority: Annotated[
        float,
        Means(
            "of always saying the most frequent label of training; not on dev, and empty for raw "
            "text",
            CHANGE,
        ),
    ]
    examples: Annotated[int, Means("texts in the split", COUNT)]
    train_examples: Annotated[int, Means("texts in training", COUNT)]
    parameters: Annotated[int, Means("weights of the model and its head", COUNT)]
    trained: Annotated[int, Means("of these, weights that were trained", COUNT)]


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """One step of training."""

    step: Annotated[int, Means("of training", "from 1")]
    epoch: Annotated[float, Means("epochs read so far", COUNT)]
    loss: Annotated[float, Means("of its batch, the recipe's penalty included", COUNT)]
    rate_share: Annotated[float, Means("the learning rate, as a share of the highest", "0 to 1")]
    dev_score: Annotated[float, Means("the first metric on dev, after this step", SCORE)]


TUNED = schema_of(
    "finetuned",
    "a metric of a split",
    TunedRow,
    ("model", "data", "recipe", "rate", "epochs", "seed", "split", "metric"),
)
HISTORY = schema_of("history", "a step of training", HistoryRow, ("step",))


@dataclass(frozen=True, eq=False, repr=False)
class Tuned(Results):
    """A fine-tuned model's scores. The model itself is in the folder that they were written to.

    Attributes:
        table: one row for each metric and split, see TunedRow.
        history: one row for each step, see HistoryRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": TUNED, "history": HISTORY}
    MADE_BY: ClassVar[str] = "finetune"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "data", "recipe")

    table: pd.DataFrame
    history: pd.DataFrame

    @property
    def score(self) -> float:
        """The first metric on test."""
        return float(self.table[self.table["split"] == "test"]["score"].iloc[0])
