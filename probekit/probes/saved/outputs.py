"""Outputs: what a saved probe gives for the instances of a split."""

from __future__ import annotations

import numpy as np
import torch

from probekit.corpora.passage import Split
from probekit.probes.batches import Runs
from probekit.probes.evaluate import BATCH_WORDS
from probekit.probes.heads import head_of
from probekit.probes.pooling import take
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question

CPU = torch.device("cpu")


@torch.no_grad()
def outputs(probe: SavedProbe, states: Vectors, question: Question, split: Split) -> np.ndarray:
    """The output for each class, `(n, classes)` in float32; the highest one is the prediction.

    Args:
        probe: the probe.
        states: what it reads, at its layer.
        question: its task, and the instances.
        split: whose instances are read.
    """
    runs = Runs(states, split, [question.splits[split]])
    found = []
    for batch in runs.batches(BATCH_WORDS, [probe.layer], CPU):
        found.append(_of_batch(probe, batch.states, batch.spans[0]).numpy())
    return np.concatenate(found)


def _of_batch(probe: SavedProbe, words: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
    """The outputs `(n, classes)` from words `(1, words, dim)` and spans `(n, arity, 2)`."""
    total = torch.from_numpy(probe.bias)
    for i, slot in enumerate(probe.slots):
        projected = words @ torch.from_numpy(probe.weight[i])
        scores = None
        if probe.attention is not None:
            scores = words @ torch.from_numpy(probe.attention[i])[:, None]
        total = total + take(projected, spans, slot, scores)
    further = {name: torch.from_numpy(one)[None, None] for name, one in probe.further.items()}
    return head_of(probe.head)(total.unsqueeze(2), further)[0, :, 0]
