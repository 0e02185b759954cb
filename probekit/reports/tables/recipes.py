"""The table of recipes: target, retention and cost."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.reports.number_text import change_interval, score_interval, score_text
from probekit.reports.table import Column, Table
from probekit.tuning.recipe_conclusion import best_on_dev
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.target_differences import RecipeAtRate

if TYPE_CHECKING:
    import pandas as pd


def tradeoff_table(found: RecipeScores) -> Table:
    """One row per recipe and rate: target, retention and cost, over seeds."""
    headings = ["rate", "target", "95% interval", "vs. best", "95% interval"]
    headings += ["retention", "95% interval", "front", "trained", "seconds"]
    columns = [Column("recipe", False, True), *map(Column, headings)]
    has_diverged = bool(found.tradeoff["diverged"].sum())
    if has_diverged:
        columns.append(Column("diverged"))
    table = Table(f"Recipes on {found.run.settings.get('data', '')}", columns)
    best = best_on_dev(found.tradeoff)
    for _, row in found.tradeoff.iterrows():
        target = score_interval(row["target_low"], row["target_high"])
        kept = f"{row['retention_low']:.1%}–{row['retention_high']:.1%}"
        table.rows.append(
            [
                row["recipe"],
                row["rate"],
                score_text(row["target"]),
                "" if isnan(row["target_low"]) else target,
                *_vs_best(row, best),
                "–" if isnan(row["retention"]) else f"{row['retention']:.1%}",
                "" if isnan(row["retention_low"]) else kept,
                "yes" if row["on_front"] else "",
                f"{row['trained']:,}",
                f"{row['seconds']:,.0f}",
            ]
        )
        if has_diverged:
            table.rows[-1].append(_diverged(row["diverged"], row["seeds"]))
    return table


def _vs_best(row: pd.Series, best: RecipeAtRate | None) -> list[str]:
    """The difference in target from the best on dev, and its interval."""
    if (row["recipe"], row["rate"]) == best:
        return ["best", "on dev"]
    if isnan(row["difference_low"]):
        return ["", ""]
    interval = change_interval(row["difference_low"], row["difference_high"])
    return [f"{row['difference']:+.3f}", interval]


def _diverged(count: int, finished: int) -> str:
    """How many seeds diverged, of how many."""
    return f"{count} of {count + finished}" if count else ""
