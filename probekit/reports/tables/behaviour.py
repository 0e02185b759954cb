"""The table of behaviour: what language models themselves find likely."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.reports.number_text import UNKNOWN, change_interval, score_interval, score_text
from probekit.reports.table import LEGENDS, Column, Table, name_columns, names_of
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS

if TYPE_CHECKING:
    import pandas as pd

FLIPS = (
    "lost, gained: % of pairs right before and wrong after, and the reverse, with 95% "
    "intervals, and what chance would give were the answers unrelated"
)


def behaviour_change_table(comparison: Comparison) -> Table | None:
    """One row per checkpoint, task and metric; None where no behaviour was compared."""
    found = comparison.behaviour
    if found.empty:
        return None
    names = names_of(found, ("after", "task", "corpus"))
    after = "" if "after" in names else f" → {found['after'].iloc[0]}"
    on = "" if "corpus" in names else f" on {found['corpus'].iloc[0]}"
    p_value = "p" if comparison.run.settings.get("correction") == "none" else "p adj."
    numbers = ("before", "after", "change", "95% interval", p_value, "MDE", "lost", "gained")
    columns = [*name_columns(names), Column("metric", False), *map(Column, numbers)]
    title = f"{found['before'].iloc[0]}{after}{on}: behaviour of the language models themselves"
    shown = Table(title, columns, note=f"{LEGENDS[p_value]}; {FLIPS}")
    for _, row in found.iterrows():
        flipped = [_flips(row, "lost"), _flips(row, "gained")]
        cells = [
            row["metric"],
            f"{row['score_before']:.3f}",
            f"{row['score_after']:.3f}",
            f"{row['delta']:+.3f}",
            change_interval(row["ci_low"], row["ci_high"]),
            f"{row['p_adjusted']:.3f}",
            score_text(row["detectable"]) if row["detectable"] > 0 else UNKNOWN,
            *flipped,
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    return shown


def behaviour_step_table(trajectory: Trajectory) -> Table | None:
    """One row per checkpoint, task and metric; None where no behaviour was measured."""
    found = trajectory.behaviour
    if found.empty:
        return None
    names = names_of(found, ("task", "corpus"))
    numbers = ("step", "score", "change", "95% interval", "lost", "gained")
    columns = [*name_columns(names), Column("metric", False), *map(Column, numbers)]
    title = (
        f"Behaviour of the checkpoints themselves, changes counted from {found['model'].iloc[0]}"
    )
    shown = Table(title, columns, note=FLIPS)
    for _, row in found.iterrows():
        cells = [
            row["metric"],
            str(row["step"]),
            f"{row['score_after']:.3f}",
            f"{row['delta']:+.3f}",
            change_interval(row["ci_low"], row["ci_high"]),
            _flips(row, "lost"),
            _flips(row, "gained"),
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    return shown


def _flips(row: pd.Series, name: str) -> str:
    """A share with its interval, and what chance gives."""
    if isnan(row[name]):
        return "–"
    share, low, high, chance = (
        100 * row[key] for key in (name, f"{name}_low", f"{name}_high", f"{name}_by_chance")
    )
    return f"{share:.1f} ({low:.1f}–{high:.1f}; {chance:.1f})"


def behaviour_table(scores: Scores) -> Table | None:
    """One row per model, task and metric; None where no behaviour was measured."""
    found = scores.behaviour()
    if found.empty:
        return None
    names = names_of(found, ("model", "task", "corpus"))
    on = "" if "corpus" in names else f" on {found['corpus'].iloc[0]}"
    numbers = ("score", "95% interval", "chance", "n")
    columns = [*name_columns(names), *map(Column, numbers), Column("metric", False)]
    shown = Table(f"Behaviour of the language model itself{on}, test split", columns)
    for _, row in found.iterrows():
        cells = [
            f"{row['score']:.3f}",
            score_interval(row["ci_low"], row["ci_high"]),
            score_text(row["chance"]),
            f"{row['n_test']:,}",
            row["metric"],
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    meanings = {row: BEHAVIOUR_METRICS[row].meaning for row in found["metric"]}
    shown.note = "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items())
    return shown
