"""`probekit probe --task pos,dep,srl` on en_ewt, cold and from the cache, against the bare forward
pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from unittest.mock import patch

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from tests.benchmarks.extraction import _batches
from tests.benchmarks.timing import figure

ROUNDS = 3
COMMAND = [
    str(Path(sys.executable).with_name("probekit")),
    "probe",
    "--model",
    "minilm",
    "--corpus",
    "en_ewt",
]


def run(cache: str) -> float:
    """Seconds of the command as a whole process."""
    started = time.perf_counter()
    environment = {**os.environ, "PROBEKIT_CACHE": cache}
    out = ["--task", "pos,dep,srl", "--out", str(Path(cache) / "out")]
    subprocess.run([*COMMAND, *out], check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def main() -> None:
    # As a cold run does: with nothing in the cache.
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, PROBEKIT_CACHE=cache):
        started = time.perf_counter()
        corpus = pk.load_corpus("en_ewt")
        reading = time.perf_counter() - started
    encoder = Checkpoint("minilm", EncoderSettings()).encoder
    encoder.load(encoder.n_blocks)
    passages = {"train": tuple(p for split in SPLITS for p in corpus.splits[split])}
    prepared = _batches(Corpus("all", passages), encoder)  # type: ignore[arg-type]

    def half(part: int) -> float:
        started = time.perf_counter()
        for batch in prepared[part::2]:
            encoder.hidden_states(batch)
        return time.perf_counter() - started

    bares, colds, warms = [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            bare = half(0)  # one half before and one after, since the machine's speed drifts
            colds.append(run(cache))
            bares.append(bare + half(1))
            warms.append(run(cache))
        print(
            f"  bare pass {bares[-1]:.1f} s, cold {colds[-1]:.1f} s, "
            f"from the cache {warms[-1]:.1f} s",
            flush=True,
        )
    bare, cold, warm = median(bares), median(colds), median(warms)
    print(f"  reading {reading:.1f} s")
    figure("(cold - reading) / bare pass", (cold - reading) / bare, "<= 1.35")
    figure("from the cache / bare pass", warm / bare, "<= 0.43")
