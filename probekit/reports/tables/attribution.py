"""The table of attribute: what decisions rest on."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.reports.coloured import percent
from probekit.reports.table import Column, Table
from probekit.usage.attribution import EVERY, Attribution

if TYPE_CHECKING:
    import pandas as pd

MOST_PLACES = 3  # of each label
MOST_WORDS = 3  # of each decision
EVERY_LABEL = "all labels"


def attribution_table(found: Attribution) -> Table:
    """Of a corpus, one row per label and place; of a text, one row per decision."""
    assert found.positions is not None
    return _of_corpus(found) if len(found.positions) else _of_text(found)


def _of_corpus(found: Attribution) -> Table:
    """All places for all labels together; for each label those with the largest shares."""
    rows = found.positions
    assert rows is not None
    first = found.decisions.iloc[0]
    has_null = bool(rows["random"].notna().any())
    title = (
        f"What the {first['probe']} probe of {first['task']} at layer {first['layer']} of "
        f"{first['model']} looks at on {first['corpus']}: shares in %"
    )
    headings = ["decisions", "share", "95% interval"]
    note = "share: of the absolute values of all that is attributed, with its sign"
    if has_null:
        headings += ["random", "beyond it", "95% interval"]
        note += "; random: the same with random weights"
    columns = [Column("label", False, True), Column("place", False), *map(Column, headings)]
    table = Table(title, columns, note=note)
    for label, of_label in rows.groupby("label", sort=False):
        order = of_label["share"].abs().sort_values(ascending=False, kind="stable").index
        chosen = of_label if label == EVERY else of_label.loc[order[:MOST_PLACES]]
        for number, (_, row) in enumerate(chosen.iterrows()):
            name = "" if number else (EVERY_LABEL if label == EVERY else str(label))
            cells = [f"{row['n']:,}", percent(row["share"]), _ends(row, "ci")]
            if has_null:
                cells += [percent(row["random"]), percent(row["beyond"]), _ends(row, "beyond")]
            table.rows.append([name, str(row["place"]), *cells])
    return table


def _of_text(found: Attribution) -> Table:
    """The words that each decision rests on most."""
    rows = found.of_model
    first = rows.iloc[0]
    title = (
        f"What the {first['probe']} probe of {first['task']} at layer {first['layer']} of "
        f"{first['model']} rests on"
    )
    columns = [Column("decision", False, True), Column("label", False)]
    columns += [Column("score"), Column("without the words")]
    columns.append(Column("words that most is attributed to, in %", False))
    note = "score: the label's logit less the mean of all logits"
    table = Table(title, columns, note=note)
    for _, row in rows.iterrows():
        words = found.words_of(row["decision"])
        order = words["share"].abs().sort_values(ascending=False, kind="stable").index
        largest = words.loc[order[:MOST_WORDS]]
        shown = [f"{one['word']} {percent(one['share'])}" for _, one in largest.iterrows()]
        scores = [f"{row['score']:.2f}", f"{row['without']:.2f}"]
        table.rows.append([str(row["words"]), str(row["label"]), *scores, ", ".join(shown)])
    return table


def _ends(row: pd.Series, name: str) -> str:
    """The ends of an interval in percent."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "–" if isnan(low) else f"{percent(low)} to {percent(high)}"
