"""Hidden states as vLLM's connector writes them, computed with plain transformers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModel

import probekit as pk
from probekit.corpora.passage import Corpus

Change = Callable[[torch.Tensor, torch.Tensor, torch.nn.Module], torch.Tensor]
"""From states `(n, layers, dim)`, those before the final norm `(n, dim)`, and that norm, to what is
written."""

NORMS = {"gpt2": "ln_f", "llama": "norm"}


def as_computed(
    states: torch.Tensor, before_norm: torch.Tensor, norm: torch.nn.Module
) -> torch.Tensor:
    """The states as they are."""
    return states


def computed(
    checkpoint: Path, corpus: Corpus, change: Change = as_computed
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The ids and the states of every text."""
    model = AutoModel.from_pretrained(checkpoint).eval()
    norm = model.get_submodule(NORMS[model.config.model_type])
    read: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda module, args: read.append(args[0]))
    found = []
    for prompt in pk.prompts(checkpoint, corpus):
        ids = torch.tensor(prompt)
        with torch.inference_mode():
            output = model(ids[None], output_hidden_states=True)
            states = torch.stack(output.hidden_states, dim=2)[0]
            changed = change(states, read.pop()[0], norm).clone()
        found.append((ids, changed))
    return found


def record(texts: list[tuple[torch.Tensor, torch.Tensor]], folder: Path) -> Path:
    """Write one file per text, under names that mean nothing."""
    folder.mkdir()
    for number, (ids, states) in enumerate(texts):
        tensors = {"token_ids": ids, "hidden_states": states.contiguous()}
        save_file(tensors, folder / f"{number * 7919 % 10_007}-cmpl.safetensors")
    return folder
