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

if TYPE_CHECKING:
    import pandas as pd

FINISHED = "finished"
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


def trades(table: pd.DataFrame) -> list[TradeRow]:
    """The rows of the tradeoff, from the table of cells.

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
    return rows


def incomparable(table: pd.DataFrame) -> list[str]:
    """A warning for each task that some cell has no retention of."""
    found = []
    finished = table[table["outcome"] == FINISHED]
    for (task, _), cells in finished.groupby(["task", "corpus"], sort=False):
        missing = int(cells["retention"].isna().sum())
        if missing:
            found.append(
                f"{task}: {missing:,} of {len(cells):,} cells have no retention, too little being "
                "known before for their minimum detectable effect: it is in no mean"
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


def conclusion(tradeoff: pd.DataFrame) -> str:
    """Which recipe keeps the most at no measurable loss on the target, and how many cells diverged.

    The loss is that of test, compared with the recipe and rate that are best on dev. Two are told
    apart where their difference is larger than the root of the summed squares of half their
    intervals. That is careful: all are tested on the same texts, which a paired test would use.
    A loss that is not measured can be there, so that the sentence says how large it may be. Each
    comparison is at 95% by itself, without a correction for many recipes. A recipe and rate of
    which one seed was trained to its end has no interval, and is compared with none.
    """
    rows = [row for _, row in tradeoff.iterrows() if row["seeds"]]
    several = [row for row in rows if row["seeds"] > 1]
    said = _conclusion(several)
    alone = [_name(row) for row in rows if row["seeds"] == 1]
    if several and alone:
        said += f"; not compared, since one seed has no interval: {', '.join(alone)}"
    count, of = int(tradeoff["diverged"].sum()), int(tradeoff["seeds"].sum())
    if not count:
        return said
    return f"{said}; {count:,} of {count + of:,} cells diverged and are in no mean"


def _conclusion(rows: list[pd.Series]) -> str:
    """The sentence about recipes and rates of which at least two seeds were trained."""
    if not rows:
        return (
            "one seed of fine-tuning does not show how far another would move these numbers: "
            "take at least two"
        )
    if any(np.isnan(row["retention"]) for row in rows):
        return "no task has a retention in every cell: what recipes keep cannot be compared"
    best = max(rows, key=lambda row: row["dev"])
    if len(rows) == 1:
        return (
            f"there is nothing to compare {_name(best)} with: its target is {best['target']:.3f}, "
            f"and it keeps {best['retention']:.1%}"
        )
    close = [row for row in rows if not _is_below(best, row)]
    if len(close) == 1:
        return (
            f"{_name(best)} is the best on dev, and the target of every other is measurably below "
            f"its {best['target']:.3f}; it keeps {best['retention']:.1%}"
        )
    leader = max(close, key=lambda row: row["retention"])
    tied = [row for row in close if not _differ(leader, row, "retention")]
    among = (
        f"{len(close)} of {len(rows)} whose target is not measurably below that of {_name(best)}, "
        f"the best on dev ({best['target']:.3f}){_possible_loss(best, tied)}"
    )
    if len(tied) > 1:
        names = ", ".join(_name(row) for row in tied)
        return f"intervals do not tell {names} apart: they keep the most among the {among}"
    return f"{_name(leader)} keeps the most ({leader['retention']:.1%}) among the {among}"


def _possible_loss(best: pd.Series, rows: list[pd.Series]) -> str:
    """Which of these targets may be how far below that of the best; "" where none may be."""
    losses = {}
    for row in rows:
        if _name(row) != _name(best):
            losses[_name(row)] = best["target"] - row["target"] + _apart(best, row, "target")
    name = max(losses, key=lambda one: losses[one], default="")
    least = METRICS[best["metric"]].low if best["metric"] in METRICS else -np.inf
    most = min(losses.get(name, 0.0), best["target"] - least)
    return f"; that of {name} may be up to {most:.3f} lower" if most > 0 else ""


def _is_below(best: pd.Series, row: pd.Series) -> bool:
    return bool(row["target"] < best["target"]) and _differ(best, row, "target")


def _differ(one: pd.Series, other: pd.Series, column: str) -> bool:
    return bool(abs(one[column] - other[column]) > _apart(one, other, column))


def _apart(one: pd.Series, other: pd.Series, column: str) -> float:
    """The difference from which on two are told apart."""
    return float(np.hypot(_half(one, column), _half(other, column)))


def _half(row: pd.Series, column: str) -> float:
    """Half an interval: its longer side, since the range of the metric may cut off the other."""
    return float(max(row[column] - row[f"{column}_low"], row[f"{column}_high"] - row[column]))


def _name(row: pd.Series) -> str:
    """The recipe and rate, with the seeds that it is judged by where training diverged."""
    name = f"{row['recipe']} at {row['rate']}"
    if not row["diverged"]:
        return name
    return f"{name} ({row['seeds']:,} of {row['seeds'] + row['diverged']:,} seeds)"
