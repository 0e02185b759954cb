"""Ahead: the next block's weights are copied while one runs."""

from __future__ import annotations

import threading

import pytest
import torch

from probekit.models.ahead import Ahead


class _Copied:
    """A weight on a GPU. Its memory may be used again once these streams have done their work."""

    def __init__(self) -> None:
        self.used_in: list[object] = []

    def record_stream(self, stream: object) -> None:
        """Keep the memory for a stream."""
        self.used_in.append(stream)


def test_the_next_block_is_copied_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, go_on = threading.Event(), threading.Event()
    copied = [_Copied()]

    def moved(self: Ahead, number: int) -> list[_Copied]:
        if number == 1:
            asked.set()
            assert go_on.wait(10)
        return copied

    monkeypatch.setattr(Ahead, "_moved", moved)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "the caller's")
    blocks = [torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)]
    ahead = Ahead(blocks, torch.device("cuda"), torch.float32)
    assert ahead.take(0) is copied
    assert asked.wait(10) and not go_on.is_set()
    go_on.set()
    assert ahead.take(1) is copied
    assert copied[0].used_in == ["the caller's", "the caller's"]
