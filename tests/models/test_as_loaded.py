"""A model that changes itself while it runs is put back, whatever its threads do, and released."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from probekit.models.as_loaded import AsLoaded
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from tests.families import make_family


class Changing(torch.nn.Module):
    """Adds one until its first negative input; then it has another part, buffer and number."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 1.0
        self.part: torch.nn.Module = torch.nn.Identity()
        self.register_buffer("shift", torch.zeros(1))

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Steps in between let other threads in."""
        found = self.part(value)
        if value.item() < 0:
            self.step = 100.0
            self.part = torch.nn.Flatten(0)
            self.shift = torch.ones(1)
        for _ in range(50):
            found = found + 0
        return torch.as_tensor(found + self.step + self.shift)


def test_everything_is_put_back() -> None:
    model = Changing()
    as_loaded = AsLoaded(model)
    as_loaded.restore()
    assert not as_loaded.has_changed
    assert model(torch.tensor([-1.0])).item() == 100.0
    assert model(torch.tensor([1.0])).item() == 102.0
    as_loaded.restore()
    assert as_loaded.has_changed
    assert model(torch.tensor([1.0])).item() == 2.0
    assert isinstance(model.part, torch.nn.Identity)


def test_threads_take_turns() -> None:
    model = Changing()
    as_loaded = AsLoaded(model)

    def run(number: int) -> float:
        with as_loaded.alone():
            return float(model(torch.tensor([float(number)])).item())

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, [(-1) ** i * (i + 1) for i in range(200)]))
    for i, value in enumerate(found):
        number = (-1) ** i * (i + 1)
        assert value == number + (101.0 if number < 0 else 1.0)


def test_the_weights_are_released(family_texts: list[str], tmp_path: Path) -> None:
    folder = make_family("big_bird", tmp_path, family_texts, endless=True)
    checkpoint: Any = Checkpoint(str(folder), EncoderSettings())
    checkpoint.encoder.load(3)
    checkpoint.encoder.hidden_states([np.arange(5, 45)])
    model = weakref.ref(checkpoint.encoder.held.model)
    checkpoint.release()
    gc.collect()
    assert model() is None
