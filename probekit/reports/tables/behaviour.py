"""The table of behaviour: what language models themselves find likely."""

from __future__ import annotations

from math import isnan

from probekit.probes.scores import Scores
from probekit.reports.table import Column, Table, name_columns, names_of, score_text
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS


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
        interval = f"{row['ci_low']:.3f}–{row['ci_high']:.3f}"
        cells = [
            f"{row['score']:.3f}",
            "–" if isnan(row["ci_low"]) else interval,
            score_text(row["chance"]),
            f"{row['n_test']:,}",
            row["metric"],
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    meanings = {row: BEHAVIOUR_METRICS[row].meaning for row in found["metric"]}
    shown.note = "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items())
    return shown
