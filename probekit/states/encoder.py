"""Encoder: a model as something that turns pieces into the hidden states of every layer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from probekit.errors import ModelError

# Models with a longer reach are still read in windows of this many pieces: attention is quadratic.
MAX_WINDOW = 2048
LAYERS_MEAN = (
    "layer 0: the embeddings as they enter the first block; layer k: the output of block k; the last layer as "
    "the model returns it, after the final norm where the family has one"
)


class Encoder:
    """A model that can be run. Layers are numbered 0 (the embeddings) to `n_layers - 1`."""

    def __init__(self, name: str, config: Any, tokenizer: Any, device: torch.device, load: Callable[[], Any]) -> None:
        """Of a model that `load` gives when it is needed.

        Args:
            name: what results call it.
            config, tokenizer: Hugging Face's; the tokenizer a fast one.
            device: where the model runs.
            load: gives the bare model, without a head, on any device.
        """
        self.name, self.config, self.tokenizer, self.device = name, config, tokenizer, device
        self.n_blocks = int(config.get_text_config().num_hidden_layers)
        self.n_layers = self.n_blocks + 1
        self.dim = int(config.get_text_config().hidden_size)
        self.prefix, self.suffix = _special_pieces(tokenizer)
        self._load = load
        self._model: Any = None
        self._last_layer = self.n_blocks
        self._top = threading.local()

    @property
    def limit(self) -> int:
        """Pieces of text the model reads in one pass, special tokens not counted."""
        longest = int(getattr(self.config.get_text_config(), "max_position_embeddings", None) or MAX_WINDOW)
        if self.config.model_type in _OFFSET_POSITIONS:
            longest -= int(self.config.pad_token_id or 0) + 1
        tokenizer_limit = self.tokenizer.model_max_length or longest
        return int(min(longest, tokenizer_limit, MAX_WINDOW)) - len(self.prefix) - len(self.suffix)

    def load(self, last_layer: int) -> None:
        """Load the weights up to block `last_layer`, once; the blocks above it are dropped and cost nothing."""
        if self._model is not None:
            return
        self._model = self._load()
        self._last_layer = last_layer
        if last_layer < self.n_blocks:
            self._cut()
        self._model.to(self.device).eval()

    @torch.inference_mode()
    def hidden_states(self, pieces: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Hidden states of texts given as pieces, special tokens added here. Several threads may ask at once.

        Returns a tensor `(texts, longest + specials, dim)` a layer, from 0 to the last layer loaded; the first
        piece of a text stands at position `len(prefix)`.
        """
        ids, mask = self._pad(pieces)
        output = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True, return_dict=True)
        states = tuple(output.hidden_states)[: self._last_layer + 1]
        # Without its upper blocks a model would give the last state through its final norm: take it as it was.
        return (*states[:-1], self._top.state) if self._is_cut else states

    def _pad(self, pieces: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [np.concatenate([self.prefix, ids, self.suffix]) for ids in pieces]
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(rows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    _is_cut = False

    def _cut(self) -> None:
        """Drop the blocks above the last layer wanted."""
        for module in self._model.modules():
            if isinstance(module, torch.nn.ModuleList) and len(module) == self.n_blocks:
                del module[max(self._last_layer, 1) :]
                if self._last_layer:
                    module[-1].register_forward_hook(self._keep)
                    self._is_cut = True
                return
        self._last_layer = self.n_blocks  # a family that keeps its blocks elsewhere runs them all

    def _keep(self, module: Any, args: Any, output: Any) -> None:
        self._top.state = output[0] if isinstance(output, tuple) else output


# Families that count positions from the padding index on, and so lose that many of their position embeddings.
_OFFSET_POSITIONS = {
    "roberta",
    "xlm-roberta",
    "camembert",
    "mpnet",
    "longformer",
    "xlm-roberta-xl",
    "roberta-prelayernorm",
}


def _special_pieces(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the tokenizer puts before and after a text: `[CLS]` and `[SEP]`, a beginning of sentence, nothing."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            prefix, suffix = full[:start], full[start + len(bare) :]
            return np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    raise ModelError("the tokenizer changes a text's pieces when it adds its special tokens")
