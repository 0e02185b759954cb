"""Encoder: a model as something that turns subwords into the hidden states of every layer."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError, ModelError, first_line
from probekit.models.families import UNKNOWN, Site, Stack, family_of, layer_convention
from probekit.models.behaviour import Behaviour, find_behaviour, looks_ahead
from probekit.models.length_groups import run_by_length

# Models with a longer reach are still read in windows of this many subwords: attention is quadratic.
MAX_WINDOW = 2048
MIN_WINDOW = 4  # with fewer, words would have no context, or no subword at all


class Encoder:
    """A model that can be run. Layers are numbered 0 (the embeddings) to `n_layers - 1`."""

    def __init__(
        self,
        name: str,
        config: Any,
        tokenizer: Any,
        device: torch.device,
        load: Callable[[], Any],
        *,
        stack: Stack = "auto",
        site: Site = "residual",
        prompt: int = 0,
        prefix: int = 0,
    ) -> None:
        """Of a model that `load` gives when it is needed.

        Args: name: what results call it. config, tokenizer: Hugging Face's. device: where the model
            runs. load: gives the bare model, without a head, on any device. stack: of an
            encoder-decoder, which half is read; `auto` is its encoder. site: the residual stream,
            or what `attn` or `mlp` adds to it. prompt: vectors that the model itself puts before
            every text, and that stand among its hidden states. prefix: positions that it takes
            before every text without a hidden state of their own.

        Raises InputError for a stack or a site that the family does not have, ModelError for a
        tokenizer or configuration that leaves no room for a text.
        """
        self.name, self.config, self.tokenizer, self.device = name, config, tokenizer, device
        self.family = family_of(config)
        self.stack, self.site = _stack(name, config, stack), site
        text = config.get_text_config()
        decoder_blocks = getattr(config, "num_decoder_layers", None) or getattr(
            config, "decoder_layers", None
        )
        self.n_blocks = int(
            (decoder_blocks if self.stack == "decoder" else None) or text.num_hidden_layers
        )
        self.n_layers = self.n_blocks + 1 + self.family.extra_layers
        self.dim = int(text.hidden_size)
        longest = tokenizer_limit(name, tokenizer)
        self.prefix, self.suffix = _special_subwords(tokenizer)
        self._prompt, self._taken = prompt, prompt + prefix
        self.convention = layer_convention(config, self.stack, site)
        self._module_of_site = self._site_module()
        self._load = load
        self._model: Any = None
        self._rows = getattr(
            text, "vocab_size", None
        )  # of its table of embeddings; models of characters have none
        self._last_layer = self.n_layers - 1
        self._seen = threading.local()
        self._is_ready, self._is_cut = False, False
        self._declared = self._declared_limit(longest)

    @property
    def limit(self) -> int:
        """Subwords of text the model reads in one pass, special tokens not counted."""
        found = self.behaviour.longest
        return self._declared if found is None else min(self._declared, found)

    @cached_property
    def behaviour(self) -> Behaviour:
        """How it may be run: of a listed family its row says so; another one is loaded and tried,
        once.

        Raises ModelError where it cannot be run.
        """
        if self.family is not UNKNOWN:
            return Behaviour(self.family.padded)
        self._place()
        found = find_behaviour(self._tried, self._begun, self._known(), self.first, self._declared)
        self._require_room(int(found.longest or 0), "its positions")
        return found

    def looks_ahead(self) -> bool:
        """Whether the states of a word depend on the words after it, as the loaded model shows."""
        return looks_ahead(self.hidden_states, self._known(), self.first)

    def _known(self) -> np.ndarray:
        """Some subwords that the model knows: `(n,)`."""
        known = min(self._rows or math.inf, len(self.tokenizer))
        special = set(self.tokenizer.all_special_ids)
        return np.array([i for i in range(int(min(known, 1000))) if i not in special])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know of how it is run."""
        if self.behaviour.padded or self.family is not UNKNOWN:
            return ()
        return (
            f"{self.name}: padding changes the states of its family ({self.config.model_type}), so that texts of one "
            "length are read at a time",
        )

    def _declared_limit(self, of_tokenizer: float) -> int:
        """`limit`, as far as configuration and tokenizer say it."""
        longest = int(getattr(self.config.get_text_config(), "max_position_embeddings", None) or 0)
        longest = (
            longest if longest > 0 else MAX_WINDOW
        )  # positions are relative, or there are none
        if self.family.offset:
            longest -= int(self.config.pad_token_id or 0) + 1
        reach = min(longest - self._taken, MAX_WINDOW)
        added = len(self.prefix) + len(self.suffix) + int(self.stack == "decoder")
        self._require_room(reach - added, "max_position_embeddings in its configuration")
        reach = int(min(reach, of_tokenizer))
        self._require_room(reach - added, f"model_max_length {reach} of its tokenizer")
        return reach - added

    def _require_room(self, limit: int, said_by: str) -> None:
        if limit < MIN_WINDOW:
            raise ModelError(
                f"'{self.name}' could read {max(limit, 0)} subwords of text at once, by {said_by}: at least "
                f"{MIN_WINDOW} are needed, so correct that"
            )

    @property
    def first(self) -> int:
        """Where a text's first subword stands among its hidden states."""
        return (
            self._prompt + int(self.stack == "decoder") + len(self.prefix)
        )  # a pair's decoder begins with a subword

    def load(self, last_layer: int) -> None:
        """Load the weights up to layer `last_layer`, once; the blocks above it are dropped and cost
        nothing."""
        if self._is_ready:
            return
        self._fetch()
        _ = self.behaviour  # a family that is not listed is tried while all of its blocks are there
        # Where the model narrows its last layer to its embeddings' width, the last block's own
        # output is taken.
        narrowed = (
            getattr(self.config.get_text_config(), "word_embed_proj_dim", self.dim) != self.dim
        )
        if (last_layer < self.n_blocks or narrowed) and not self.family.extra_layers:
            self._last_layer = last_layer
            self._cut()
        self._place()
        self._is_ready = True

    def release(self) -> None:
        """Give back the memory of the weights, which are loaded again when they are needed."""
        self._model, self._is_ready, self._is_cut = None, False, False
        self._last_layer = self.n_layers - 1

    def _fetch(self) -> None:
        """Have the whole model in memory."""
        if self._model is not None:
            return
        model = self._load()
        if self._rows:  # an adapter may have grown them
            self._rows = getattr(
                getattr(model, "config", self.config).get_text_config(), "vocab_size", self._rows
            )
        self._model = model.get_encoder() if self.stack == "encoder" else model
        if self._module_of_site:
            self._watch_site()
        if self.family.late:
            model.get_input_embeddings().register_forward_hook(self._keep_embedded)

    def _place(self) -> None:
        """Have it on its device, ready to run."""
        self._fetch()
        if not getattr(
            self._model, "is_quantized", False
        ):  # such models stand on their device and are not moved
            self._model.to(self.device)
        self._model.eval()

    @torch.inference_mode()
    def hidden_states(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Hidden states of texts given as subwords, special tokens added here. Several threads may
        ask at once.

        Returns a tensor `(texts, width, dim)` a layer, from 0 to the last layer loaded; the first
        subword of a text stands at position `first`.

        Raises ModelError for subwords that the model does not know.
        """
        return self._run(subwords) if self.behaviour.padded else run_by_length(subwords, self._run)

    def _run(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        self._seen.added = []
        states = self._states_of(subwords)
        if self.family.late:
            states = (self._seen.embedded, *states[:-2], states[-1])
        states = states[: self._last_layer + 1]
        texts, width = states[0].shape[:2]
        if self._module_of_site:
            return (states[0], *(added.reshape(texts, width, -1) for added in self._seen.added))
        if self.family.extra_layers:
            return tuple(_for_each_character(state, width) for state in states)
        # Without its upper blocks a model would give the last state through its final norm: take it
        # as it was.
        return (*states[:-1], self._seen.top) if self._is_cut else states

    def _states_of(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states as transformers gives them.

        Raises ModelError where the model itself fails.
        """
        ids, mask = self._pad(subwords)
        wanted: dict[str, Any] = {"output_hidden_states": True, "return_dict": True}
        if self.stack == "decoder":
            # Teacher forcing: the encoder reads the text, and the decoder reads it again behind its
            # start.
            start = torch.full_like(ids[:, :1], _start_subword(self.name, self.config))
            wanted["decoder_input_ids"] = torch.cat([start, ids], dim=1)
            wanted["decoder_attention_mask"] = torch.cat([torch.ones_like(start), mask], dim=1)
        try:
            output = self._model(input_ids=ids, attention_mask=mask, **wanted)
            return tuple(
                output.decoder_hidden_states if self.stack == "decoder" else output.hidden_states
            )
        except _Begun:
            raise
        except Exception as error:  # a model's own code raises what it likes
            raise ModelError(first_line(f"'{self.name}' cannot be run", error)) from error

    @torch.inference_mode()
    def _tried(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states of a family that is not listed.

        Raises ModelError where there is not one vector a layer and subword.
        """
        states = self._states_of(subwords)
        width = self.first + max(map(len, subwords)) + len(self.suffix)
        expected = (len(subwords), width, self.dim)
        shapes = [_shape(state) for state in states]
        odd = [shape for shape in shapes if shape != expected]
        if odd or len(states) != self.n_layers:
            what = f"one is {odd[0]}" if odd else "each of them has the right shape"
            raise ModelError(
                f"'{self.name}' ({self.config.model_type}, a family not listed) cannot be read: it gives {len(states)} "
                f"hidden states, and {what}, where {self.n_layers} of {expected} (texts, subwords, width) are needed"
            )
        if not all(state.isfinite().all() for state in states):
            raise ModelError(
                f"'{self.name}' has vectors that are not numbers (NaN or infinite): its weights are broken"
            )
        return states

    @torch.inference_mode()
    def _begun(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Run the model as far as its second block: positions matter before that."""
        second = next((blocks[1] for blocks in self._blocks() if len(blocks) > 1), None)
        hook = second.register_forward_pre_hook(_stop) if second is not None else None
        try:
            self._states_of(subwords)
        except _Begun:
            pass
        finally:
            if hook is not None:
                hook.remove()
        return ()

    def _pad(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [np.concatenate([self.prefix, ids, self.suffix]) for ids in subwords]
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        if pad is None or (
            self._rows and pad >= self._rows
        ):  # what stands there is masked: any subword will do
            pad = 0
        ids = np.full((len(rows), longest), pad, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        if self._rows and ids.max() >= self._rows:
            raise ModelError(
                f"the tokenizer of '{self.name}' gives subword {ids.max()}, and its model has {self._rows}: they do not "
                "belong together"
            )
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    @property
    def _home(self) -> Any:
        """Where the blocks are."""
        return self._model.get_decoder() if self.stack == "decoder" else self._model

    def _cut(self) -> None:
        """Drop the blocks above the last layer wanted, and watch the topmost that is left."""
        for blocks in self._blocks():
            del blocks[max(self._last_layer, 1) :]
            if self._last_layer:
                blocks[-1].register_forward_hook(self._keep)
                self._is_cut = True
            return
        # A family that keeps its blocks elsewhere runs them all, and what is not wanted is left.

    def _blocks(self) -> Iterator[torch.nn.ModuleList]:
        """The lists that may be those of its blocks, the outermost first."""
        for module in self._home.modules():
            if isinstance(module, torch.nn.ModuleList) and len(module) == self.n_blocks:
                yield module

    def _keep(self, module: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        self._seen.top = state.transpose(0, 1) if self.family.time_first else state

    def _keep_embedded(self, module: Any, args: Any, output: torch.Tensor) -> None:
        self._seen.embedded = output

    def _site_module(self) -> str | None:
        """The name, within a block, of the module whose output is wanted; None for the residual
        stream."""
        if self.site == "residual":
            return None
        sites = self.family.sites
        found = sites.get(f"{self.stack}.{self.site}", sites.get(self.site))
        if found is None:
            known = ", ".join(["residual", *(site for site in sites if "." not in site)])
            raise InputError(
                f"'{self.name}' ({self.family.title}): there is no site '{self.site}', only {known}"
            )
        return found

    def _watch_site(self) -> None:
        # Of a block, not of some part of it: what stands before the name is the block's number.
        pattern = re.compile(rf"(^|\.)\d+\.{re.escape(str(self._module_of_site))}$")
        found = [module for name, module in self._home.named_modules() if pattern.search(name)]
        if not found:
            raise ModelError(
                f"'{self.name}': no block has a '{self._module_of_site}' as its family should"
            )
        for module in found:
            module.register_forward_hook(self._add)

    def _add(self, module: Any, args: Any, output: Any) -> None:
        self._seen.added.append(output[0] if isinstance(output, tuple) else output)


class _Begun(Exception):
    """The second block has been reached."""


def _stop(module: Any, args: Any) -> None:
    raise _Begun


def tokenizer_limit(name: str, tokenizer: Any) -> float:
    """How many subwords a tokenizer says a model reads, special ones counted.

    Raises ModelError where that is no positive number.
    """
    found = tokenizer.model_max_length
    if found is None:
        return math.inf
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        raise ModelError(
            f"the tokenizer of '{name}' has the model_max_length {str(found)[:40]!r}: it must be a positive number, "
            "or be left out"
        )
    return found


def _stack(name: str, config: Any, wanted: Stack) -> Stack:
    if getattr(config, "is_encoder_decoder", False):
        return "encoder" if wanted == "auto" else wanted
    if wanted != "auto" and wanted not in family_of(config).stacks:
        raise InputError(
            f"'{name}' has one stack: stack='{wanted}' is for encoder-decoders such as T5 and BART"
        )
    return "auto"


def _start_subword(name: str, config: Any) -> int:
    for key in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
        if (found := getattr(config, key, None)) is not None:
            return int(found)
    raise ModelError(
        f"the configuration of '{name}' has no decoder_start_token_id: its decoder cannot begin"
    )


def _for_each_character(state: torch.Tensor, width: int) -> torch.Tensor:
    """CANINE's deep layers have a state for four characters, behind one for the whole: each
    character gets its own."""
    if state.shape[1] == width:
        return state
    place = (1 + torch.arange(width, device=state.device) // 4).clamp(max=state.shape[1] - 1)
    return state[:, place]


def _shape(state: Any) -> tuple[int, ...]:
    """Of a hidden state; of what is no tensor, none."""
    return tuple(state.shape) if isinstance(state, torch.Tensor) else ()


def _special_subwords(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the tokenizer puts before and after a text: `[CLS]` and `[SEP]`, a beginning of
    sentence, nothing."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    if None in full:
        raise ModelError(
            "the tokenizer puts a special token before or after a text that it does not have: name it in its "
            "tokenizer_config.json (bos_token, eos_token …)"
        )
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            prefix, suffix = full[:start], full[start + len(bare) :]
            return np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    raise ModelError("the tokenizer changes a text's subwords when it adds its special tokens")
