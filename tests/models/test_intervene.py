"""States of a layer can be changed while a model runs, in every family with blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from probekit.errors import InputError, ModelError
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.encoder import Encoder
from probekit.models.families import FAMILIES, Stack
from probekit.models.intervene import Blocks, at_position, at_words, blocks_of

TEXTS = [np.array([9, 12, 31, 40, 22]), np.array([15, 33])]
REFUSED = ("albert", "canine", "mamba")
STACKS: list[tuple[str, Stack]] = []
for _family, _facts in FAMILIES.items():
    if _family not in REFUSED:
        both = len(_facts.stacks) > 1
        STACKS += [(_family, stack) for stack in (_facts.stacks if both else ("auto",))]


def opened(folder: Path, stack: Stack = "auto") -> Encoder:
    return Checkpoint(str(folder), EncoderSettings(stack=stack)).encoder


@pytest.mark.parametrize(("family", "stack"), STACKS)
def test_what_is_changed_is_the_state_of_the_layer(
    family: str, stack: Stack, families: Callable[..., Path]
) -> None:
    encoder = opened(families(family), stack)
    blocks = blocks_of(encoder)
    clean = encoder.hidden_states(TEXTS)
    first = encoder.first
    for layer in range(encoder.n_layers):
        seen: list[torch.Tensor] = []

        def look(states: torch.Tensor, seen: list[torch.Tensor] = seen) -> torch.Tensor:
            seen.append(states)
            return states + 0.0

        with blocks.changed(layer, look):
            same = encoder.hidden_states(TEXTS)
        with blocks.changed(layer, torch.zeros_like):
            changed = encoder.hidden_states(TEXTS)
        read = seen[0].transpose(0, 1) if encoder.family.time_first else seen[0]
        torch.testing.assert_close(read[0], clean[layer][0])
        for one, other in zip(same, clean, strict=True):
            torch.testing.assert_close(one, other)
        for below in range(layer):
            torch.testing.assert_close(changed[below], clean[below])
        if layer < encoder.n_blocks:
            words = slice(first, first + len(TEXTS[0]))
            difference = (changed[layer + 1] - clean[layer + 1])[0, words]
            assert difference.abs().max() > 1e-3
    torch.testing.assert_close(encoder.hidden_states(TEXTS)[-1], clean[-1])  # no hook is left


def test_special_tokens_are_not_changed_and_every_subword_is(tiny_bert: Path) -> None:
    encoder = opened(tiny_bert)
    blocks = blocks_of(encoder)
    clean = encoder.hidden_states(TEXTS)
    with blocks.changed(3, torch.zeros_like):
        changed = encoder.hidden_states(TEXTS)
    for row, text in enumerate(TEXTS):
        end = 1 + len(text)
        assert not changed[3][row, 1:end].any()
        for position in (0, end):
            torch.testing.assert_close(changed[3][row, position], clean[3][row, position])
    at_cls = blocks_of(encoder, at_cls=True)
    with at_cls.changed(3, torch.zeros_like):
        changed = encoder.hidden_states(TEXTS)
    assert not changed[3][:, 0].any()
    torch.testing.assert_close(changed[3][:, 1:], clean[3][:, 1:])


def test_the_last_layer_is_changed_after_the_final_norm(tiny_gpt2: Path) -> None:
    encoder = opened(tiny_gpt2)
    body, seen = None, []
    blocks = blocks_of(encoder)
    body = encoder.held.body
    with blocks.changed(encoder.n_layers - 1, torch.zeros_like):
        hook = body.register_forward_hook(lambda *given: seen.append(given[2]))
        encoder.hidden_states(TEXTS)
        hook.remove()
    assert not seen[0].last_hidden_state[0].any()


def test_where() -> None:
    ids = torch.tensor([[2, 7, 3], [2, 8, 9]])
    assert at_words([2, 3])(ids).tolist() == [[False, True, False], [False, True, True]]
    assert at_position(0)(ids).tolist() == [[True, False, False], [True, False, False]]


@pytest.mark.parametrize("family", REFUSED)
def test_families_without_states_between_blocks_are_refused(
    family: str, families: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match="cannot be changed while it runs"):
        blocks_of(opened(families(family)))


def test_another_site_is_refused(tiny_bert: Path) -> None:
    encoder = Checkpoint(str(tiny_bert), EncoderSettings(site="attn")).encoder
    with pytest.raises(InputError, match="site='residual'"):
        blocks_of(encoder)


def test_a_hook_is_removed_after_an_error(tiny_bert: Path) -> None:
    encoder = opened(tiny_bert)
    blocks: Blocks = blocks_of(encoder)
    clean = encoder.hidden_states(TEXTS)[-1]

    def fail(states: torch.Tensor) -> torch.Tensor:
        raise ValueError("of the change")

    with pytest.raises(ModelError, match="of the change"), blocks.changed(1, fail):
        encoder.hidden_states(TEXTS)
    torch.testing.assert_close(encoder.hidden_states(TEXTS)[-1], clean)
