"""Ablation: neurons that are put out of action in a layer's states."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

WAYS = ("zero", "mean", "resample")
POOL = 4_096  # words that values are drawn from


@dataclass(frozen=True)
class Ablation:
    """A map of states in which some neurons have other values.

    Attributes:
        neurons: their numbers, `(k,)`.
        pool: rows that a state's values are drawn from, `(rows, k)`: one row is a constant.
    """

    neurons: torch.Tensor
    pool: torch.Tensor

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The states `(…, dim)` with other values, of the same type. Equal shapes get equal draws,
        in whatever order threads run."""
        found = states.clone()
        shape = states.shape[:-1]
        generator = torch.Generator().manual_seed(0)
        rows = torch.randint(len(self.pool), shape, generator=generator).to(self.pool.device)
        found[..., self.neurons] = self.pool[rows].to(states.dtype)
        return found

    def to(self, device: torch.device) -> Ablation:
        """The same on a device."""
        return replace(self, neurons=self.neurons.to(device), pool=self.pool.to(device))


def ablation(way: str, neurons: np.ndarray, words: np.ndarray) -> Ablation:
    """An ablation of neurons.

    Args:
        way: `zero`; `mean`, of the words; or `resample`: what they are in other words, drawn at
            random, all from one word.
        neurons: their numbers.
        words: vectors of training words, `(n, dim)`.
    """
    chosen = words[:, neurons].astype(np.float32)
    if way == "zero":
        pool = np.zeros((1, len(neurons)), dtype=np.float32)
    elif way == "mean":
        pool = chosen.mean(axis=0, keepdims=True)
    else:
        pool = chosen[:: max(1, len(chosen) // POOL)]
    return Ablation(torch.from_numpy(neurons.copy()), torch.from_numpy(pool))
