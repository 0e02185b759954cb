"""Verdict: a task's comparison in a line of plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.forgetting.comparison import PARTS

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
WORDS = {
    "rotation": "made good by a linear map",
    "re_encoding": "made good by a new probe",
    "relocation": "made good by another layer",
    "loss": "lost",
}


def kind(parts: pd.Series) -> str:
    """The largest part of a drop, where that and the part are above zero by their intervals: one of PARTS, or
    `unchanged`."""
    if not parts["drop_low"] > 0:
        return "unchanged"
    real = [part for part in PARTS if parts[f"{part}_low"] > 0]
    return max(real, key=lambda part: parts[part]) if real else "unchanged"


def verdict(best: pd.Series, parts: pd.Series) -> str:
    """What became of a task.

    Args:
        best: its row of `Comparison.best`.
        parts: the row of `Comparison.decomposition` at the layer that was best before.
    """
    points = f"{100 * best['score_before']:.1f} → {100 * best['score_after']:.1f}"
    shown = f"{100 * best['detectable']:.1f} points would have shown four times in five, before correction"
    if not best["detectable"] and not best["delta"]:
        overall = f"every prediction at the best layer is the same ({points})"
    elif best["p_adjusted"] > LEVEL:
        overall = f"no change seen at the best layer ({points}; {shown})"
    else:
        overall = f"{'forgotten' if best['delta'] < 0 else 'gained'} at the best layer ({points})"
    found = kind(parts)
    if found == "unchanged":
        return f"{overall}; layer {parts['layer']} reads as before"
    return (
        f"{overall}; of layer {parts['layer']}'s drop of {100 * parts['drop']:.1f} points under the old probe "
        f"{100 * parts[found]:.1f} are {WORDS[found]}"
    )
