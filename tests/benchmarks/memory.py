"""Fitting from a store of 6 GiB of noise under a cap of 2 GiB."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.states.shard import Shard
from probekit.states.stored import Stored
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.benchmarks.peak import peak
from tests.benchmarks.timing import figure
from tests.made import made_corpus, made_states

LAYERS, DIM, GIB = 7, 384, 1 << 30
WORDS = 6 * GIB // (LAYERS * DIM * 2)
SHARD = 16_384


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PROBEKIT_CACHE": folder}
        command = [sys.executable, "-m", "tests.benchmarks.memory"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    gib = int(done.stdout.split()[-1]) / GIB
    figure("peak resident memory, store of 6 GiB", gib, "<= 2", "GiB")


def fit_noise() -> None:
    """Write the store, cap this process, fit, and print its peak resident memory in bytes."""
    rng = np.random.default_rng(0)
    sizes = {"train": WORDS, "dev": SHARD, "test": SHARD}
    corpus = made_corpus({split: rng.integers(0, 17, n) for split, n in sizes.items()}, words=20)  # type: ignore[misc]
    noise = rng.normal(size=(SHARD, DIM)).astype(np.float16)
    states = made_states(corpus, {split: np.zeros((LAYERS, 0, DIM)) for split in sizes})  # type: ignore[misc]
    assert isinstance(states.values, Stored)
    shards_by_split: Any = states.values.shards
    for split, n in sizes.items():
        shards = [Shard(split, i, a, min(a + SHARD, n)) for i, a in enumerate(range(0, n, SHARD))]  # type: ignore[arg-type]
        shards_by_split[split] = tuple(shards)
        for shard in shards:
            for layer in range(LAYERS):
                states.values.store.write(
                    shard, layer, np.roll(noise, layer, axis=0)[: shard.stop - shard.start], []
                )
    # A cap the kernel enforces on private memory; pages of the store itself are the system's to
    # keep or drop.
    resource.setrlimit(resource.RLIMIT_DATA, (2 * GIB, 2 * GIB))
    data = ask(Task(name="noise", title="", annotation="upos", shape="word"), corpus)
    fit(states, [data], settings=FitSettings(epochs=1))
    print(peak())


if __name__ == "__main__":
    fit_noise()
