"""`attribute` of `pos` with `minilm` over 200 sentences of `sample`, from states in the cache.

The null, the same with random weights, is part of it, with the extraction of its layer.
"""

from __future__ import annotations

import os
import tempfile
import time
from unittest.mock import patch

import probekit as pk
from probekit.corpora.passage import Corpus
from tests.benchmarks.timing import figure

SENTENCES = 200


def main() -> None:
    sample = pk.load_corpus("sample")
    # Its test split has fewer sentences: some of training are tested in their place.
    train = sample.splits["train"]
    splits = {**sample.splits, "train": train[SENTENCES:], "test": train[:SENTENCES]}
    corpus = Corpus("sample, other test sentences", splits)
    with tempfile.TemporaryDirectory() as name, patch.dict(os.environ, PROBEKIT_CACHE=name):
        pk.extract("minilm", corpus, progress=False)
        started = time.perf_counter()
        found = pk.attribute("minilm", "pos", corpus=corpus, limit=SENTENCES, progress=False)
        seconds = time.perf_counter() - started
    rows = found.of_model
    print(f"  {len(rows):,} decisions in {rows['text'].nunique()} sentences")
    figure("attribute, with its null", seconds, "< 120", "s")
