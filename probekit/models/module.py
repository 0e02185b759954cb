"""Module: any torch module; its layers are named parts of it whose output is recorded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xxhash

from probekit.errors import InputError, ModelError, first_line, unknown
from probekit.models.align import align
from probekit.models.behaviour import positions_allow
from probekit.models.length_groups import run_by_length
from probekit.models.window import MAX_WINDOW, MIN_WINDOW, tokenizer_limit
from probekit.models.words import SubwordVector, WordReader


def is_module(given: Any) -> bool:
    """Whether something is a torch module."""
    return isinstance(given, torch.nn.Module)


SAMPLE_TEXT = "a few words that tell one module from another"


class Module:
    """A torch module that reads subwords: `module(ids)`.

    Attributes:
        first: position of a text's first subword: 0, since nothing precedes a text.
        cls: the position of `[CLS]`: None, since no special tokens are added.
        limit: number of subwords read in one pass.
        parts: the parts that are its layers.
    """

    warnings: tuple[str, ...] = ()
    first = 0
    cls = None

    def __init__(
        self, module: torch.nn.Module, tokenizer: Any, layers: Sequence[str], name: str
    ) -> None:
        """A model that reads with `module`, which is not changed except for hooks.

        Args:
            module: takes `(texts, width)` ids of subwords.
            tokenizer: one of Hugging Face, or anything that `align` can call.
            layers: names of its parts (`module.named_modules()`), layer 0 first. Each must return
                `(texts, width, dim)`, alone or as the first of a tuple, with the same `dim`.
            name: name of the model in results.

        Raises InputError for names that are not among its parts.
        """
        parts = dict(module.named_modules())
        for layer in layers:
            if layer not in parts:
                raise InputError(
                    unknown("part of the module", layer, [part for part in parts if part])
                )
        if not layers or tokenizer is None:
            raise InputError(
                "a module needs tokenizer=… and layers=[…], the names of its parts to read"
            )
        self.module, self.tokenizer, self.layers, self.name = module, tokenizer, tuple(layers), name
        self.parts = [parts[layer] for layer in layers]
        self.n_layers = len(layers)
        self.device = next((p.device for p in module.parameters()), torch.device("cpu"))
        self._lock = threading.Lock()  # hooks belong to the module, not to a thread
        declared = int(min(tokenizer_limit(name, tokenizer), MAX_WINDOW))
        self.dim = self._width()
        self.limit = self._longest(declared)

    def load(self, last_layer: int) -> None:
        """Nothing to do: the module is in memory."""

    @torch.inference_mode()
    def hidden_states(
        self, subwords: Sequence[np.ndarray], layers: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Hidden states `(texts, width, dim)` per layer wanted (None: all), without padding: not
        every module takes it."""
        return run_by_length(subwords, partial(self._states_of, layers=layers))

    def _states_of(
        self, texts: Sequence[np.ndarray], layers: Sequence[int] | None = None
    ) -> list[torch.Tensor]:
        return self.run(torch.from_numpy(np.stack(texts)).to(self.device), layers)

    def run(self, ids: torch.Tensor, layers: Sequence[int] | None = None) -> list[torch.Tensor]:
        """The outputs of the parts that are `layers` (None: all) for `(texts, width)` ids, with
        gradients if they are wanted."""
        wanted = range(self.n_layers) if layers is None else layers
        recorded: dict[int, torch.Tensor] = {}

        def recorder(number: int) -> Any:
            def record(part: Any, args: Any, output: Any) -> None:
                recorded[number] = output[0] if isinstance(output, tuple) else output

            return record

        with self._lock:
            hooks = [self.parts[k].register_forward_hook(recorder(k)) for k in wanted]
            training = self.module.training
            try:
                self.module.eval()
                self.module(ids)
            finally:
                self.module.train(training)
                for hook in hooks:
                    hook.remove()
        for k in wanted:
            layer, state = self.layers[k], recorded.get(k)
            if state is None or state.ndim != 3 or state.shape[:2] != ids.shape:
                shape = "nothing" if state is None else tuple(state.shape)
                raise ModelError(
                    f"'{layer}' gives {shape} for ids {tuple(ids.shape)}: a layer gives a vector "
                    "for every subword, (texts, width, dim)"
                )
        return [recorded[k] for k in wanted]

    @torch.inference_mode()
    def _sample_states(self) -> list[torch.Tensor]:
        """The hidden states of SAMPLE_TEXT, `(1, width, dim)` per layer."""
        (subwords,) = align([SAMPLE_TEXT.split()], self.tokenizer)
        return self._states_of([subwords.ids])

    def _width(self) -> int:
        states = self._sample_states()
        widths = {name: state.shape[2] for name, state in zip(self.layers, states, strict=True)}
        if len(set(widths.values())) > 1:
            raise InputError(
                f"layers must have one width to be read together, and these have {widths}"
            )
        return int(states[0].shape[2])

    def _longest(self, declared: int) -> int:
        """The tokenizer's limit (`declared`), or less where a table of positions is shorter."""
        (subwords,) = align([SAMPLE_TEXT.split()], self.tokenizer)
        found = min(declared, positions_allow(self._try_states, subwords.ids, declared))
        if found < MIN_WINDOW:
            raise ModelError(
                f"'{self.name}' reads {found} subwords at once, according to its tokenizer's "
                f"model_max_length or its positions: at least {MIN_WINDOW} are needed"
            )
        return found

    def _try_states(self, texts: Sequence[np.ndarray]) -> list[torch.Tensor]:
        try:
            with torch.inference_mode():
                return self._states_of(texts)
        except ModelError:
            raise
        except Exception as error:  # a module's own code raises what it likes
            raise ModelError(
                first_line(f"the module '{self.name}' cannot be run", error)
            ) from error

    def fingerprint(self) -> dict[str, str]:
        """Checksums of the weights with the states of a few words, and of the tokenizer (xxh3, 128
        bit).

        The states tell the same weights in other code apart.
        """
        weights = xxhash.xxh3_128(repr(self.module).encode())
        for name, value in self.module.state_dict().items():
            weights.update(name.encode())
            weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        for state in self._sample_states():
            weights.update(state.float().cpu().numpy().round(3).tobytes())
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            text = backend.to_str()
        else:
            text = repr(sorted(self.tokenizer.get_vocab().items()))
        return {
            "weights": weights.hexdigest(),
            "tokenizer": xxhash.xxh3_128(text.encode()).hexdigest(),
        }

    def facts(self) -> dict[str, Any]:
        """What else the states depend on, in codes."""
        return {
            "window": self.limit,
            "layers": {"site": "parts", "parts": list(self.layers)},
            "computed_in": "module",
        }

    def release(self) -> None:
        """Nothing to do: the module belongs to the user."""

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> WordReader:
        """A reader that computes the vectors of words."""
        return WordReader(self, subwords, batch_tokens)
