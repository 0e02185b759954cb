"""Recipe scores: what recipes gain on their task and cost in forgetting, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of
from probekit.stats.pareto import pareto_front
from probekit.stats.seeds import over_seeds
from probekit.tuning.metrics import METRICS
from probekit.tuning.predicted import Answers
from probekit.tuning.recipe_conclusion import best_on_dev, conclusion
from probekit.tuning.target_differences import NO_DIFFERENCE, RecipeAtRate, target_differences

if TYPE_CHECKING:
    import pandas as pd

FINISHED = "finished"
DIFFERENCE = "−2 to 2"
RETENTION = ["retention", "retention_low", "retention_high"]
RecipeName = Annotated[str, Means("the recipe")]
RateText = Annotated[str, Means("the highest learning rate, as `2e-05`")]
Target = Annotated[float, Means("the first metric on the test texts of the data", CHANGE)]
TargetMetric = Annotated[str, Means("the metric of the target; empty where training diverged")]
Dev = Annotated[float, Means("the same on dev, by which to choose a rate", CHANGE)]
Trained = Annotated[int, Means("weights that were trained", COUNT)]
Seconds = Annotated[float, Means("of fine-tuning, without probing", "seconds")]


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """One recipe, rate, seed and task; of a seed whose training diverged one row."""

    recipe: RecipeName
    rate: RateText
    seed: Annotated[int, Means("of fine-tuning", COUNT)]
    task: Annotated[str, Means("the task's name; empty where training diverged")]
    corpus: Annotated[
        str,
        Means(
            "the corpus' name; `*` at the end if modified files were accepted; empty where "
            "training diverged"
        ),
    ]
    outcome: Annotated[
        str, Means("`finished`, or `diverged at step N`: such cells have no scores")
    ] = FINISHED
    metric: TargetMetric
    dev: Dev
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
    seeds: Annotated[int, Means("trained to their end, of which these are means", COUNT)]
    diverged: Annotated[
        int, Means("seeds whose training diverged, which are in no mean", COUNT)
    ] = 0
    metric: TargetMetric
    dev: Dev
    target: Target
    target_low: Annotated[
        float, Means("lower end of its 95% interval, over texts and seeds of fine-tuning", CHANGE)
    ]
    target_high: Annotated[float, Means("its upper end", CHANGE)]
    difference: Annotated[
        float,
        Means(
            "its target minus that of the recipe and rate with the highest dev among those with "
            "two seeds or more; empty for that one",
            DIFFERENCE,
        ),
    ] = float("nan")
    difference_low: Annotated[
        float,
        Means(
            "lower end of its 95% interval, over texts, which are paired, and seeds of fine-tuning",
            DIFFERENCE,
        ),
    ] = float("nan")
    difference_high: Annotated[float, Means("its upper end", DIFFERENCE)] = float("nan")
    retention: Annotated[
        float,
        Means(
            "share retained, the mean over the tasks that have one in every cell; empty without "
            "any",
            "share",
        ),
    ]
    retention_low: Annotated[
        float, Means("lower end of its 95% interval, seeds of fine-tuning included", "share")
    ]
    retention_high: Annotated[float, Means("its upper end", "share")]
    on_front: Annotated[
        int,
        Means(
            "1 where none has a higher target and keeps as much, or more; by the means, whatever "
            "their intervals",
            "0 or 1",
        ),
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


def trades(
    table: pd.DataFrame, said: Mapping[RecipeAtRate, Mapping[int, Answers]]
) -> list[TradeRow]:
    """The rows of the tradeoff.

    Args:
        table: of the cells.
        said: of test, by recipe and rate, and by seed; of each cell that was trained to its end.

    Retention is a mean over the tasks that have it in every cell: recipes are compared on the same
    ones (see `incomparable`).
    """
    rows = []
    table = table.copy()
    table.loc[~_is_in_all(table), RETENTION] = float("nan")
    for (recipe, rate), cells in table.groupby(["recipe", "rate"], sort=False):
        finished = cells[cells["outcome"] == FINISHED]
        counted = finished if len(finished) else cells
        by_seed = counted.groupby("seed", sort=True).mean(numeric_only=True)
        target, kept = _over_seeds(by_seed, "target"), _over_seeds(by_seed, "retention")
        metric = str(counted["metric"].iloc[0])
        if metric:
            target = _within(target, metric)
        rows.append(
            TradeRow(
                recipe=str(recipe),
                rate=str(rate),
                seeds=finished["seed"].nunique(),
                diverged=cells["seed"].nunique() - finished["seed"].nunique(),
                metric=metric,
                dev=by_seed["dev"].mean(),
                target=target[0],
                target_low=target[1],
                target_high=target[2],
                retention=kept[0],
                retention_low=kept[1],
                retention_high=kept[2],
                on_front=0,
                trained=round(by_seed["trained"].mean()),
                seconds=by_seed["seconds"].mean(),
            )
        )
    shown = [i for i, row in enumerate(rows) if not np.isnan(row.retention)]
    front = pareto_front(
        np.array([-rows[i].retention for i in shown]), np.array([rows[i].target for i in shown])
    )
    for i, on_front in zip(shown, front, strict=True):
        rows[i] = replace(rows[i], on_front=int(on_front))
    return _with_differences(rows, said)


def _with_differences(
    rows: list[TradeRow], said: Mapping[RecipeAtRate, Mapping[int, Answers]]
) -> list[TradeRow]:
    """The same, compared with the best on dev."""
    best = best_on_dev(TRADES.table(rows))
    if best is None:
        return rows
    metric = next(row.metric for row in rows if row.seeds)
    differences = target_differences(metric, said, best)
    found = []
    for row in rows:
        own = differences.get(RecipeAtRate(row.recipe, row.rate), NO_DIFFERENCE)
        found.append(
            replace(row, difference=own.value, difference_low=own.low, difference_high=own.high)
        )
    return found


def incomparable(table: pd.DataFrame) -> list[str]:
    """A warning for each task that some cell has no retention of."""
    found = []
    finished = table[table["outcome"] == FINISHED]
    for (task, _), cells in finished.groupby(["task", "corpus"], sort=False):
        missing = int(cells["retention"].isna().sum())
        if missing:
            found.append(
                f"{task}: {missing:,} of {len(cells):,} cells have no retention, since less was "
                "known before than the minimum detectable effect: the task is left out of all means"
            )
    return found


def _is_in_all(table: pd.DataFrame) -> pd.Series:
    """Whether the task of each row has a retention in every cell that was trained to its end."""
    missing = (table["outcome"] == FINISHED) & table["retention"].isna()
    has_all: pd.Series = ~missing.groupby([table["task"], table["corpus"]]).transform("any")
    return has_all


def _within(ends: tuple[float, float, float], metric: str) -> tuple[float, float, float]:
    """A mean, and the ends of its interval within the range of the metric."""
    limits = METRICS[metric].low, METRICS[metric].high
    low, high = np.clip(ends[1:], *limits)
    return ends[0], float(low), float(high)


def _over_seeds(by_seed: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """The mean of a column and the ends of its interval."""
    names = (column, f"{column}_low", f"{column}_high")
    return over_seeds(*(by_seed[name].to_numpy() for name in names))
