"""Standardised vectors: what a referee reads of one layer, built in full, one row an instance."""

from __future__ import annotations

import torch

from probekit.corpora.passage import SPLITS, Split
from probekit.probes.pooling import products, slots, take
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question


def standardised(states: Vectors, question: Question, layer: int) -> dict[Split, torch.Tensor]:
    """The instances' vectors `(n, width)` of every split, float32: each number has mean 0 and
    variance 1 in training.

    Numbers that never vary in training are 0 throughout.
    """
    words = _standardise({split: _words(states, split, layer) for split in SPLITS})
    return _standardise({split: _instances(words[split], question, split) for split in SPLITS})


def _words(states: Vectors, split: Split, layer: int) -> torch.Tensor:
    """Every word's vector: `(words, dim)`, float32."""
    n = int(states.corpus.offsets(split)[-1])
    return torch.from_numpy(states.read(split, 0, n, [layer])[0]).float()


def _instances(words: torch.Tensor, question: Question, split: Split) -> torch.Tensor:
    spans = torch.from_numpy(question.splits[split].read_spans)
    layers = words[None]
    parts = [take(layers, spans, slot)[0] for slot in slots(question.task)]
    if question.task.features == "product":
        parts.append(products(layers, spans, slots(question.task))[0])
    return torch.cat(parts, dim=1)


def _standardise(values: dict[Split, torch.Tensor]) -> dict[Split, torch.Tensor]:
    deviation, mean = torch.std_mean(values["train"], dim=0, correction=0)
    # Some models have dimensions that never vary. Divided by its deviation such a number would not
    # be one.
    varies = deviation > 1e-6
    deviation = torch.where(varies, deviation, torch.ones_like(deviation))
    return {
        split: torch.where(varies, (rows - mean) / deviation, 0.0) for split, rows in values.items()
    }
