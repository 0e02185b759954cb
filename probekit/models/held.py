"""Held: an encoder's model in memory, loaded, cut to the layers that are read, and released."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch

from probekit.models.as_loaded import AsLoaded
from probekit.models.captured import Captured
from probekit.models.families import Family, Stack
from probekit.models.moving import move, tensors_of
from probekit.models.site import modules_at
from probekit.models.stack import count_blocks, lists_of_blocks


class Held:
    """The model of an encoder, which is loaded when it is needed.

    Attributes:
        model: the model, or the half of it that is read; None until it is loaded.
        load: returns the whole model, anew, on any device.
        load_as_stored: likewise in the type of its files; None where that is not known.
        rows: of the table of embeddings; None for a model without such a table.
        last_layer: the number of the last layer that it has.
        is_ready: whether it is loaded, cut and placed.
        is_cut: whether blocks above the last layer were dropped.
        captured: what its parts record while it runs.
        as_loaded: what it is like before it is run, for a model that changes while it runs; else
            None.
        without_cache: arguments that keep it from storing keys and values.
    """

    def __init__(
        self,
        name: str,
        config: Any,
        family: Family,
        stack: Stack,
        site_module: str | None,
        device: torch.device,
        load: Callable[[], Any],
    ) -> None:
        self.load = load
        self.load_as_stored: Callable[[], Any] | None = None
        self.model: Any = None
        self.rows: int | None = getattr(config.get_text_config(), "vocab_size", None)
        self.captured = Captured()
        self.as_loaded: AsLoaded | None = None
        self.without_cache: dict[str, bool] = {}
        self._name, self._config, self._family, self._stack = name, config, family, stack
        self._site_module, self._device = site_module, device
        self._n_blocks = count_blocks(config, stack)
        self._is_placed = False
        self._forget()

    def _forget(self) -> None:
        self.as_loaded = None
        self.is_ready, self.is_cut = False, False
        self.last_layer = self._n_blocks + self._family.extra_layers

    @property
    def body(self) -> Any:
        """The part of the model that has the blocks."""
        return self.model.get_decoder() if self._stack == "decoder" else self.model

    @property
    def _blocks(self) -> torch.nn.ModuleList | None:
        """The blocks; None where they are not a list."""
        return next(lists_of_blocks(self.body, self._n_blocks), None)

    def release(self) -> None:
        """Free the memory of the weights, which are loaded again when they are needed."""
        self.model = None
        self._forget()

    def fetch(self, load: Callable[[], Any] | None = None) -> None:
        """Load the whole model, once."""
        if self.model is not None:
            return
        model = (load or self.load)()
        if self.rows:  # an adapter may have added some
            loaded_config = getattr(model, "config", self._config).get_text_config()
            self.rows = getattr(loaded_config, "vocab_size", self.rows)
        # Quantised weights are loaded on their device; others may be spread over several.
        is_spread = bool(getattr(model, "hf_device_map", None))
        self._is_placed = is_spread or bool(getattr(model, "is_quantized", False))
        self.model = model.get_encoder() if self._stack == "encoder" else model
        if "use_cache" in signature(self.model.forward).parameters:
            # Keys and values of every block are for generation; they take more than the states.
            self.without_cache = {"use_cache": False}
        if self._site_module:
            self.captured.watch_site(modules_at(self._name, self.body, self._site_module))
        if self._family.late:
            self.captured.watch_embeddings(model.get_input_embeddings())

    def place(self) -> None:
        """Move the model to its device, ready to run."""
        self.fetch()
        if not self._is_placed:
            self.model.to(self._device)
        self.model.eval()

    def fetch_apart(self, last_layer: int, dtype: torch.dtype) -> torch.nn.ModuleList | None:
        """Load the weights up to a layer, those of the blocks as they are stored: in the type and
        on the device that they are loaded in, as long as nobody moves them.

        Weights in the type of their files are mapped from these, so that they take no memory of
        their own.

        Args:
            last_layer: the number of the layer.
            dtype: type of the computation, of all other weights.

        Returns the blocks; None where they are not a list.
        """
        self.fetch(self.load_as_stored)
        blocks = self._blocks
        of_blocks = {id(tensor) for tensor in tensors_of(blocks)}
        for tensor in tensors_of(self.model):
            if id(tensor) not in of_blocks:
                move(tensor, self._device, dtype)
        self.cut(last_layer)
        self.model.eval()
        self.is_ready = True
        return blocks

    def cut(self, last_layer: int) -> None:
        """Drop the blocks above a layer, and watch the topmost that remains.

        A family with its blocks elsewhere runs them all, and the upper states are dropped.
        """
        # Where the model narrows its last layer to the width of its embeddings, the output of the
        # last block is read.
        text = self._config.get_text_config()
        is_narrowed = getattr(text, "word_embed_proj_dim", text.hidden_size) != text.hidden_size
        has_more = last_layer < self._n_blocks or is_narrowed
        if self._family.extra_layers or not has_more:
            return
        self.last_layer = last_layer
        blocks = self._blocks
        if blocks is None:
            return
        del blocks[max(last_layer, 1) :]
        if last_layer:
            self.captured.watch_top(blocks[-1], self._family.time_first)
            self.is_cut = True
