"""`probe --states none` against the same run with states on disk, cold; and the private memory of a
sweep over a wide, thin model of random weights, at two depths, alone and with the training of
probes.

With `--wide` the models are 4,096 wide with 33 and 65 layers, and are swept without probes.
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
from typing import NamedTuple
from unittest.mock import patch

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaModel

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.corpora.passages import Passages
from probekit.engine.workers import count
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.names import resolve
from probekit.probes.fit_settings import FitSettings
from probekit.probes.probe_states import probe_states
from probekit.progress import silent
from probekit.states.reading import read_each
from probekit.states.sweep import Sweep
from probekit.states.sweep_facts import sweep_facts
from probekit.states.sweep_memory import GAPS, sweep_memory
from probekit.tasks.question import Question, ask
from tests.benchmarks.timing import figure

ROUNDS, TIMES = 3, 8
NARROW, WIDE = (1_024, 9, 600), (4_096, 33, 100)  # width, layers of the shallower model, sentences
HEADS = 8  # of attention, 64 wide each


class Used(NamedTuple):
    """What a run took, in bytes.

    Attributes:
        peak: the most private memory, above what there was before.
        predicted: what `doctor` predicts, and for the training of probes.
        bound: that with the gaps that the allocator leaves for each thread.
        kept: what is kept of each layer.
    """

    peak: int
    predicted: int
    bound: int
    kept: int


def main(arguments: Sequence[str] = ()) -> None:
    """Compare the times, then the memory of a model and of one twice as deep."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep")
    parser.add_argument("--wide", action="store_true", help="4,096 wide, 33 and 65 layers")
    parser.add_argument("--memory", action="store_true", help="without the times")
    given = parser.parse_args(arguments)
    if not given.memory:
        _times()
        _predicted()
    width, layers, sentences = WIDE if given.wide else NARROW
    with tempfile.TemporaryDirectory() as folder:
        for probes in ("without",) if given.wide else ("without", "with"):
            for n_layers in (layers, 2 * layers - 1):
                used = memory_of(Path(folder), width, n_layers, probes, sentences)
                what = f"{n_layers} layers x {width:,}, {probes} probes"
                limit = f"<= {used.bound / 1e6:,.0f}, predicted {used.predicted / 1e6:,.0f}"
                figure(f"private memory of a sweep, {what}", used.peak / 1e6, limit, "MB")


def memory_of(
    folder: Path, width: int, n_layers: int, probes: str, sentences: int = NARROW[-1]
) -> Used:
    """What a sweep over a model of random weights takes in a process of its own.

    Args:
        folder: for models.
        width: of the model.
        n_layers: its blocks + 1.
        probes: `with` or `without` their training.
        sentences: of each split of `sample`.
    """
    models = [_thin(folder, 64, 3), _thin(folder, width, n_layers)]
    command = [sys.executable, "-m", "tests.benchmarks.sweep", *models, probes, str(sentences)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Used(*map(int, done.stdout.split()))


def _times() -> None:
    sample = pk.load_corpus("sample")
    pk.probe("minilm", "pos", corpus=_few(sample, 20), states="none", progress=False)  # imports
    _compare_times("sample", sample, ROUNDS)
    _compare_times(f"sample {TIMES} times over", _repeated(sample), 1)


def _compare_times(name: str, corpus: Corpus, rounds: int) -> None:
    """Compare a run with states on disk and one without; by the clock, and by processor seconds,
    which other work on the machine changes less."""
    seconds: dict[str, list[tuple[float, float]]] = {"stored": [], "none": []}
    for _ in range(rounds):
        for states, of_states in seconds.items():
            with (
                tempfile.TemporaryDirectory() as folder,
                patch.dict(os.environ, PROBEKIT_CACHE=folder),
            ):
                started, used = time.perf_counter(), time.process_time()
                pk.probe("minilm", ["pos", "dep"], corpus=corpus, states=states, progress=False)
                spent = time.perf_counter() - started, time.process_time() - used
                of_states.append(spent)
    for place, kind in enumerate(("seconds", "processor seconds")):
        stored, none = (_median(of_states, place) for of_states in seconds.values())
        print(f"  {name}: stored, cold {stored:.1f}, none {none:.1f} {kind}", flush=True)
        figure(f"minilm on {name}: states none / stored, {kind}", none / stored, "<= 1.1")


def _median(spent: Sequence[tuple[float, float]], place: int) -> float:
    return median(one[place] for one in spent)


def _repeated(corpus: Corpus) -> Corpus:
    splits = {split: Passages.joined([corpus.splits[split]] * TIMES) for split in SPLITS}
    return Corpus("many", splits)


def _predicted() -> None:
    """Compare the seconds that are predicted for a sweep with those that it takes."""
    sample = pk.load_corpus("sample")
    opened = Checkpoint("minilm", EncoderSettings())
    settings = pk.ExtractSettings(states="none")
    (states,) = read_each(opened, sample, ["sentence"], settings, silent)
    assert isinstance(states.values, Sweep)
    predicted = sweep_facts(states.values, lambda layer, values: None)[
        "sweep on this machine in s, without probes, about"
    ]
    for _ in states.values.in_turn():
        pass
    ratio = predicted / states.values.taken[-1].running
    figure("minilm: seconds of a sweep, predicted / measured", ratio, "0.75 to 1.25")


def _few(corpus: Corpus, sentences: int) -> Corpus:
    splits = {split: corpus.splits[split][:sentences] for split in SPLITS}
    return Corpus("few", splits)


def _thin(folder: Path, width: int, n_layers: int) -> str:
    """A random Llama with minilm's tokenizer, few heads and a narrow feed-forward part."""
    place = folder / f"{width}-{n_layers}"
    if place.exists():
        return str(place)
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm").location)
    tokenizer.save_pretrained(place)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=n_layers - 1,
        num_attention_heads=HEADS,
        num_key_value_heads=1,
        head_dim=64,
        intermediate_size=256,
        max_position_embeddings=512,
    )
    LlamaModel(config).save_pretrained(place)
    return str(place)


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


def measure(warm: str, model: str, probes: str, sentences: str) -> Used:
    """What a sweep over a model takes, after one over a small model, which imports what is needed
    and starts threads."""
    corpus = _few(pk.load_corpus("sample"), int(sentences))
    asked = [ask(pk.load_task("pos"), corpus)] if probes == "with" else []
    _run(warm, corpus, asked)
    before = private_memory()
    with _peak_of_private_memory() as peak:
        swept = _run(model, corpus, asked)
    predicted = sum(sweep_memory(swept, swept.taken[-1].sizes))
    kept = 0
    if asked:
        kept = _kept(swept, asked)
        predicted += _of_fit(swept) + kept * len(swept.layers)
    bound = predicted + GAPS * count(swept.reader.device)
    return Used(peak[0] - before, predicted, bound, kept)


def _run(model: str, corpus: Corpus, asked: Sequence[Question]) -> Sweep:
    """Sweep over a model, and train probes where something is asked."""
    opened = Checkpoint(model, EncoderSettings())
    settings = pk.ExtractSettings(states="none")
    (states,) = read_each(opened, corpus, ["sentence"], settings, silent)
    assert isinstance(states.values, Sweep)
    if asked:
        probe_states(states, asked, ("linear",), (0,), FitSettings(), silent)
    else:
        for _ in states.values.in_turn():
            pass
    return states.values


def _of_fit(swept: Sweep) -> int:
    """What the training of linear probes takes for each layer in memory: the words in the
    coordinates of probes, and matrices of the width squared, up to six of them in float64."""
    width = swept.reader.dim
    n_words = sum(int(swept.corpus.offsets(split)[-1]) for split in SPLITS)
    return swept.at_once * (4 * n_words * width + 6 * 8 * width**2)


def _kept(swept: Sweep, asked: Sequence[Question]) -> int:
    """What is kept of each layer: weights, and labels and losses of instances, in 8 bytes each."""
    kept = 0
    for question in asked:
        kept += 4 * swept.reader.dim * (len(question.classes) + 16)
        kept += 8 * 3 * (len(question.splits["dev"]) + len(question.splits["test"]))
    return kept


if __name__ == "__main__":
    print(*measure(*sys.argv[1:]))
