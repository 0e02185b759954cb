"""Verdict: the numbers of a task's comparison in plain words."""

from __future__ import annotations

import math
from dataclasses import replace

from probekit.forgetting.comparison_rows import (
    BestRow,
    ComparedTask,
    ComparisonRow,
    DecompositionRow,
)
from probekit.forgetting.findings import Findings
from probekit.forgetting.kind import significant_parts
from probekit.forgetting.mapped_states import PLAIN
from probekit.forgetting.trajectory import FirstToLast

Task = tuple[str, str, str, str]
LEVEL = 0.05
LEAST_REST, SHARE_OF_REST = 0.01, 0.1  # of a drop that its named parts leave open, to be said
SAME = "no change, every prediction is the same"
# Names of changes, each up to a share of what was known above the floor.
DROPS = (
    (0.05, "small drop"),
    (0.2, "moderate drop"),
    (0.5, "large drop"),
    (0.9, "mostly forgotten"),
)
GAINS = ((0.05, "small gain"), (0.2, "moderate gain"))
WORDS = {
    "loss": "lost",
    "rotation": "recovered by a linear map",
    "re_encoding": "recovered by a new probe",
    "relocation": "recovered at another layer",
}


def size(change: float, known: float) -> str:
    """A change of score in words, by its share of what was `known` above the floor (see DROPS and
    GAINS)."""
    if not known > 0:
        return "drop" if change < 0 else "gain"
    steps, beyond = (DROPS, "forgotten") if change < 0 else (GAINS, "large gain")
    return next((word for most, word in steps if abs(change) <= most * known), beyond)


def change(scored: BestRow | ComparisonRow, parts: DecompositionRow) -> str:
    """What became of a score.

    What a new probe reads worse, but the old one after a linear map does not, is not forgotten:
    only the drop of the better of the two counts.

    Args:
        scored: a row of `Comparison.best` or `Comparison.last`.
        parts: the row of `Comparison.decomposition` that goes with it.
    """
    points = f"{100 * scored.score_before:.1f} → {100 * scored.score_after:.1f}"
    known = scored.score_before - scored.floor
    if not scored.delta and not scored.detectable:
        return f"{SAME} ({points})"
    if not scored.p_adjusted <= LEVEL:
        return f"change not detected ({points}; MDE {_before_correction(scored.detectable)})"
    word = size(scored.delta, known)
    if scored.delta > 0 or parts.score_mapped <= scored.score_after:
        return f"{word} ({points})"
    plain = parts.map == PLAIN
    if parts.mapped_drop_low > 0 or parts.loss_low > 0:
        of_old = size(-parts.mapped_drop, known)
    else:
        of_old = "no drop of the old probe detected" if plain else "rotated"
    if of_old == word:
        return f"{word} ({points})"
    old = "the old one as it is" if plain else "the old one after a linear map"
    return f"{of_old} ({points} for a new probe, {100 * parts.score_mapped:.1f} for {old})"


def with_verdicts(found: Findings) -> list[BestRow]:
    """The rows of best layers with what became of each task: a kind, and a sentence."""
    parts = {(_task(row), row.layer): row for row in found.decomposition}
    last_of: dict[Task, ComparisonRow] = {}
    for row in found.comparison:
        task = _task(row)
        if task not in last_of or row.layer > last_of[task].layer:
            last_of[task] = row
    rows = []
    for best in found.best:
        task = _task(best)
        last = last_of[task]
        at_best, at_last = parts[task, best.layer_probed], parts[task, last.layer]
        sentence = verdict(best, last, at_best, at_last)
        rows.append(replace(best, kind=at_best.kind, verdict=sentence))
    return rows


def _task(row: ComparedTask) -> Task:
    return (row.before, row.after, row.task, row.corpus)


def verdict(
    best: BestRow, last: ComparisonRow, best_parts: DecompositionRow, last_parts: DecompositionRow
) -> str:
    """What became of a task.

    Args:
        best: its row of `Comparison.best`.
        last: its row of `Comparison.last`.
        best_parts: the row of `Comparison.decomposition` at the layer that was best before.
        last_parts: the same at the last layer.
    """
    at_best = f"best layer: {change(best, best_parts)}; {_attributed(best_parts)}"
    if best_parts.layer == last_parts.layer and best.layer_after == last.layer_after:
        return f"best and last {at_best.removeprefix('best ')}"
    return f"{at_best}. Last layer: {change(last, last_parts)}; {_attributed(last_parts)}"


def _attributed(parts: DecompositionRow) -> str:
    """What the old probe's drop is made of."""
    probe = f"at layer {parts.layer} the old probe"
    drop = f"{probe} drops {_points(parts.drop)}"
    found = significant_parts(parts)
    if found:
        shares = [getattr(parts, part) for part in found]
        words = [
            f"{100 * share:.1f} {WORDS[part]}" for share, part in zip(shares, found, strict=True)
        ]
        rest = parts.drop - sum(shares)
        if rest >= max(LEAST_REST, SHARE_OF_REST * parts.drop):
            words.append(f"{100 * rest:.1f} unattributed")
        return f"{drop}: {', '.join(words)}"
    if parts.drop_low > 0:
        return f"{drop}, unattributed"
    if not parts.drop and not parts.drop_detectable:
        return f"{probe} predicts the same as before"
    mde = _points(parts.drop_detectable)
    return f"at layer {parts.layer} no drop of the old probe is detected (MDE {mde})"


def over_time(changed: FirstToLast) -> str:
    """What became of a score along a trajectory.

    There is no correction here: a change is detected where 0 is outside its interval.
    """
    points = f"{100 * changed.score_first:.1f} → {100 * changed.score_last:.1f}"
    if not changed.change and not changed.detectable:
        return f"{SAME} ({points})"
    if not (changed.change_low > 0 or changed.change_high < 0):
        return f"change not detected ({points}; MDE {_points(changed.detectable)})"
    word = size(changed.change, changed.score_first - changed.floor)
    return f"{word} ({points})"


def _before_correction(value: float) -> str:
    """An MDE, which is known before the correction for many comparisons."""
    return _points(value) if math.isnan(value) else f"{_points(value)} before correction"


def _points(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{100 * value:.1f} points"
