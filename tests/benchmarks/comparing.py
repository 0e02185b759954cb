"""`probekit compare` on two cached checkpoints, all tasks and layers of en_ewt, against `probekit
probe` on one: a first comparison, and the next one with the same checkpoint before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import torch
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.models.names import resolve
from tests.benchmarks.timing import figure

COMMAND = str(Path(sys.executable).with_name("probekit"))


def main() -> None:
    corpus = pk.load_corpus("en_ewt")
    with tempfile.TemporaryDirectory() as name, patch.dict(os.environ, PROBEKIT_CACHE=name):
        folder = Path(name)
        first, second = (_shaken(folder / f"shaken-{seed}", seed) for seed in (0, 1))
        for model in ("minilm", first, second):
            pk.extract(model, corpus)
        for seeds in (1, 3):
            probing = _seconds(folder, "probe", "--model", "minilm", "--seeds", str(seeds))
            _figures(folder, first, f"seeds {seeds}", seeds, probing)
            _figures(folder, second, f"seeds {seeds}, the next one", seeds, probing)


def _figures(folder: Path, after: str, which: str, seeds: int, probing: float) -> None:
    """Of a comparison, beside the seconds of `probe` with as many seeds."""
    comparing = _seconds(
        folder, "compare", "--before", "minilm", "--after", after, "--seeds", str(seeds)
    )
    stages = json.loads((folder / "compare" / "run.json").read_text())["seconds"]
    del stages["all"]
    listed = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in stages.items())
    print(
        f"  {which}: probe {probing:.1f} s, compare {comparing:.1f} s, of which {listed}",
        flush=True,
    )
    refits = stages["refit"]
    print(f"  refits on resamples of the training sentences / probe: {refits / probing:.2f}")
    # `probe` refits nothing.
    scores = comparing - stages["decomposition"] - stages["similarity"] - refits
    figure(f"scores of compare / probe, {which}", scores / probing, "<= 1.5")
    figure(
        f"bootstrap and permutation / compare, {which}",
        stages["bootstrap and permutation"] / (comparing - refits),
        "<= 0.1",
    )


def _seconds(folder: Path, verb: str, *options: str) -> float:
    """Seconds of the command as a whole process."""
    out = ["--task", "all", "--corpus", "en_ewt", "--out", str(folder / verb)]
    started = time.perf_counter()
    subprocess.run([COMMAND, verb, *options, *out], check=True, capture_output=True)
    return time.perf_counter() - started


def _shaken(folder: Path, seed: int) -> str:
    """Minilm with a little noise on its weights."""
    source = resolve("minilm").location
    model = AutoModel.from_pretrained(source)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * parameter.std() * torch.randn_like(parameter))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)
