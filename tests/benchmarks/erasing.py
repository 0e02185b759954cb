"""`erase` of `pos` over all layers of `minilm` on `sample`, against one extraction of it.

Each erased layer is a forward pass over the test split for what is erased and for each of its two
comparisons; the rest is probes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import probekit as pk
from tests.benchmarks.timing import figure, in_turns

ROUNDS = 3
LAYERS = 7


def main() -> None:
    corpus = pk.load_corpus("sample")
    with tempfile.TemporaryDirectory() as name:
        caches = iter(Path(name) / str(number) for number in range(2 * ROUNDS))

        def extract() -> None:
            with patch.dict(os.environ, PROBEKIT_CACHE=str(next(caches))):
                pk.extract("minilm", corpus, progress=False)

        def erase() -> None:
            with patch.dict(os.environ, PROBEKIT_CACHE=str(next(caches))):
                pk.erase("minilm", "pos", corpus=corpus, progress=False)

        extraction, erasure = in_turns(ROUNDS, extract, erase)
    figure("erase, all layers / extraction", erasure / extraction, f"<= {LAYERS + 2}")
