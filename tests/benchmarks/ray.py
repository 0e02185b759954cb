"""Ray: its workers against threads, and what its scheduler costs where workers only sleep.

Each worker has one thread, and so has the engine of threads: two workers are two cores. What a
cluster takes to start is left out, and printed. Clusters of one and of two workers are compared by
way of threads, which run in turns with each.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextvars import copy_context
from functools import partial
from unittest.mock import patch

import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.engine.current import current, running_on
from probekit.engine.ray_engine import RayEngine
from tests.benchmarks.sleeping import SECONDS, Sleeping
from tests.benchmarks.timing import figure, in_turns

ROUNDS, EACH = 3, 8
SHARD_WORDS = 1_000
SLEEPERS = (16, 64)


def main() -> None:
    """Print each ratio, and the scheduler's overhead."""
    torch.set_num_threads(1)
    corpus = pk.load_corpus("sample")
    with patch("probekit.states.extract.SHARD_WORDS", SHARD_WORDS):
        one, two = _against_threads(1, corpus), _against_threads(2, corpus)
    figure("Ray with one worker / threads", one, "<= 1.1")
    figure("one worker of one core / two such workers", one / two, ">= 1.7")
    for workers in SLEEPERS:
        _overhead(workers)


def _against_threads(workers: int, corpus: Corpus) -> float:
    """Seconds of a probe by workers, as a share of those by threads."""
    on_threads = partial(copy_context().run, _probe, corpus)
    with running_on(pk.EngineSettings("ray", workers)):
        started = time.perf_counter()
        _probe(corpus)
        first = time.perf_counter() - started
        alone, together = in_turns(ROUNDS, on_threads, partial(_probe, corpus))
    print(
        f"  {workers} workers: {first:.1f} s with the cluster's start, {together:.1f} s without; "
        f"threads {alone:.1f} s"
    )
    return together / alone


def _probe(corpus: Corpus) -> None:
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, PROBEKIT_CACHE=folder):
        pk.probe("minilm", ["pos", "dep"], corpus=corpus, progress=False)


def _overhead(workers: int) -> None:
    """What the scheduler adds to jobs that sleep, EACH for every worker."""
    jobs = range(EACH * workers)
    with running_on(pk.EngineSettings("ray", workers)):
        engine = current()
        assert isinstance(engine, RayEngine)
        while len(engine.crew().idle) < workers:  # some have not begun
            engine.run(Sleeping(), range(workers), lambda done: None)
        started = time.perf_counter()
        engine.run(Sleeping(), jobs, lambda done: None)
        seconds = time.perf_counter() - started
    ideal = SECONDS * EACH
    print(
        f"  {workers} sleeping workers: {len(jobs)} jobs in {seconds:.2f} s, asleep {ideal:.1f} s"
    )
    figure(f"scheduler overhead with {workers} sleeping workers", seconds / ideal - 1, "<= 0.1")


if __name__ == "__main__":
    main()
