"""Tradeoff: what recipes of fine-tuning gain, against what they keep."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from probekit import doors
from probekit.reports import colours
from probekit.reports.picture import Panel, check, picture
from probekit.reports.style import sized
from probekit.tuning.recipe_scores import RecipeScores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 5.2, 3.8  # inches


def tradeoff(
    found: RecipeScores, *paths: str | Path, ax: Axes | None = None, greyscale: bool = False
) -> Figure:
    """Draw the target score of each recipe and rate against retention, a mean over tasks.

    A filled mark is on the Pareto front: no other has a higher target and keeps as much, or more.
    Bars are 95% intervals over test texts and seeds of fine-tuning. A recipe's rate stands in the
    legend; of one with several rates, each stands beside its mark.

    Args:
        found: of `recipes`.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type and paths with another ending; StoreError where
    a file cannot be written.
    """
    doors.of_type("found", found, RecipeScores)
    check(paths, ax, greyscale)
    title = f"{found.run.settings.get('data', '')}: what recipes gain and keep"
    draw = partial(_draw, frame=found.tradeoff, greyscale=greyscale)
    return picture([Panel(title, WIDTH, HEIGHT, draw)], *paths, ax=ax)


def _draw(axes: Axes, *, frame: pd.DataFrame, greyscale: bool) -> list[Line2D]:
    is_shown = frame["target"].notna()
    keys = []
    for number, (recipe, rows) in enumerate(frame[is_shown].groupby("recipe", sort=False)):
        style = colours.line_style(number, greyscale)
        rates = rows["rate"].tolist()
        for _, row in rows.iterrows():
            _mark(axes, row, style, rate=row["rate"] if len(rates) > 1 else "")
        label = str(recipe) if len(rates) > 1 else f"{recipe} ({rates[0]})"
        keys.append(_key(label, style["color"], style["marker"]))
    keys.append(_key("hollow: not on the Pareto front", "black", "o", markerfacecolor="white"))
    for _, row in frame[~is_shown].iterrows():
        keys.append(_key(f"{row['recipe']} at {row['rate']}: diverged", "black", ""))
    has_bars = frame["target_low"].notna().any()
    what = "bar: 95%" if has_bars else "one seed, no interval"
    axes.set(xlabel=f"retention ({what})", ylabel=f"target score on test ({what})")
    axes.margins(0.12)
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
    return keys


def _mark(axes: Axes, row: pd.Series, style: Mapping[str, Any], rate: str) -> None:
    """A recipe at one rate: its mark, its bars, and the rate beside them."""
    x, y = row["retention"], row["target"]
    axes.errorbar(
        x,
        y,
        xerr=[[x - row["retention_low"]], [row["retention_high"] - x]],
        yerr=[[y - row["target_low"]], [row["target_high"] - y]],
        color=style["color"],
        marker=style["marker"],
        markerfacecolor=style["color"] if row["on_front"] else "white",
        markersize=sized(6),
        linewidth=0.8,
    )
    axes.annotate(rate, (x, y), (4, 4), textcoords="offset points", fontsize=sized(8))


def _key(label: str, colour: str, marker: str, **more: Any) -> Line2D:
    """A line of the legend."""
    return Line2D([], [], label=label, linestyle="none", color=colour, marker=marker, **more)
