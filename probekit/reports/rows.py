"""Rows of scores, for pictures: of probes, and of baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.errors import InputError
from probekit.probes.baselines import BASELINES
from probekit.probes.scores import Scores

if TYPE_CHECKING:
    import pandas as pd


def probes_and_baselines(scores: Scores) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of trained probes, and rows of baselines, with display names.

    Raises InputError where there are no probes.
    """
    if scores.table.empty:
        raise InputError("there is nothing to draw: the scores have no rows")
    frame = scores.displayed()
    is_baseline = frame["probe"].isin(list(BASELINES))
    if is_baseline.all():
        raise InputError("there are no layers to draw: the scores hold baselines only")
    return frame[~is_baseline], frame[is_baseline]
