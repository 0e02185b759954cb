"""Verdicts: numbers in, words out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import pytest

from probekit.forgetting.comparison_rows import BestRow, ComparisonRow, DecompositionRow
from probekit.forgetting.kind import kind, significant_parts
from probekit.forgetting.verdict import _attributed, change, verdict

Row = TypeVar("Row", BestRow, ComparisonRow, DecompositionRow)


def row_of(rows: type[Row], **given: Any) -> Row:
    """A row with the values given; every other column is 0."""
    names = [field.name for field in fields(rows)]
    return rows(**{**dict.fromkeys(names, 0), **given})


def parts(
    drop: tuple[float, float] = (0.0, 0.0),
    *,
    mapped: float = 0.0,
    layer: int = 3,
    **given: tuple[float, float],
) -> DecompositionRow:
    """A row of the decomposition, from values and lower ends."""
    values: dict[str, Any] = {}
    for name, (value, low) in {"drop": drop, "mapped_drop": (0.1, 0.1), **given}.items():
        values |= {name: value, f"{name}_low": low}
    return row_of(
        DecompositionRow,
        layer=layer,
        map="procrustes",
        score_mapped=mapped,
        drop_detectable=0.004,
        **values,
    )


def test_what_named_parts_leave_open_is_said() -> None:
    row = parts((0.593, 0.5), loss=(0.5, 0.4), rotation=(0.093, -0.01))
    assert _attributed(row).endswith("drops 59.3 points: 50.0 lost, 9.3 unattributed")
    small = parts((0.02, 0.01), loss=(0.012, 0.005), rotation=(0.008, -0.01))
    assert _attributed(small).endswith("drops 2.0 points: 1.2 lost")


def scores(before: float, after: float) -> dict[str, float]:
    row = {"score_before": before, "score_after": after, "delta": after - before, "floor": 0.25}
    return {**row, "detectable": 0.003, "p_adjusted": 0.01, "layer_after": 3}


def scored(before: float, after: float, **given: float) -> ComparisonRow:
    return row_of(ComparisonRow, **{**scores(before, after), **given})


def best(before: float, after: float, **given: float) -> BestRow:
    return row_of(BestRow, **{**scores(before, after), **given})


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (parts(), []),
        (parts((0.2, 0.1), rotation=(0.2, 0.1)), ["rotation"]),
        (parts((0.2, 0.1), rotation=(0.17, 0.1), loss=(0.03, 0.01)), ["loss", "rotation"]),
        (
            parts((0.2, 0.1), re_encoding=(0.02, 0.01), rotation=(0.18, 0.1)),
            ["rotation", "re_encoding"],
        ),
        (parts((0.01, -0.01), rotation=(0.02, 0.01)), []),  # no drop, nothing recovered
        (parts((0.01, -0.01), loss=(0.02, 0.01)), ["loss"]),
        (parts((0.02, 0.01), rotation=(0.01, -0.01)), []),
    ],
)
def test_which_parts_are_named_and_in_what_order(row: DecompositionRow, found: list[str]) -> None:
    assert significant_parts(row) == found
    without = "unattributed" if row.drop_low > 0 else "not detected"
    assert kind(row) == (found[0] if found else without)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (scored(0.814, 0.808), "small drop (81.4 → 80.8)"),
        (scored(0.9, 0.84), "moderate drop (90.0 → 84.0)"),
        (scored(0.941, 0.741), "large drop (94.1 → 74.1)"),
        (scored(0.95, 0.45), "mostly forgotten (95.0 → 45.0)"),
        (scored(0.97, 0.25), "forgotten (97.0 → 25.0)"),
        (scored(0.8, 0.81), "small gain (80.0 → 81.0)"),
        (scored(0.3, 0.6), "large gain (30.0 → 60.0)"),
        (scored(0.25, 0.2), "drop (25.0 → 20.0)"),
        (
            scored(0.9, 0.5, p_adjusted=0.06),
            "change not detected (90.0 → 50.0; MDE 0.3 points before correction)",
        ),
        (scored(0.9, 0.9, detectable=0.0), "no change, every prediction is the same (90.0 → 90.0)"),
        (
            scored(0.9, 0.5, p_adjusted=1, detectable=float("nan")),
            "change not detected (90.0 → 50.0; MDE unknown",
        ),
    ],
)
def test_sizes_in_words(row: ComparisonRow, words: str) -> None:
    assert change(row, parts()).startswith(words)


def test_what_the_old_probe_reads_after_a_map_is_not_forgotten() -> None:
    row = scored(0.9, 0.82)
    assert "forgotten" not in change(row, parts(mapped=0.9, mapped_drop=(0.0, -0.01)))
    assert change(row, parts(mapped=0.9, mapped_drop=(0.0, -0.01))).startswith(
        "rotated (90.0 → 82.0"
    )
    partly = parts(mapped=0.88, mapped_drop=(0.02, 0.01))
    assert change(row, partly).startswith(
        "small drop (90.0 → 82.0 for a new probe, 88.0 for the old one"
    )
    assert change(row, parts(mapped=0.6, mapped_drop=(0.3, 0.2))) == "moderate drop (90.0 → 82.0)"


def test_a_verdict_tells_of_the_best_and_the_last_layer() -> None:
    lost = parts((0.8, 0.7), loss=(0.8, 0.7))
    lost_at_1 = parts((0.8, 0.7), loss=(0.8, 0.7), layer=1)
    found = verdict(best(0.95, 0.92), scored(0.97, 0.15), lost_at_1, lost)
    assert found == (
        "best layer: small drop (95.0 → 92.0); at layer 1 the old probe drops 80.0 points: "
        "80.0 lost. "
        "Last layer: forgotten (97.0 → 15.0); at layer 3 the old probe drops 80.0 points: "
        "80.0 lost"
    )
    unattributed = parts((0.02, 0.01))
    assert "at layer 3 the old probe drops 2.0 points, unattributed" in verdict(
        best(0.9, 0.9), scored(0.9, 0.9), unattributed, unattributed
    )
    nothing = verdict(
        best(0.9, 0.9, p_adjusted=1), scored(0.9, 0.9, p_adjusted=1), parts(), parts()
    )
    assert (
        nothing.startswith("best and last layer: change not detected")
        and "MDE 0.4 points" in nothing
    )
    small = parts((0.02, -0.01))
    assert "at layer 3 no drop of the old probe is detected (MDE " in verdict(
        best(0.9, 0.9), scored(0.9, 0.9), small, small
    )
