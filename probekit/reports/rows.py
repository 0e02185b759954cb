"""Rows of results, for pictures: of probes, of baselines, and what their layer 0 is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from probekit.errors import InputError
from probekit.forgetting.comparison import Comparison
from probekit.probes.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

OTHER_SITES = {"vectors", "parts", "given"}  # their layer 0 is not the embeddings of a model


def probes_and_baselines(scores: Scores) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of trained probes, and rows of baselines, with display names.

    Raises InputError where there are no probes.
    """
    if scores.table.empty:
        raise InputError("there is nothing to draw: the scores have no rows")
    frame = scores.displayed()
    is_baseline = frame["layer"].isna()
    if is_baseline.all():
        raise InputError("there are no layers to draw: the scores hold baselines only")
    return frame[~is_baseline], frame[is_baseline]


def layer_label(name: str, sites: Iterable[str], *notes: str) -> str:
    """The label of an axis of layers: `layer (0 = embeddings)`, where that is so at every site."""
    if OTHER_SITES.isdisjoint(sites):
        notes = ("0 = embeddings", *notes)
    return f"{name} ({'; '.join(notes)})" if notes else name


def sites_of(comparison: Comparison) -> set[str]:
    """The sites that a comparison read, by its record."""
    found: set[str] = set()
    for measurement in comparison.run.measurements:
        found.add(measurement.fingerprints.get("layers", {}).get("site", ""))
    return found
