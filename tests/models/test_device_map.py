"""Weights spread by accelerate: here over memory and disk, as there is no GPU."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.integrations import accelerate

from probekit.errors import InputError
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from tests.conftest import MakeFamily

SUBWORDS = [np.arange(5, 25), np.arange(7, 12)]
SPREAD = EncoderSettings(device_map="auto")


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert", "t5"])
@pytest.mark.parametrize("last", [2, 3])
def test_states_of_weights_on_disk_are_the_same(
    family: str, last: int, families: MakeFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Checkpoint(str(families(family)), EncoderSettings()).encoder
    plain.load(last)
    size = sum(value.nbytes for value in plain.load_bare().parameters())
    monkeypatch.setattr(
        accelerate, "get_balanced_memory", lambda *_, **__: {"cpu": size * 9 // 10, "disk": size}
    )
    encoder = Checkpoint(str(families(family)), SPREAD).encoder
    maps: list[dict[str, Any]] = []
    load = encoder.held.load

    def watched() -> Any:
        model = load()
        maps.append(model.hf_device_map)
        return model

    encoder.held.load = watched
    encoder.load(last)
    assert "disk" in maps[0].values()
    expected = plain.hidden_states(SUBWORDS, [0, last])
    for one, other in zip(encoder.hidden_states(SUBWORDS, [0, last]), expected, strict=True):
        torch.testing.assert_close(one.cpu(), other.cpu())


def test_what_cannot_be_spread_is_refused(tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is quantised, random or has an adapter"):
        Checkpoint(f"random:{tiny_gpt2}", SPREAD)
    monkeypatch.setattr(
        "probekit.models.checkpoint.find_spec",
        lambda name: None if name == "accelerate" else util.find_spec(name),
    )
    with pytest.raises(InputError, match=r"pip install 'probekit-nlp\[large\]'") as refused:
        Checkpoint(str(tiny_gpt2), SPREAD)
    assert len(str(refused.value).splitlines()) == 1
