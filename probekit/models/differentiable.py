"""Differentiable: a model up to one of its layers, as a function of its embedded subwords.

What the table of embeddings returns is replaced while the model runs, so that gradients reach it.
Between the blocks stand taps, modules that do nothing: methods that look at a layer, such as
captum's, look at its tap.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError, ModelError
from probekit.models.encoder import Encoder
from probekit.models.encoder_model import EncoderModel
from probekit.models.model import Model
from probekit.models.module import Module
from probekit.models.stack import lists_of_blocks

CHUNK = 4_096  # subwords of the vocabulary that are embedded at once


class _Given(threading.local):
    """What stands in for the embeddings in the current run; each thread has its own."""

    embedded: torch.Tensor | None = None


class Differentiable(ABC):
    """A model up to a layer. Shapes: n texts of one width, in subwords.

    Attributes:
        name: the model's name.
        tokenizer: its tokenizer.
        layer: the layer that is read.
        limit: number of subwords of text that it reads in one pass.
        before: number of special tokens before a text among what is read.
        first: position of a text's first subword among the states.
        cls: the position of `[CLS]` among the states; None without such a token.
        pad: the padding subword; None for a tokenizer without one.
        padded: whether texts of different lengths may share a batch.
        taps: by the number of each layer between the embeddings and `layer` what it passes through;
            none where the blocks are not found.
        device: where it runs.
    """

    before: int
    taps: dict[int, torch.nn.Module]

    def __init__(self, model: Encoder | Module, layer: int, padded: bool) -> None:
        self.name, self.tokenizer, self.layer = model.name, model.tokenizer, layer
        self.limit, self.first, self.cls = model.limit, model.first, model.cls
        self.device, self.padded = model.device, padded
        pad = getattr(model.tokenizer, "pad_token_id", None)
        self.pad = None if pad is None else int(pad)
        self._given = _Given()

    @abstractmethod
    def read(self, texts: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """What is read of texts, with special tokens and padding: ids, and which of them are not
        padding, `(n, width)` each."""

    @abstractmethod
    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        """What the model embeds subwords `(n, width)` as, `(n, width, numbers)`."""

    @abstractmethod
    def _states(self, ids: torch.Tensor, present: torch.Tensor) -> torch.Tensor: ...

    @abstractmethod
    def _n_subwords(self) -> int: ...

    def states(
        self, embedded: torch.Tensor, ids: torch.Tensor, present: torch.Tensor
    ) -> torch.Tensor:
        """The states of the layer, `(n, width, dim)`, where embeddings are replaced.

        Args:
            embedded: what stands in for the embeddings, `(n, width, numbers)`.
            ids, present: as `read` returns them.
        """
        self._given.embedded = embedded
        try:
            return self._states(ids, present)
        finally:
            self._given.embedded = None

    @torch.no_grad()
    def mean_embedding(self) -> torch.Tensor:
        """The mean of the embeddings of all subwords of the vocabulary, `(numbers,)`."""
        ids = torch.arange(self._n_subwords(), device=self.device)[:, None]
        parts = [self.embedded(part)[:, 0].double().sum(0) for part in ids.split(CHUNK)]
        return (torch.stack(parts).sum(0) / len(ids)).float()


def differentiable(model: Model, layer: int) -> Differentiable:
    """A model up to a layer, with its weights loaded.

    Raises InputError or ModelError for one that no gradient passes through: word vectors, quantised
    weights, models of characters, and decoders that read beside an encoder.
    """
    require_gradients(model)
    if isinstance(model, Module):
        return _OfModule(model, layer)
    assert isinstance(model, EncoderModel)
    return _OfEncoder(model.encoder, layer)


def require_gradients(model: Model) -> None:
    """Raise InputError for word vectors and quantised weights, through which no gradient passes."""
    if isinstance(model, Module):
        return
    if not isinstance(model, EncoderModel):
        raise InputError(
            f"'{model.name}' holds word vectors or states of another engine, and no layers that "
            "compute one another: there is nothing below a probe to attribute to; give a checkpoint"
        )
    if model.bits is not None:
        raise InputError(
            f"'{model.name}' has quantised weights ({model.bits} bits), through which no gradient "
            "passes: use dtype='auto'"
        )


class _OfEncoder(Differentiable):
    """A transformers model."""

    def __init__(self, encoder: Encoder, layer: int) -> None:
        if encoder.stack == "decoder":
            raise InputError(
                f"stack='decoder': the decoder of '{encoder.name}' reads beside its encoder, and "
                "what reaches it through each is not told apart; use stack='encoder'"
            )
        if encoder.family.extra_layers:
            raise ModelError(
                f"'{encoder.name}' reads characters, which it does not look up in a table of "
                "embeddings: there is nothing to attribute to"
            )
        encoder.load(layer)
        super().__init__(encoder, layer, encoder.behaviour.padded)
        self.before = encoder.inputs.before
        if self.pad is not None and encoder.rows and self.pad >= encoder.rows:
            self.pad = None  # the tokenizer has it, and the model's table does not
        self._encoder = encoder
        for parameter in encoder.held.body.parameters():
            parameter.requires_grad_(False)
        self._table = encoder.held.body.get_input_embeddings()
        if self._table is None:
            raise ModelError(f"'{encoder.name}' has no table of embeddings to attribute to")
        self._table.register_forward_hook(self._replace)
        self.taps = {}
        n = encoder.n_blocks
        blocks = next(lists_of_blocks(encoder.held.body, n), None)
        blocks = blocks or next(lists_of_blocks(encoder.held.body, max(layer, 1)), None)
        if blocks is None:
            return
        for number, block in enumerate(list(blocks)[: layer - 1], start=1):
            self.taps[number] = torch.nn.Identity()
            time_first = encoder.family.time_first
            block.register_forward_hook(_through(self.taps[number], time_first))

    def read(self, texts: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = self._encoder.inputs.of(texts, self._encoder.rows)
        return inputs["input_ids"], inputs["attention_mask"]

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self._table(ids)
        return found

    def _states(self, ids: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return self._encoder.run({"input_ids": ids, "attention_mask": present})[self.layer]

    def _n_subwords(self) -> int:
        return int(self._encoder.rows or len(self.tokenizer))

    def _replace(self, table: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        embedded = self._given.embedded
        if embedded is None:
            return output
        time_first = self._encoder.family.time_first
        return embedded.transpose(0, 1) if time_first else embedded


class _OfModule(Differentiable):
    """A torch module, whose layer 0 stands for the embeddings."""

    def __init__(self, module: Module, layer: int) -> None:
        super().__init__(module, layer, padded=False)
        self.before, self._module = 0, module
        self.taps = {number: torch.nn.Identity() for number in range(1, layer)}

    def read(self, texts: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        ids = torch.from_numpy(np.stack(texts)).to(self.device)
        return ids, torch.ones_like(ids)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self._module.run(ids)[0].detach()

    def _states(self, ids: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        with self._hooked():
            return self._module.run(ids)[self.layer]

    def _n_subwords(self) -> int:
        return len(self.tokenizer.get_vocab())

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        """In the block the embeddings are replaced, and layers pass through their taps."""
        hooks = [self._module.parts[0].register_forward_hook(self._replace)]
        for number, tap in self.taps.items():
            part = self._module.parts[number]
            hooks.append(part.register_forward_hook(_through(tap)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _replace(self, part: Any, args: Any, output: Any) -> Any:
        embedded = self._given.embedded
        if embedded is None:
            return output
        return (embedded, *output[1:]) if isinstance(output, tuple) else embedded


def _through(tap: torch.nn.Module, time_first: bool = False) -> Any:
    """A hook that passes the states that a block returns through a tap, as `(n, width, dim)`."""

    def hook(block: Any, args: Any, output: Any) -> Any:
        state = output[0] if isinstance(output, tuple) else output
        tapped = tap(state.transpose(0, 1)).transpose(0, 1) if time_first else tap(state)
        return (tapped, *output[1:]) if isinstance(output, tuple) else tapped

    return hook
