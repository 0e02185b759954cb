"""Recipe scores: what recipes gain on their task and cost in forgetting, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of
from probekit.stats.pareto import pareto_front
from probekit.stats.seeds import over_seeds

if TYPE_CHECKING:
    import pandas as pd

RecipeName = Annotated[str, Means("the recipe")]
RateText = Annotated[str, Means("the highest learning rate, as `2e-05`")]
Target = Annotated[float, Means("the first metric on the test texts of the data", CHANGE)]
Trained = Annotated[int, Means("weights that were trained", COUNT)]
Seconds = Annotated[float, Means("of fine-tuning, without probing", "seconds")]


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """One recipe, rate, seed and task."""

    recipe: RecipeName
    rate: RateText
    seed: Annotated[int, Means("of fine-tuning", COUNT)]
    task: columns.TaskName
    corpus: columns.CorpusName
    target: Target
    target_low: Annotated[float, Means("lower end of its 95% interval over texts", CHANGE)]
    target_high: Annotated[float, Means("its upper end", CHANGE)]
    retention: columns.Retention
    retention_low: columns.RetentionLow
    retention_high: columns.RetentionHigh
    trained: Trained
    seconds: Seconds


@dataclass(frozen=True, kw_only=True)
class TradeRow:
    """One recipe and rate: means over seeds, and over tasks where there are several."""

    recipe: RecipeName
    rate: RateText
    seeds: Annotated[int, Means("how many", "from 1")]
    target: Target
    target_low: Annotated[
        float, Means("lower end of its 95% interval, over texts and seeds of fine-tuning", CHANGE)
    ]
    target_high: Annotated[float, Means("its upper end", CHANGE)]
    retention: columns.Retention
    retention_low: Annotated[
        float, Means("lower end of its 95% interval, seeds of fine-tuning included", "share")
    ]
    retention_high: Annotated[float, Means("its upper end", "share")]
    on_front: Annotated[
        int, Means("1 where none has a higher target and keeps as much, or more", "0 or 1")
    ]
    trained: Trained
    seconds: Seconds


CELLS = schema_of(
    "recipes",
    "a recipe, rate, seed and task",
    CellRow,
    ("recipe", "rate", "seed", "task", "corpus"),
)
TRADES = schema_of("tradeoff", "a recipe and rate", TradeRow, ("recipe", "rate"))


@dataclass(frozen=True, eq=False, repr=False)
class RecipeScores(Results):
    """The gain and the cost of recipes.

    Attributes:
        table: one row for each recipe, rate, seed and task, see CellRow.
        tradeoff: one row for each recipe and rate, see TradeRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": CELLS, "tradeoff": TRADES}
    MADE_BY: ClassVar[str] = "recipes"
    TOLD_BY: ClassVar[Sequence[str]] = ("recipe", "task")

    table: pd.DataFrame
    tradeoff: pd.DataFrame

    def shown(self) -> pd.DataFrame:
        """The recipes and rates."""
        return self.tradeoff

    def conclusion(self) -> str:
        """Which recipe keeps the most at no measurable loss on the target, in a sentence."""
        return conclusion(self.tradeoff)


def trades(table: pd.DataFrame) -> list[TradeRow]:
    """The rows of the tradeoff, from the table of cells."""
    rows = []
    for (recipe, rate), cells in table.groupby(["recipe", "rate"], sort=False):
        by_seed = cells.groupby("seed", sort=True).mean(numeric_only=True)
        target = over_seeds(
            *(by_seed[name].to_numpy() for name in ("target", "target_low", "target_high"))
        )
        names = ("retention", "retention_low", "retention_high")
        kept = over_seeds(*(by_seed[name].to_numpy() for name in names))
        rows.append((recipe, rate, len(by_seed), target, kept, by_seed.mean()))
    costs = np.array([-row[4][0] for row in rows])
    front = pareto_front(costs, np.array([row[3][0] for row in rows]))
    found = []
    for (recipe, rate, seeds, target, kept, means), on_front in zip(rows, front, strict=True):
        found.append(
            TradeRow(
                recipe=recipe,
                rate=rate,
                seeds=seeds,
                target=target[0],
                target_low=target[1],
                target_high=target[2],
                retention=kept[0],
                retention_low=kept[1],
                retention_high=kept[2],
                on_front=int(on_front),
                trained=round(means["trained"]),
                seconds=means["seconds"],
            )
        )
    return found


def conclusion(tradeoff: pd.DataFrame) -> str:
    """Which recipe keeps the most at no measurable loss on the target.

    Two are told apart where their difference is larger than the root of the summed squares of half
    their intervals.
    """
    rows = [row for _, row in tradeoff.iterrows()]
    if any(row["seeds"] < 2 for row in rows):
        return (
            "one seed of fine-tuning does not show how far another would move these numbers: "
            "take at least two"
        )
    best = max(rows, key=lambda row: row["target"])
    close = [row for row in rows if not _differ(best, row, "target")]
    leader = max(close, key=lambda row: row["retention"])
    tied = [row for row in close if not _differ(leader, row, "retention")]
    among = f"{len(close)} of {len(rows)} whose target is not measurably below the highest"
    if len(tied) > 1:
        names = ", ".join(_name(row) for row in tied)
        return f"the data cannot tell {names} apart: they keep the most among the {among}"
    return (
        f"{_name(leader)} keeps the most ({leader['retention']:.1%}) among the {among} "
        f"({leader['target']:.3f})"
    )


def _differ(one: pd.Series, other: pd.Series, column: str) -> bool:
    halves = [(row[f"{column}_high"] - row[f"{column}_low"]) / 2 for row in (one, other)]
    return bool(abs(one[column] - other[column]) > np.hypot(*halves))


def _name(row: pd.Series) -> str:
    return f"{row['recipe']} at {row['rate']}"
