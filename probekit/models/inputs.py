"""Inputs: what a model is given for the subwords of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from probekit.errors import ModelError
from probekit.models.families import Stack
from probekit.models.special_tokens import special_tokens, start_token


class Inputs:
    """Adds special tokens to texts, and fills them up to one length.

    Attributes:
        prefix, suffix: ids of the special tokens before and after a text.
        start: number of start tokens that the stack reads before these: 1 for the decoder of a
            pair.
    """

    def __init__(
        self, name: str, config: Any, tokenizer: Any, stack: Stack, device: torch.device
    ) -> None:
        """The inputs of a model; arguments: see `Encoder`.

        Raises ModelError for special tokens that cannot be told from a text.
        """
        self._name, self._config, self._device = name, config, device
        self._pad_token = tokenizer.pad_token_id
        self.prefix, self.suffix = special_tokens(tokenizer)
        self.start = int(stack == "decoder")

    @property
    def before(self) -> int:
        """Number of tokens before a text."""
        return self.start + len(self.prefix)

    @property
    def added(self) -> int:
        """Number of tokens before and after a text."""
        return self.before + len(self.suffix)

    @property
    def special(self) -> list[int]:
        """Ids of the tokens that are put around a text."""
        found = [*self.prefix.tolist(), *self.suffix.tolist()]
        if self.start:
            found.append(start_token(self._name, self._config))
        return found

    def around(self, ids: np.ndarray) -> np.ndarray:
        """The subwords `(n,)` of a text with the special tokens before and after it."""
        return np.concatenate([self.prefix, ids, self.suffix])

    def of(self, subwords: Sequence[np.ndarray], rows: int | None) -> dict[str, torch.Tensor]:
        """The tensors by the names of transformers, `(texts, width)` each.

        Args:
            subwords: ids of each text, `(n,)`.
            rows: of the model's table of embeddings; None for a model that has no such table.

        Raises ModelError for subwords that the model does not know.
        """
        ids, mask = self._filled_up(subwords, rows)
        if rows and ids.max() >= rows:
            raise ModelError(
                f"the tokenizer of '{self._name}' gives subword {ids.max()}, and its model has "
                f"{rows}: they do not belong together"
            )
        read = torch.from_numpy(ids).to(self._device)
        present = torch.from_numpy(mask).to(self._device)
        found = {"input_ids": read, "attention_mask": present}
        if self.start:
            # Teacher forcing: the encoder reads the text, and the decoder reads it again after its
            # start token.
            start = torch.full_like(read[:, :1], start_token(self._name, self._config))
            found["decoder_input_ids"] = torch.cat([start, read], dim=1)
            found["decoder_attention_mask"] = torch.cat([torch.ones_like(start), present], dim=1)
        return found

    def _filled_up(
        self, subwords: Sequence[np.ndarray], rows: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Texts of one length, and which of their ids are not padding: `(texts, width)` each."""
        texts = [self.around(ids) for ids in subwords]
        width = max(len(text) for text in texts)
        pad = self._pad_token
        if pad is None or (rows and pad >= rows):
            pad = 0  # padding is masked, so that any subword will do
        ids = np.full((len(texts), width), pad, dtype=np.int64)
        mask = np.zeros((len(texts), width), dtype=np.int64)
        for i, text in enumerate(texts):
            ids[i, : len(text)] = text
            mask[i, : len(text)] = 1
        return ids, mask
