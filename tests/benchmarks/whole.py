"""`probekit probe --task pos,dep,srl` on en_ewt, cold and from the cache, against the bare forward pass."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.states.encoder import Encoder, EncoderSettings
from tests.benchmarks.extraction import _batches
from tests.benchmarks.timing import figure

COMMAND = [str(Path(sys.executable).with_name("probekit")), "probe", "--model", "minilm", "--corpus", "en_ewt"]


def run(cache: str) -> float:
    """Seconds of the command as a whole process."""
    started = time.perf_counter()
    environment = {**os.environ, "PROBEKIT_CACHE": cache}
    out = ["--task", "pos,dep,srl", "--out", str(Path(cache) / "out")]
    subprocess.run([*COMMAND, *out], check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def main() -> None:
    started = time.perf_counter()
    corpus = pk.load_corpus("en_ewt")
    reading = time.perf_counter() - started
    encoder = Encoder("minilm", EncoderSettings())
    encoder.load(encoder.n_blocks)
    passages = {"train": tuple(p for split in SPLITS for p in corpus.splits[split])}
    prepared = _batches(Corpus("all", passages), encoder)  # type: ignore[arg-type]

    def half(part: int) -> float:
        started = time.perf_counter()
        for batch in prepared[part::2]:
            encoder.hidden_states(batch)
        return time.perf_counter() - started

    with tempfile.TemporaryDirectory() as cache:
        bare = half(0)  # before and after, since the machine's speed drifts
        cold = run(cache)
        warm = run(cache)
        bare += half(1)
    print(f"  reading {reading:.1f} s, bare pass {bare:.1f} s, cold {cold:.1f} s, from the cache {warm:.1f} s")
    figure("(cold - reading) / bare pass", (cold - reading) / bare, "<= 1.4")
    figure("from the cache / bare pass", warm / bare, "<= 0.45")
