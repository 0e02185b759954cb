"""Ahead: the next block's weights are copied while one runs."""

from __future__ import annotations

import threading

import pytest
import torch

from probekit.models.ahead import Ahead


def test_the_next_block_is_copied_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()
    copied = [torch.ones(1)]

    def moved(self: Ahead, number: int) -> list[torch.Tensor]:
        if number == 1:
            asked.set()
            assert go_on.wait(10)
        return copied

    monkeypatch.setattr(Ahead, "_moved", moved)
    blocks = [torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)]
    ahead = Ahead(blocks, torch.device("cuda"), torch.float32)
    assert ahead.take(0) is copied
    assert asked.wait(10) and not go_on.is_set()
    go_on.set()
    assert ahead.take(1) is copied
