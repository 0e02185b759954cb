"""Models are run block by block with the states of the whole pass, or are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from probekit.errors import ModelError
from probekit.models.block_by_block import BlockByBlock, require_block_by_block
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.families import FAMILIES

TEXTS = [np.array([9, 12, 31, 40, 22]), np.array([15, 33])]
LISTED = [name for name, family in FAMILIES.items() if family.by_block]
REFUSED = [name for name, family in FAMILIES.items() if not family.by_block]


@pytest.mark.parametrize("family", LISTED)
def test_states_are_those_of_the_whole_pass(family: str, families: Callable[..., Path]) -> None:
    model = Checkpoint(str(families(family)), EncoderSettings())
    encoder = model.encoder
    require_block_by_block(model)
    for last in (encoder.n_layers - 1, 1, 0):
        encoder.load(encoder.n_layers - 1)
        expected = encoder.hidden_states(TEXTS)
        encoder.held.release()
        blocks = BlockByBlock(model, last)
        states = blocks.embedded(blocks.inputs(TEXTS))
        for layer in range(last + 1):
            if layer:
                with blocks.at_hand(layer - 1):
                    states = blocks.following(layer - 1, blocks.inputs(TEXTS), states)
            for i, text in enumerate(TEXTS):
                own = slice(encoder.first, encoder.first + len(text))
                assert torch.equal(states[i, own], expected[layer][i, own]), (last, layer)
        encoder.held.release()


@pytest.mark.parametrize("family", REFUSED)
def test_other_families_are_refused(family: str, families: Callable[..., Path]) -> None:
    model = Checkpoint(str(families(family)), EncoderSettings())
    with pytest.raises(ModelError, match="cannot be run block by block"):
        require_block_by_block(model)
