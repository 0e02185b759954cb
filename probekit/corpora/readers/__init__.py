"""Readers: one for each file format. A reader turns `Material` into a `Reading`; `READERS` lists
them all."""

from __future__ import annotations

from collections.abc import Callable

from probekit.corpora.readers import (
    conll2012,
    conllu,
    delimited,
    edges,
    hf,
    minimal_pairs,
    propbank,
)
from probekit.corpora.readers.reading import Material, Reading

READERS: dict[str, Callable[[Material], Reading]] = {
    "conllu": conllu.read,
    "ud_propbank": propbank.read,
    "conll2012": conll2012.read,
    "edges": edges.read,
    "datasets": hf.read,
    "csv": delimited.read,
    "minimal_pairs": minimal_pairs.read,
}
