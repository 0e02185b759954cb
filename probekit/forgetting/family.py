"""Family: the p-values of a comparison are corrected together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probekit.forgetting.behaviour_change import BehaviourRow
from probekit.forgetting.comparison_rows import BestRow, ComparisonRow
from probekit.forgetting.findings import Findings
from probekit.stats.correction import Correction, adjust

NO_LAYER = -1
Cell = tuple[str, str, str, str, str, int, int]


def correct_together(found: Findings, correction: Correction) -> int:
    """Put adjusted p-values into the rows of `comparison`, `best`, `other_metrics` and `behaviour`.

    The family is the cells of `comparison` and `other_metrics`, best layers that differ in number
    before and after, and the rows of `behaviour`. A cell in both `comparison` and `best` counts
    once.

    Returns:
        The size of the family.
    """
    p_values: dict[Cell, float] = {}
    for best in found.best:
        p_values[_cell_of_best(best)] = best.p_value
    for row in (*found.comparison, *found.other_metrics):
        p_values[_cell(row)] = row.p_value
    for change in found.behaviour:
        p_values[_cell_of_behaviour(change)] = change.p_value
    adjusted = _adjusted(p_values, correction)
    found.behaviour = [
        replace(row, p_adjusted=adjusted[_cell_of_behaviour(row)]) for row in found.behaviour
    ]
    found.comparison = [replace(row, p_adjusted=adjusted[_cell(row)]) for row in found.comparison]
    found.other_metrics = [
        replace(row, p_adjusted=adjusted[_cell(row)]) for row in found.other_metrics
    ]
    found.best = [replace(row, p_adjusted=adjusted[_cell_of_best(row)]) for row in found.best]
    return len(p_values)


def _adjusted(p_values: dict[Cell, float], correction: Correction) -> dict[Cell, float]:
    adjusted = adjust(np.array(list(p_values.values())), correction)
    return dict(zip(p_values, adjusted, strict=True))


def _cell(row: ComparisonRow) -> Cell:
    return (*_about(row), row.layer, row.layer_after)


def _cell_of_best(row: BestRow) -> Cell:
    return (*_about(row), row.layer_before, row.layer_after)


def _about(row: ComparisonRow | BestRow | BehaviourRow) -> tuple[str, str, str, str, str]:
    return (row.before, row.after, row.task, row.metric, row.corpus)


def _cell_of_behaviour(row: BehaviourRow) -> Cell:
    return (*_about(row), NO_LAYER, NO_LAYER)
