"""Recipe conclusion: which recipe keeps the most at no measurable loss on the target, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probekit.tuning.metrics import METRICS
from probekit.tuning.target_differences import RecipeAtRate

if TYPE_CHECKING:
    import pandas as pd


def best_on_dev(tradeoff: pd.DataFrame) -> RecipeAtRate | None:
    """The recipe and rate with the highest score on dev, of those with two seeds or more that were
    trained to their end; None without any."""
    several = [row for _, row in tradeoff.iterrows() if row["seeds"] > 1]
    if not several:
        return None
    best = max(several, key=lambda row: row["dev"])
    return RecipeAtRate(best["recipe"], best["rate"])


def conclusion(tradeoff: pd.DataFrame) -> str:
    """Which recipe keeps the most at no measurable loss on the target, and how many cells diverged.

    The loss is that of test, compared with the recipe and rate that are best on dev on the same
    texts (see `target_differences`). A loss that is not measured can be
    there, so that the sentence says how large it may be. Two retentions are told apart where their
    difference is larger than the root of the summed squares of half their intervals; that is
    careful, since all are probed on the same texts, which a paired test would use. Each comparison
    is at 95% by itself, without a correction for many recipes. A recipe and rate of which one
    seed was trained to its end has no interval, and is not compared.
    """
    rows = [row for _, row in tradeoff.iterrows() if row["seeds"]]
    name = best_on_dev(tradeoff)
    if name is None:
        return (
            "one seed of fine-tuning does not show how far another would move these numbers: "
            f"take at least two{_diverged(tradeoff)}"
        )
    best = next(row for row in rows if (row["recipe"], row["rate"]) == name)
    compared: list[pd.Series] = []
    others: list[pd.Series] = []
    for row in rows:
        has_interval = row is best or not np.isnan(row["difference_low"])
        (compared if has_interval else others).append(row)
    said = _compared(best, compared)
    if others:
        said += f"; not compared, having no interval: {_names(others)}"
    return said + _diverged(tradeoff)


def _diverged(tradeoff: pd.DataFrame) -> str:
    """How many cells diverged; "" where none did."""
    count, finished = int(tradeoff["diverged"].sum()), int(tradeoff["seeds"].sum())
    if not count:
        return ""
    return f"; {count:,} of {count + finished:,} cells diverged and are in no mean"


def _compared(best: pd.Series, rows: list[pd.Series]) -> str:
    """The sentence about the best on dev and what it is compared with, all in `rows`."""
    if any(np.isnan(row["retention"]) for row in rows):
        return "no task has a retention in every cell: what recipes keep cannot be compared"
    if len(rows) == 1:
        return (
            f"there is nothing to compare {_name(best)} with: its target is {best['target']:.3f}, "
            f"and it keeps {best['retention']:.1%}"
        )
    close = [row for row in rows if row is best or row["difference_high"] >= 0]
    if len(close) == 1:
        return (
            f"{_name(best)} is the best on dev, and the target of every other is measurably below "
            f"its {best['target']:.3f}; it keeps {best['retention']:.1%}"
        )
    leader = max(close, key=lambda row: row["retention"])
    tied = [row for row in close if not _differ(leader, row)]
    among = (
        f"{len(close)} of {len(rows)} whose target is not measurably below that of {_name(best)}, "
        f"the best on dev ({best['target']:.3f}){_possible_loss(best, tied)}"
    )
    if len(tied) > 1:
        return f"intervals do not tell {_names(tied)} apart: they keep the most among the {among}"
    return f"{_name(leader)} keeps the most ({leader['retention']:.1%}) among the {among}"


def _possible_loss(best: pd.Series, rows: list[pd.Series]) -> str:
    """Which of these targets may be how far below that of the best; "" where none may be."""
    losses = {_name(row): -row["difference_low"] for row in rows if row is not best}
    name = max(losses, key=lambda one: losses[one], default="")
    least = METRICS[best["metric"]].low if best["metric"] in METRICS else -np.inf
    most = min(losses.get(name, 0.0), best["target"] - least)
    return f"; that of {name} may be up to {most:.3f} lower" if most > 0 else ""


def _differ(one: pd.Series, other: pd.Series) -> bool:
    """Whether two retentions are told apart."""
    apart = np.hypot(_half(one), _half(other))
    return bool(abs(one["retention"] - other["retention"]) > apart)


def _half(row: pd.Series) -> float:
    """Half the interval of a retention."""
    return float((row["retention_high"] - row["retention_low"]) / 2)


def _names(rows: list[pd.Series]) -> str:
    return ", ".join(_name(row) for row in rows)


def _name(row: pd.Series) -> str:
    """The recipe and rate, with the seeds that it is judged by where training diverged."""
    name = f"{row['recipe']} at {row['rate']}"
    if not row["diverged"]:
        return name
    return f"{name} ({row['seeds']:,} of {row['seeds'] + row['diverged']:,} seeds)"
