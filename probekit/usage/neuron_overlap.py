"""Neuron overlap: how many of the first neurons two rankings share, beside what chance shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probekit.usage.neurons_found import OverlapRow
from probekit.usage.rankings import Importance, ranked

Ranked = dict[tuple[int, str], Importance]
"""What neurons tell, by layer and method."""


def overlap_rows(
    own: Ranked, others: Ranked, first: int, about: Mapping[str, Any]
) -> Iterator[OverlapRow]:
    """A row for each layer and method.

    Args:
        own, others: the rankings.
        first: how many of the first neurons are compared.
        about: the columns that identify the tasks and models.
    """
    from scipy.stats import hypergeom

    for (layer, method), found in own.items():
        dim = len(found.overall)
        mine = set(ranked(found.overall)[:first].tolist())
        shared = len(mine & set(ranked(others[layer, method].overall)[:first].tolist()))
        yield OverlapRow(
            **about,
            layer=layer,
            method=method,
            neurons=first,
            shared=shared,
            expected=first * first / dim,
            p_value=float(hypergeom.sf(shared - 1, dim, first, first)),
        )
