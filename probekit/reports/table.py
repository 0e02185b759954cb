"""Tables for the terminal."""

from __future__ import annotations

import math
from math import isnan
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
MOST_CHANGED = 5
LEGENDS = {
    "p adj.": "p adj.: p-value corrected for many comparisons",
    "MDE": "MDE: minimum detectable effect, the change in points that is found 4 times in 5, before correction",
}
"""What abbreviations in tables and verdicts mean."""


def score_table(scores: Scores) -> Table:
    """One row a model, task and probe: the best layer, its score and interval, and the baselines beside it.

    It fits into 80 columns for one model and corpus.
    """
    best, frame = scores.best(), scores.displayed()
    several_models, several_probes = frame["model"].nunique() > 1, best["probe"].nunique() > 1
    several_corpora = frame["corpus"].nunique() > 1
    on = "" if several_corpora else f" on {frame['corpus'].iloc[0]}"
    shown = _table(f"Best layer of each task{on}, chosen on dev, scored on test")
    if several_models:
        shown.add_column("model")
    shown.add_column("task", style="bold")
    if several_corpora:
        shown.add_column("corpus")
    if several_probes:
        shown.add_column("probe")
    for heading in ("layer", "score", "95% interval", "layer 0", "lexical", "majority", "metric"):
        shown.add_column(heading, justify="left" if heading == "metric" else "right")
    for _, row in best.iterrows():
        shown.add_row(
            *([escape(row["model"])] if several_models else []),
            escape(row["task"]),
            *([escape(row["corpus"])] if several_corpora else []),
            *([row["probe"]] if several_probes else []),
            f"{row['layer']} of {row['first_layer']}–{row['last_layer']}",
            f"{row['score']:.3f}",
            "–" if isnan(row["ci_low"]) else f"{row['ci_low']:.3f}–{row['ci_high']:.3f}",
            _score(row["score_layer_0"]),
            _score(row["lexical"]),
            _score(row["majority"]),
            row["metric"],
        )
    return shown


def comparison_table(comparison: Comparison) -> Table:
    """Two rows for each checkpoint and task: the best layer of each side and the last one, and their difference in
    points (hundredths). One row where these are the same."""
    best, last = comparison.best, comparison.last
    several, several_corpora = best["after"].nunique() > 1, best["corpus"].nunique() > 1
    after = "" if several else f" → {best['after'].iloc[0]}"
    on = "" if several_corpora else f" on {best['corpus'].iloc[0]}"
    shown = _table(f"{best['before'].iloc[0]}{after}{on}: best layers (chosen on dev) and last; change in points")
    if several:
        shown.add_column("after")
    shown.add_column("task", style="bold")
    if several_corpora:
        shown.add_column("corpus")
    for heading in ("layer", "before", "after", "change", "95% interval", "p adj.", "MDE", "retention"):
        shown.add_column(heading, justify="right")
    for (_, at_best), (_, at_last) in zip(best.iterrows(), last.iterrows(), strict=True):
        names = [
            *([escape(at_best["after"])] if several else []),
            escape(at_best["task"]),
            *([escape(at_best["corpus"])] if several_corpora else []),
        ]
        best_layers = (at_best["layer_before"], at_best["layer_after"])
        last_layers = (at_last["layer"], at_last["layer_after"])
        same = best_layers == last_layers
        shown.add_row(*names, *_changed("best = last" if same else "best", best_layers, at_best))
        if not same:
            shown.add_row(*("" for _ in names), *_changed("last", last_layers, at_last))
    return shown


def _changed(which: str, layers: tuple[int, int], row: pd.Series) -> list[str]:
    """The cells of one row: two layers and their scores."""
    return [
        f"{which} {layers[0]}→{layers[1]}",
        f"{row['score_before']:.3f}",
        f"{row['score_after']:.3f}",
        f"{100 * row['delta']:+.1f}",
        f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}",
        f"{row['p_adjusted']:.3f}",
        f"{100 * row['detectable']:.1f}",
        "–" if math.isnan(row["retention"]) else f"{row['retention']:.0%}",
    ]


def where_table(comparison: Comparison) -> Table | None:
    """The MOST_CHANGED kinds of instances of each checkpoint that changed most, of those that can be told from zero;
    None where there is none. Changes are in points of the share answered right."""
    kinds = comparison.by_label[comparison.by_label["p_adjusted"] <= LEVEL]
    if kinds.empty:
        return None
    several, several_corpora = comparison.best["after"].nunique() > 1, comparison.best["corpus"].nunique() > 1
    shown = _table("Where it changed most, at the best layer before; share answered right, change in points")
    shown.caption, shown.caption_justify, shown.caption_style = LEGENDS["p adj."], "left", "dim"
    for heading in (["after"] if several else []) + ["task"] + (["corpus"] if several_corpora else []):
        shown.add_column(heading, style="bold" if heading == "task" else "")
    for heading in ("kind", "value", "layer", "n", "before", "after", "change", "95% interval", "p adj."):
        shown.add_column(heading, justify="left" if heading in ("kind", "value") else "right")
    most = kinds.sort_values("delta", key=abs, ascending=False, kind="stable")
    for after in comparison.best["after"].unique():
        for _, row in most[most["after"] == after].head(MOST_CHANGED).iterrows():
            shown.add_row(
                *([escape(row["after"])] if several else []),
                escape(row["task"]),
                *([escape(row["corpus"])] if several_corpora else []),
                row["kind"],
                escape(str(row["value"])),
                str(row["layer"]),
                f"{row['n_test']:,}",
                f"{row['right_before']:.3f}",
                f"{row['right_after']:.3f}",
                f"{100 * row['delta']:+.1f}",
                f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}",
                f"{row['p_adjusted']:.3f}",
            )
    return shown


def trajectory_table(trace: Trajectory) -> Table:
    """Two rows for each task, the best layers and the last one: scores at the first and the last step, the change with
    its interval, and where retention first fell. Changes are in points, and negative where the curve falls."""
    steps = trace.table["step"]
    shown = _table(f"Steps {steps.min()} to {steps.max()}, retention counted from {trace.base}; change in points")
    shown.add_column("task", style="bold")
    shown.add_column("corpus")
    headings = ("layer", "first", "last", "change", "95% interval", "from best", "retention")
    for heading in (*headings, f"retention below {trace.threshold:g} at"):
        shown.add_column(heading, justify="right")
    for _, row in trace.summary.iterrows():
        mine = trace.fell[(trace.fell["task"] == row["task"]) & (trace.fell["corpus"] == row["corpus"])]
        fell = mine.dropna(subset=["step"]).sort_values(["step", "layer"]).groupby("step")["layer"]
        where = ", ".join(f"step {step} ({_layers(layers.tolist())})" for step, layers in fell)
        ends = (f"{100 * row[f'change_from_best{side}']:+.1f}" for side in ("", "_low", "_high"))
        from_best = "{} ({} to {})".format(*ends)
        best = _over_steps("best", row, "")
        shown.add_row(escape(row["task"]), escape(row["corpus"]), *best[:-1], from_best, best[-1], where or "–")
        last = _over_steps("last", row, "last_layer_")
        shown.add_row("", "", *last[:-1], "", last[-1], "")
    return shown


def _layers(layers: list[int]) -> str:
    """Layers by number: `layer 3`, `layers 1, 2, 5`."""
    return f"layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, layers))}"


def _over_steps(which: str, row: pd.Series, prefix: str) -> list[str]:
    """The cells of one row: two layers, their scores, the change, and what is retained."""
    retention = row[f"{prefix}retention"]
    return [
        f"{which} {row[f'{prefix}layer_first']}→{row[f'{prefix}layer_last']}",
        f"{row[f'{prefix}score_first']:.3f}",
        f"{row[f'{prefix}score_last']:.3f}",
        f"{100 * row[f'{prefix}change']:+.1f}",
        f"{100 * row[f'{prefix}change_low']:+.1f} to {100 * row[f'{prefix}change_high']:+.1f}",
        "–" if math.isnan(retention) else f"{retention:.0%}",
    ]


def _table(title: str) -> Table:
    return Table(title=escape(title), title_justify="left", title_style="", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _score(value: float) -> str:
    return "–" if isnan(value) else f"{value:.3f}"
