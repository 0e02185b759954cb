"""The tables of neurons: how few suffice, what ablating them changes, and what rankings share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.reports.number_text import score_interval
from probekit.reports.table import Column, Table
from probekit.usage.erasure import LEVEL
from probekit.usage.neurons_found import KEPT, Neurons

if TYPE_CHECKING:
    import pandas as pd


def neurons_table(found: Neurons) -> Table:
    """One row per layer and ranking."""
    fewest, ablated = found.fewest(), found.ablation
    last = ablated["read_at"].max()
    ablated = ablated[ablated["read_at"] == last]
    ways = ablated["way"].unique().tolist()
    columns = [Column("layer"), Column("ranking", False, True)]
    columns += map(Column, ("fewest", "score", "95% interval", "of all", *ways))
    first = fewest.iloc[0]
    note = f"fewest: of 1, 2, 4 … neurons those that keep {KEPT:.0%} of the score on dev"
    if ways:
        note += (
            f"; {', '.join(ways)}: change in points at layer {last} when the first "
            f"{ablated['neurons'].iloc[0]} are set so; in brackets, as many at random; "
            "*: more than another random draw would (p ≤ 0.05, corrected)"
        )
    title = f"Neurons that tell {first['task']}: {first['model']} on {first['corpus']}"
    table = Table(f"{title}, of {first['of']} in a layer", columns, note=note)
    for _, row in fewest.iterrows():
        cells = [str(row["layer"]), row["method"], str(row["fewest"])]
        cells += [f"{row['score']:.3f}", score_interval(row["ci_low"], row["ci_high"])]
        cells.append(f"{row['score_of_all']:.3f}")
        same = ablated[(ablated["layer"] == row["layer"]) & (ablated["method"] == row["method"])]
        changes = {each["way"]: _change(each) for _, each in same.iterrows()}
        table.rows.append([*cells, *(changes.get(way, "") for way in ways)])
    return table


def _change(row: pd.Series) -> str:
    """A change in points, and that of random neurons."""
    mark = "*" if row["p_adjusted"] <= LEVEL else ""
    return f"{100 * row['change']:+.1f}{mark} ({100 * row['random_change']:+.1f})"


def overlap_table(found: Neurons) -> Table | None:
    """One row per pair of rankings; None without any."""
    overlap = found.overlap
    if overlap.empty:
        return None
    n = overlap["neurons"].iloc[0]
    columns = [Column("layer"), Column("ranking", False, True), Column("other", False, True)]
    columns += [Column("shared"), Column("by chance"), Column("shuffled"), Column("p")]
    note = (
        "p: of as many or more by chance (hypergeometric), not corrected for many comparisons; "
        "shuffled: with the other's labels shuffled"
    )
    table = Table(f"Of the first {n} neurons, how many rankings share", columns, note=note)
    for _, row in overlap.iterrows():
        other = row["other_task"]
        if row["other_model"] != row["model"]:
            other = f"{row['other_model']}: {other}"
        cells = [str(row["layer"]), row["method"], other, str(row["shared"])]
        p_value = "< 0.001" if row["p_value"] < 0.001 else f"{row['p_value']:.3f}"
        table.rows.append([*cells, f"{row['expected']:.1f}", str(row["shuffled"]), p_value])
    return table
