"""The table of transfer: scores by the number of labels."""

from __future__ import annotations

from probekit.reports.number_text import score_with_interval
from probekit.reports.table import Column, Table
from probekit.tuning.transferred import Transfer


def transfer_table(transfer: Transfer) -> Table:
    """One row per method: its scores with few and many labels, with intervals."""
    curves = transfer.curves
    first = curves.iloc[0]
    seeds = f"mean of {first['seeds']} seeds" if first["seeds"] > 1 else "one seed"
    title = (
        f"{first['metric']} on {first['data']} by the number of labels ({seeds}; "
        f"pre-trained: {first['model']}; majority {first['majority']:.3f})"
    )
    numbers = curves["train_examples"].unique().tolist()
    headings = [f"{labels:,} labels" for labels in numbers]
    over = "test texts and seeds" if first["seeds"] > 1 else "test texts, not over seeds"
    note = f"in brackets: 95% intervals over {over}"
    table = Table(title, [Column("method", False, True), *map(Column, headings)], note=note)
    for method, rows in curves.groupby("method", sort=False):
        cells = []
        for _, row in rows.sort_values("train_examples").iterrows():
            cells.append(score_with_interval(row["score"], row["ci_low"], row["ci_high"]))
        table.rows.append([str(method), *cells])
    return table
