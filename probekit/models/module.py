"""Module: any torch module, its layers being named parts of it whose output is watched."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xxhash

from probekit.errors import InputError, ModelError, first_line, unknown
from probekit.models.align import align
from probekit.models.encoder import MAX_WINDOW, MIN_WINDOW, tokenizer_limit
from probekit.models.behaviour import positions_allow
from probekit.models.length_groups import run_by_length
from probekit.models.words import SubwordVector, WordReader


def is_module(given: Any) -> bool:
    """Whether something is a torch module."""
    return isinstance(given, torch.nn.Module)


TRIED = "a few words that tell one module from another"


class Module:
    """A torch module that reads subwords: `module(ids)`.

    Attributes:
        first: 0, nothing is put before a text.
        limit: subwords read in one pass.
    """

    warnings: tuple[str, ...] = ()
    first = 0

    def __init__(
        self, module: torch.nn.Module, tokenizer: Any, layers: Sequence[str], name: str
    ) -> None:
        """Of `module`, left as it is but for hooks.

        Args: module: takes `(texts, width)` ids of subwords. tokenizer: a Hugging Face one, or
            anything that `align` can call. layers: names of its parts (`module.named_modules()`),
            layer 0 first. Each must give `(texts, width, dim)`,
                alone or as the first of a tuple, of one width for all.
            name: what results call it.

        Raises InputError for names that are none of its parts.
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
        self._parts = [parts[layer] for layer in layers]
        self.n_layers = len(layers)
        self.device = next((p.device for p in module.parameters()), torch.device("cpu"))
        self._lock = threading.Lock()  # hooks watch the module, not the thread that runs it
        declared = int(min(tokenizer_limit(name, tokenizer), MAX_WINDOW))
        self.dim = self._width()
        self.limit = self._longest(declared)

    def load(self, last_layer: int) -> None:
        """It is loaded."""

    @torch.inference_mode()
    def hidden_states(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """`(texts, width, dim)` for each layer; not every module knows of padding, so that there is
        none."""
        return run_by_length(
            subwords, lambda rows: self._watched(torch.from_numpy(np.stack(rows)).to(self.device))
        )

    def _watched(self, ids: torch.Tensor) -> list[torch.Tensor]:
        seen: dict[int, torch.Tensor] = {}

        def keep(number: int) -> Any:
            return lambda part, args, output: seen.update(
                {number: output[0] if isinstance(output, tuple) else output}
            )

        with self._lock:
            hooks = [part.register_forward_hook(keep(k)) for k, part in enumerate(self._parts)]
            training = self.module.training
            try:
                self.module.eval()
                self.module(ids)
            finally:
                self.module.train(training)
                for hook in hooks:
                    hook.remove()
        for k, layer in enumerate(self.layers):
            state = seen.get(k)
            if state is None or state.ndim != 3 or state.shape[:2] != ids.shape:
                shape = "nothing" if state is None else tuple(state.shape)
                raise ModelError(
                    f"'{layer}' gives {shape} for ids {tuple(ids.shape)}: a layer gives a vector for every subword, "
                    "(texts, width, dim)"
                )
        return [seen[k] for k in range(len(self._parts))]

    @torch.inference_mode()
    def _tried(self) -> list[torch.Tensor]:
        """What it says of TRIED: `(1, width, dim)` a layer."""
        (subwords,) = align([TRIED.split()], self.tokenizer)
        return self._watched(torch.from_numpy(subwords.ids[None]).to(self.device))

    def _width(self) -> int:
        states = self._tried()
        widths = {name: state.shape[2] for name, state in zip(self.layers, states, strict=True)}
        if len(set(widths.values())) > 1:
            raise InputError(
                f"layers must be of one width to be read together, and these are {widths}"
            )
        return int(states[0].shape[2])

    def _longest(self, declared: int) -> int:
        """What the tokenizer names (`declared`), as far as tables of positions within the module
        reach."""
        (subwords,) = align([TRIED.split()], self.tokenizer)
        found = min(declared, positions_allow(self._begun, subwords.ids, declared))
        if found < MIN_WINDOW:
            raise ModelError(
                f"'{self.name}' reads {found} subwords at once, by its tokenizer's model_max_length or its positions: "
                f"at least {MIN_WINDOW} are needed"
            )
        return found

    def _begun(self, texts: Sequence[np.ndarray]) -> list[torch.Tensor]:
        try:
            with torch.inference_mode():
                return self._watched(torch.from_numpy(np.stack(texts)).to(self.device))
        except ModelError:
            raise
        except Exception as error:  # a module's own code raises what it likes
            raise ModelError(
                first_line(f"the module '{self.name}' cannot be run", error)
            ) from error

    def fingerprint(self) -> dict[str, str]:
        """Of the weights and their names, what the module makes of a few words, and the tokenizer
        (xxh3, 128 bit).

        The same weights in other code are another module.
        """
        weights = xxhash.xxh3_128(repr(self.module).encode())
        for name, value in self.module.state_dict().items():
            weights.update(name.encode())
            weights.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        for state in self._tried():
            weights.update(state.float().cpu().numpy().round(3).tobytes())
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        text = (
            backend.to_str()
            if backend is not None
            else repr(sorted(self.tokenizer.get_vocab().items()))
        )
        return {
            "weights": weights.hexdigest(),
            "tokenizer": xxhash.xxh3_128(text.encode()).hexdigest(),
        }

    def facts(self) -> dict[str, Any]:
        """What else the states depend on."""
        return {
            "window": self.limit,
            "layers": {"site": "parts", "parts": list(self.layers)},
            "computed_in": "module",
        }

    def release(self) -> None:
        """It is its owner's, and stays."""

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> WordReader:
        """What gives words their vectors."""
        return WordReader(self, subwords, batch_tokens)
