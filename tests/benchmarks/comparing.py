"""`compare` on two cached checkpoints, all tasks and layers of en_ewt, against `probe` on one of them."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import torch
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.states.names import resolve
from tests.benchmarks.timing import figure

SEEDS = (0, 1, 2)


def main() -> None:
    corpus = pk.load_corpus("en_ewt")
    with tempfile.TemporaryDirectory() as folder:
        before = pk.extract("minilm", corpus)
        with patch.dict(os.environ, PROBEKIT_CACHE=folder):
            after = pk.extract(_shaken(Path(folder) / "shaken"), corpus)
        started = time.perf_counter()
        pk.probe(before, "all", seeds=SEEDS)
        probing = time.perf_counter() - started
        change = pk.compare(before, after, "all", seeds=SEEDS)
    seconds = dict(change.run["seconds"])
    whole = seconds.pop("all")
    print(f"  probe {probing:.1f} s, compare {whole:.1f} s, of which " + _listed(seconds))
    scores = whole - seconds["decomposition"] - seconds["similarity"]
    figure("scores of compare / probe", scores / probing, "<= 1.5")
    figure("bootstrap and permutation / compare", seconds["bootstrap and permutation"] / whole, "<= 0.1")


def _shaken(folder: Path) -> str:
    """Minilm with a little noise on its weights."""
    source = resolve("minilm").location
    model = AutoModel.from_pretrained(source)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * parameter.std() * torch.randn_like(parameter))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)


def _listed(seconds: dict[str, float]) -> str:
    return ", ".join(f"{stage} {spent:.1f} s" for stage, spent in seconds.items())
