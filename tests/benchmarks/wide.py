"""Fitting linear probes of all layers of large models, on made-up states: seconds, and the peak of
memory.

`python -m tests.benchmarks wide --sizes small` runs the smaller of the two alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.probes.fit import fit
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.benchmarks.peak import peak
from tests.benchmarks.timing import figure
from tests.made import made_corpus


@dataclass(frozen=True)
class Size:
    """A model, a corpus, and what their fit may take.

    Attributes:
        layers, dim: of the model.
        words: of the training split; dev and test have a tenth each.
        seconds, gigabytes: targets.
    """

    layers: int
    dim: int
    words: int
    seconds: str
    gigabytes: str


SIZES = {
    "small": Size(49, 2_048, 4_000, "< 30", "< 1.5"),
    "large": Size(33, 4_096, 20_000, "minutes", "reported only"),
}
LABELS = 17


@dataclass(frozen=True)
class Noise:
    """`Vectors` that are the same noise at every layer, so that the states themselves take little
    memory.

    Attributes:
        noise: `(words, dim)`, float16; splits read it from the beginning.
    """

    corpus: Corpus
    layers: tuple[int, ...]
    noise: np.ndarray
    context: Context = "sentence"
    dtype: str = "float16"
    dim: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dim", self.noise.shape[1])

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int],
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of words `start` to `stop`, the same at every layer: see `Vectors`."""
        if out is None:
            out = np.empty((len(layers), stop - start, self.dim), dtype=self.dtype)
        out[:] = self.noise[start:stop]
        return out


def main(arguments: Sequence[str] = ()) -> None:
    """Fit each size in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks wide")
    parser.add_argument(
        "--sizes", default=",".join(SIZES), help="small, large, or both with a comma between"
    )
    for name in parser.parse_args(arguments).sizes.split(","):
        size = SIZES[name]
        command = [sys.executable, "-m", "tests.benchmarks.wide", name]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, n_bytes = map(float, done.stdout.split())
        what = f"{size.layers} layers x {size.dim:,} numbers x {size.words:,} words"
        figure(f"fitting, {what}", seconds, size.seconds, "s")
        figure(f"peak resident memory, {what}", n_bytes / 1e9, size.gigabytes, "GB")


def fit_noise(size: Size) -> None:
    """Fit, and print the seconds and the peak resident memory of this process in bytes."""
    rng = np.random.default_rng(0)
    words = dict(zip(SPLITS, (size.words, size.words // 10, size.words // 10), strict=True))
    corpus = made_corpus(
        {split: rng.integers(0, LABELS, n) for split, n in words.items()}, words=20
    )
    noise = rng.standard_normal((size.words, size.dim), dtype=np.float32).astype(np.float16)
    states = Noise(corpus, tuple(range(size.layers)), noise)
    data = ask(Task(name="noise", title="", annotation="upos", shape="word"), corpus)
    started = time.perf_counter()
    fit(states, [data])
    print(time.perf_counter() - started, peak())


if __name__ == "__main__":
    fit_noise(SIZES[sys.argv[1]])
