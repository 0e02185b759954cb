"""Neuron overlap: how many of the first neurons two rankings share, beside what chance shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from probekit.usage.neurons_found import OverlapRow
from probekit.usage.rankings import Importance, ranked

Ranked = dict[tuple[int, str], Importance]
"""What neurons tell, by layer and method."""


class Others(NamedTuple):
    """The other rankings, and what they would be whatever the labels.

    Attributes:
        ranked: by the labels.
        shuffled: by the same labels, shuffled among the instances.
    """

    ranked: Ranked
    shuffled: Ranked


def overlap_rows(
    own: Ranked, others: Others, first: int, about: Mapping[str, Any]
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
        shared, by_shuffled = (
            len(mine & set(ranked(each[layer, method].overall)[:first].tolist())) for each in others
        )
        yield OverlapRow(
            **about,
            layer=layer,
            method=method,
            neurons=first,
            shared=shared,
            expected=first * first / dim,
            shuffled=by_shuffled,
            p_value=float(hypergeom.sf(shared - 1, dim, first, first)),
        )
