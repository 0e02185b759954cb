"""The tables of a comparison: what changed at the best and last layers, and where most."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.comparison import Comparison
from probekit.reports.number_text import detectable_text, points_interval
from probekit.reports.table import LEGENDS, Column, Table, name_columns, names_of

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
MOST_CHANGED = 5


def comparison_table(comparison: Comparison) -> Table:
    """Two rows per checkpoint and task: best layers before and after, and the last ones.

    Differences are in points (hundredths). There is one row where best and last are the same.
    """
    best, last = comparison.best, comparison.last
    names = names_of(best, ("after", "task", "corpus"))
    after = "" if "after" in names else f" → {best['after'].iloc[0]}"
    on = "" if "corpus" in names else f" on {best['corpus'].iloc[0]}"
    what = f"{best['before'].iloc[0]}{after}{on}"
    p_value = _p_value(comparison)
    numbers = ("layer", "before", "after", "change", "95% interval", p_value, "MDE", "retention")
    columns = [*name_columns(names), *map(Column, numbers)]
    title = f"{what}: best layers (chosen on dev) and last; change in points"
    shown = Table(title, columns, note=f"{LEGENDS[p_value]}; {LEGENDS['MDE']}")
    for (_, at_best), (_, at_last) in zip(best.iterrows(), last.iterrows(), strict=True):
        labels = [str(at_best[name]) for name in names]
        best_layers = (at_best["layer_before"], at_best["layer_after"])
        last_layers = (at_last["layer"], at_last["layer_after"])
        same = best_layers == last_layers
        which = "best = last" if same else "best"
        shown.rows.append([*labels, *_changed(which, best_layers, at_best)])
        if not same:
            shown.rows.append([*("" for _ in labels), *_changed("last", last_layers, at_last)])
    return shown


def _p_value(comparison: Comparison) -> str:
    """The heading of p-values: whether they are corrected."""
    return "p" if comparison.run.settings.get("correction") == "none" else "p adj."


def _changed(which: str, layers: tuple[int, int], row: pd.Series) -> list[str]:
    """The cells of one row: two layers and their scores."""
    return [
        f"{which} {layers[0]}→{layers[1]}",
        f"{row['score_before']:.3f}",
        f"{row['score_after']:.3f}",
        f"{100 * row['delta']:+.1f}",
        points_interval(row["ci_low"], row["ci_high"]),
        f"{row['p_adjusted']:.3f}",
        detectable_text(row["detectable"]),
        "–" if isnan(row["retention"]) else f"{row['retention']:.0%}",
    ]


def breakdown_table(comparison: Comparison) -> Table | None:
    """The MOST_CHANGED kinds of instances that changed most, for each checkpoint.

    Only detected changes count; None where there are none. Changes are in points of accuracy.
    """
    kinds = comparison.by_label[comparison.by_label["p_adjusted"] <= LEVEL]
    if kinds.empty:
        return None
    names = names_of(comparison.best, ("after", "task", "corpus"))
    texts = [Column("kind", False), Column("value", False)]
    p_value = _p_value(comparison)
    numbers = ("layer", "n", "before", "after", "change", "95% interval", p_value)
    columns = [*name_columns(names), *texts, *map(Column, numbers)]
    title = "Largest changes by kind of instance, at the best layer before; accuracy, in points"
    shown = Table(title, columns, note=f"{LEGENDS['kind']}; {LEGENDS[p_value]}")
    most = kinds.sort_values("delta", key=abs, ascending=False, kind="stable")
    for after in comparison.best["after"].unique():
        for _, row in most[most["after"] == after].head(MOST_CHANGED).iterrows():
            cells = [
                row["kind"],
                str(row["value"]),
                str(row["layer"]),
                f"{row['n_test']:,}",
                f"{row['accuracy_before']:.3f}",
                f"{row['accuracy_after']:.3f}",
                f"{100 * row['delta']:+.1f}",
                points_interval(row["ci_low"], row["ci_high"]),
                f"{row['p_adjusted']:.3f}",
            ]
            shown.rows.append([*(str(row[name]) for name in names), *cells])
    return shown
