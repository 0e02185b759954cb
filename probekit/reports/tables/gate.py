"""The table of a gate: each criterion, its limit, its change and the verdict; and what flipped."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.gate.gated import Gated
from probekit.reports.number_text import UNKNOWN, change_interval
from probekit.reports.table import Column, Table
from probekit.stats.noninferiority import FEASIBLE, two_digits

if TYPE_CHECKING:
    import pandas as pd

MORE = f"more than {FEASIBLE} times all data"
MOST_FLIPS = 3  # of each criterion
LONGEST = 110  # characters of a sentence
LEGEND = (
    "interval: at the confidence at which a criterion is decided; needed: test sentences "
    "(documents), or else seeds, or else more of all data (test and training sentences, seeds), "
    "with which it would pass in 9 of 10 repetitions if half the margin were lost; near the limit: "
    "there is enough for that, but the change is close to its limit, and the number assumes that "
    "it stays the same; flipped: instances right before and wrong after; worst: the label or slice "
    "whose share of flips has the highest lower bound, with that share"
)


def gate_table(gated: Gated) -> Table:
    """One row per criterion and task."""
    several = [name for name in ("corpus",) if gated.table[name].nunique() > 1]
    columns = [Column("criterion", False, True), *(Column(name, False) for name in several)]
    columns += [Column("limit", False)]
    columns += [*map(Column, ("before", "after", "change", "interval"))]
    columns += [Column("verdict", False), Column("needed"), Column("worst", False)]
    columns += [Column("flipped")]
    shown = Table(f"Criteria; {gated.family}", columns, note=LEGEND)
    for _, row in gated.table.iterrows():
        named = [str(row[name]) for name in ("criterion", *several, "limit")]
        scores = [f"{row['score_before']:.3f}", f"{row['score_after']:.3f}"]
        rest = [str(row["verdict"]), needed_text(row), _worst(row), _flipped(row)]
        shown.rows.append([*named, *scores, *changed_texts(row), *rest])
    return shown


def changed_texts(row: pd.Series) -> list[str]:
    """The change, and its interval with its confidence, in points or bits."""
    factor, digits = (1, 3) if row["unit"] == "bits" else (100, 1)
    value, low, high = (factor * row[name] for name in ("change", "ci_low", "ci_high"))
    ends = change_interval(low, high, digits)
    if ends != UNKNOWN:
        ends += f" ({100 * row['level']:.4g}%)"
    return [f"{value:+.{digits}f}", ends]


def needed_text(row: pd.Series) -> str:
    """How much data would settle a criterion, beside what there was."""
    import pandas as pd

    if row["verdict"] != "CANNOT TELL":
        return ""
    if isnan(row["margin"]):
        return "nothing was known"
    if isnan(row["ci_low"]):
        return f"more than one {row['resampled']}"
    parts = []
    if not pd.isna(row["needed_groups"]):
        of_test = f"{row['resampled']}s (there are {row['groups']:,})"
        parts.append(f"about {two_digits(row['needed_groups'])} {of_test}")
    if not pd.isna(row["needed_seeds"]):
        parts.append(f"about {two_digits(row['needed_seeds'])} seeds (there are {row['seeds']:,})")
    if not parts and not isnan(row["needed_times"]):
        parts.append(f"about {two_digits(row['needed_times'])} times all data")
    if row["near_limit"]:
        return f"{' or '.join(parts) or MORE}, near the limit"
    return " or ".join(parts) or "no amount of data"


def flip_lines(gated: Gated) -> list[str]:
    """A few of the instances that flipped, criterion by criterion: with their sentences."""
    lines: list[str] = []
    flips = gated.flips
    for _, row in gated.table.iterrows():
        of_row = (flips["criterion"] == row["criterion"]) & (flips["corpus"] == row["corpus"])
        mine = flips[of_row]
        if mine.empty:
            continue
        more = f" (the first {MOST_FLIPS})" if len(mine) > MOST_FLIPS else ""
        lines += ["", f"{row['criterion']}: {len(mine):,} right before and wrong after{more}"]
        lines += [f"  {_flip(flip)}" for _, flip in mine.head(MOST_FLIPS).iterrows()]
    return lines


def _flip(flip: pd.Series) -> str:
    """One instance: its words, the labels, and its sentence."""
    where = f"{flip['sentence']}: " if flip["sentence"] else ""
    text = " ".join(str(flip["text"]).split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    if flip["words"]:
        return f"{where}'{flip['words']}' {flip['gold']} → {flip['predicted']} in: {text}"
    instead = f" — finds likelier: {flip['predicted']}" if flip["predicted"] else ""
    return f"{where}{text or 'instance ' + str(flip['instance'])}{instead}"


def _worst(row: pd.Series) -> str:
    if not row["worst_kind"]:
        return "–"
    return f"{row['worst_kind']} {row['worst_value']} {row['worst_lost']:.0%}"


def _flipped(row: pd.Series) -> str:
    import pandas as pd

    return "–" if pd.isna(row["flipped"]) else f"{row['flipped']:,}"
