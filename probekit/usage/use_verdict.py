"""Use verdict: whether a task is still encoded, and whether it is used less, in plain words."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.trajectory import THRESHOLD
from probekit.states.layers_text import layers_text
from probekit.usage.erasure import CLEAN, HEAD, LEVEL

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("before", "after", "erased", "corpus")
"""Columns that rows of one verdict share."""
DELTA = ("delta", "delta_low", "delta_high")
"""A change of score without an erasure, and the ends of its interval."""


def use_verdict(rows: pd.DataFrame) -> str:
    """What became of one task between two checkpoints.

    Args:
        rows: of `UseChange.table`, with the same values of KEYS.
    """
    measured = witnesses(rows)
    row = most_costly(measured)
    task, layer = row["erased"], row["layer"]
    at_layer = (rows["layer"] == layer) & (rows["read_at"] == layer) & (rows["probe"] == CLEAN)
    read = rows[(at_layer & (rows["affected"] == task)).fillna(False)].iloc[0]
    drops = f"{_points(row['drop_before'])} before and {_points(row['drop_after'])} after"
    said = f"{task}: {_encoded(read, layer)}, {_used(row)}: erasing it there lowered "
    said += f"{_named(row)} by {drops} "
    said += f"(change {_interval(row)})"
    others = measured[(measured["p_adjusted"] <= LEVEL) & (measured["layer"] != layer)]
    if len(others):
        found = [f"{one['layer']} ({100 * one['change']:+.1f})" for _, one in others.iterrows()]
        said += f"; detected too at {layers_text(found)}"
    bound = _bound(row)
    if bound:
        said += f". Without erasure {_named(row)} was {_scores(row)}, "
        said += f"so {bound} could be lost"
    return f"{said}."


def witnesses(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that a verdict speaks of, one for each layer: the head's, or else those of the
    task's own probe on the last layer.

    The last layer itself counts for probes only if no other was erased: there a linear probe breaks
    whatever the model does.
    """
    of_head = rows[rows["affected"] == HEAD]
    if len(of_head):
        return of_head
    last = rows["read_at"].max()
    at_end = (rows["read_at"] == last) & (rows["probe"] == CLEAN)
    found = rows[(at_end & (rows["affected"] == rows["erased"])).fillna(False)]
    below = found[found["layer"] < last]
    return below if len(below) else found


def most_costly(rows: pd.DataFrame) -> pd.Series:
    """The row of the layer whose erasure costs most, before and after together.

    The choice treats both checkpoints alike, so that it does not favour either sign of the change.
    """
    cost: pd.Series = rows["drop_before"] + rows["drop_after"]
    return rows.loc[cost.idxmax()]


def _known(row: pd.Series, delta: str) -> tuple[float, float]:
    """What a score without an erasure is above the majority baseline, before and after.

    Args:
        row: of `UseChange.table`.
        delta: the column of its change: `delta`, or an end of its interval.
    """
    before = row["score_before"] - row["majority"]
    return before, before + row[delta]


def _bound(row: pd.Series) -> str:
    """Whether a change may be due to the scores without an erasure: `less` or `more` could be lost
    after; empty where their interval excludes that they differ by a tenth."""
    before, after = _known(row, "delta_low" if row["change"] < 0 else "delta_high")
    if row["change"] < 0 and after < THRESHOLD * before:
        return "less"
    if row["change"] > 0 and before < THRESHOLD * after:
        return "more"
    return ""


def _encoded(row: pd.Series, layer: int) -> str:
    """Whether the probe at the layer erased still reads the task there: the interval of what it
    retains decides, not the value."""
    where = f"at layer {layer} ({_scores(row)}"
    if row["score_before"] <= row["majority"]:
        return f"not encoded before {where})"
    shares = []
    for delta in DELTA:
        before, after = _known(row, delta)
        shares.append(after / before)
    value, low, high = shares
    ends = "no interval" if isnan(low) else f"95% CI {low:.0%} to {high:.0%}"
    where += f"; {value:.0%} retained, {ends})"
    if low >= THRESHOLD:
        return f"still encoded {where}"
    if high < THRESHOLD:
        return f"less encoded {where}"
    return f"not decided whether still encoded {where}"


def _used(row: pd.Series) -> str:
    """What became of its use, as far as this erasure shows."""
    if row["change"] == 0 and row["detectable"] == 0:
        return "used as before, every prediction is the same"
    if row["p_adjusted"] <= LEVEL:
        if row["beyond_change_high"] < 0 and row["change"] < 0:
            return "smaller drop" if _bound(row) else "used less"
        if row["beyond_change_low"] > 0 and row["change"] > 0:
            return "larger drop" if _bound(row) else "used more"
        return "no change of use beyond that of random dimensions"
    if not (row["beyond_before_low"] > 0 or row["beyond_after_low"] > 0):
        return "no use detected, before or after"
    return f"change of use not detected (MDE {_points(row['detectable'])})"


def _named(row: pd.Series) -> str:
    if row["affected"] == HEAD:
        return "the head's score"
    return f"the score of probes at layer {row['read_at']}"


def _scores(row: pd.Series) -> str:
    return f"{row['score_before']:.3f} → {row['score_after']:.3f}"


def _points(value: float) -> str:
    return "unknown" if isnan(value) else f"{100 * value:.1f} points"


def _interval(row: pd.Series) -> str:
    low, high = 100 * row["ci_low"], 100 * row["ci_high"]
    ends = "no interval" if isnan(low) else f"95% CI {low:+.1f} to {high:+.1f}"
    return f"{100 * row['change']:+.1f}, {ends}"
