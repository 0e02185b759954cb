"""Heads: the kinds of probe. A kind is one file here, and one entry in HEADS."""

from __future__ import annotations

import re

from probekit.errors import InputError, unknown
from probekit.probes.heads.edge import Edge
from probekit.probes.heads.head import Head
from probekit.probes.heads.linear import Linear
from probekit.probes.heads.mlp import MLP
from probekit.probes.heads.rank import Rank

__all__ = ["HEADS", "Head", "head_of"]

HEADS: dict[str, type[Head]] = {head.kind: head for head in (Linear, MLP, Edge, Rank)}


def head_of(name: str, parameter: str = "probe") -> Head:
    """The head of a name: `linear`, `mlp`, `mlp:32`, `rank:8`; a size follows the colon.

    Raises InputError, which names the parameter, for anything else.

    >>> head_of("rank:8").width(17)
    8
    """
    kind, _, size = name.partition(":")
    if kind in HEADS:
        return HEADS[kind](size)
    size_given = re.search("[0-9]+$", name)
    usages = [head.usage for head in HEADS.values()]
    if size_given:
        usages = [re.sub("[0-9]+$", size_given[0], usage) for usage in usages]
        usages += [f"{head.kind}:{size_given[0]}" for head in HEADS.values() if head.sized]
    raise InputError(unknown(f"value of {parameter}", name, usages))
