"""`probe --states none` against the same run with states on disk, cold; and the memory of a sweep
over a wide model of random weights, at two depths.

The model has 33 layers × 4,096 with `--wide`, which takes 26 GB of disk and some minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaModel

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.names import resolve
from probekit.progress import silent
from probekit.states.reading import read_each
from probekit.states.sweep import Sweep
from tests.benchmarks.timing import figure

ROUNDS, SENTENCES = 3, 200
MARGIN = 50_000_000  # bytes, for the allocator
NARROW, WIDE = (1_024, 9), (4_096, 17)  # width, and blocks + 1 of the shallower model


def main(arguments: Sequence[str] = ()) -> None:
    """Compare the times, then the memory of a model and of one twice as deep."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep")
    parser.add_argument("--wide", action="store_true", help="4,096 wide, up to 33 layers")
    width, layers = WIDE if parser.parse_args(arguments).wide else NARROW
    _times()
    with tempfile.TemporaryDirectory() as folder:
        for n_layers in (layers, 2 * layers - 1):
            model = _wide(Path(folder) / str(n_layers), width, n_layers - 1)
            command = [sys.executable, "-m", "tests.benchmarks.sweep", model]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            used, bound, weights = (float(word) / 1e6 for word in done.stdout.split())
            what = f"{n_layers} layers x {width:,}, weights of {weights:,.0f} MB"
            figure(f"private memory of a sweep, {what}", used, f"<= {bound:,.0f}", "MB")


def _times() -> None:
    sample = pk.load_corpus("sample")
    pk.probe("minilm", "pos", corpus=_few(sample, 20), states="none", progress=False)  # imports
    seconds: dict[str, list[float]] = {"stored": [], "none": []}
    for _ in range(ROUNDS):
        for states, of_states in seconds.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                patch.dict(os.environ, PROBEKIT_CACHE=folder),
            ):
                started = time.perf_counter()
                pk.probe("minilm", ["pos", "dep"], corpus=sample, states=states, progress=False)
                of_states.append(time.perf_counter() - started)
    of_each = {states: median(of_states) for states, of_states in seconds.items()}
    print(f"  stored, cold {of_each['stored']:.1f} s, none {of_each['none']:.1f} s", flush=True)
    figure("minilm: states none / stored, cold", of_each["none"] / of_each["stored"], "<= 1.1")


def _few(corpus: Corpus, sentences: int) -> Corpus:
    splits = {split: corpus.splits[split][:sentences] for split in SPLITS}
    return Corpus("few", splits)


def _wide(folder: Path, width: int, blocks: int) -> str:
    """A random Llama with the tokenizer of minilm, whose files are written block by block."""
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm").location)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=width // 64,
        intermediate_size=2 * width,
        max_position_embeddings=512,
    )
    LlamaModel(config).save_pretrained(folder)
    return str(folder)


@contextmanager
def _peak_of_private_memory() -> Iterator[list[int]]:
    """The most private memory of this process in the block, in bytes, as the only item.

    Pages of files that are mapped, such as weights, are the system's to keep or drop.
    """
    found, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            found[0] = max(found[0], private_memory())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield found
    finally:
        is_over.set()
        watching.join()


def private_memory() -> int:
    """The private memory of this process now, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("there is no RssAnon in /proc/self/status")


def sweep(model: str) -> None:
    """Sweep over some sentences; print the private memory it took, its bound, and the size of the
    weights, in bytes."""
    opened = Checkpoint(model, EncoderSettings())
    settings = pk.ExtractSettings(states="none")
    corpus = _few(pk.load_corpus("sample"), SENTENCES)
    (states,) = read_each(opened, corpus, ["sentence"], settings, silent)
    swept = states.values
    assert isinstance(swept, Sweep)
    before = private_memory()
    with _peak_of_private_memory() as peak:
        for _ in swept.in_turn():
            pass
    weights = sum(path.stat().st_size for path in Path(model).glob("*.safetensors"))
    print(peak[0] - before, bound(swept), weights)


def bound(swept: Sweep) -> int:
    """What a sweep may take, in bytes: hidden states and vectors of words, what a block computes of
    a batch on the way, the weights of a block, and MARGIN."""
    width = swept.reader.dim
    of_batch = 4 * 20 * swept.reader.budget * width
    of_block = 4 * 10 * width**2
    return sum(swept.sizes()) + of_batch + of_block + MARGIN


if __name__ == "__main__":
    sweep(sys.argv[1])
