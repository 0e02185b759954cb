"""Encoder: a model that turns subwords into the hidden states of every layer."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError, ModelError, first_line
from probekit.models.behaviour import Behaviour, find_behaviour, looks_ahead
from probekit.models.families import UNKNOWN, Site, Stack, family_of, layer_convention
from probekit.models.length_groups import run_by_length

MAX_WINDOW = 2048  # subwords, also where a model could read more: attention is quadratic
MIN_WINDOW = 4  # subwords; with fewer, words would have no context, or no subword at all


@dataclass(frozen=True)
class Reading:
    """What is read of a model, and what precedes its texts.

    Attributes:
        stack: which half of an encoder-decoder; `auto` is its encoder.
        site: the residual stream, or what `attn` or `mlp` adds to it.
        prompt: number of vectors that the model itself puts before every text and that are among
            its hidden states.
        prefix: number of positions that the model uses before every text without hidden states.
    """

    stack: Stack = "auto"
    site: Site = "residual"
    prompt: int = 0
    prefix: int = 0


class Encoder:
    """A model that can be run. Layers are numbered from 0 (the embeddings) to `n_layers - 1`."""

    def __init__(
        self,
        name: str,
        config: Any,
        tokenizer: Any,
        device: torch.device,
        load: Callable[[], Any],
        reading: Reading = Reading(),
    ) -> None:
        """An encoder whose model is loaded when it is needed.

        Args:
            name: name of the model in results.
            config: Hugging Face's configuration.
            tokenizer: Hugging Face's tokenizer.
            device: where the model runs.
            load: returns the bare model, without a head, on any device.
            reading: what is read of the model.

        Raises InputError for a stack or a site that the family does not have, ModelError for a
        tokenizer or configuration that leaves no room for a text.
        """
        self.name, self.config, self.tokenizer, self.device = name, config, tokenizer, device
        self.family = family_of(config)
        self.stack, self.site = _stack(name, config, reading.stack), reading.site
        text = config.get_text_config()
        self.n_blocks = _count_blocks(config, self.stack)
        self.n_layers = self.n_blocks + 1 + self.family.extra_layers
        self.dim = int(text.hidden_size)
        longest = tokenizer_limit(name, tokenizer)
        self.prefix, self.suffix = _special_tokens(tokenizer)
        self._prompt, self._occupied = reading.prompt, reading.prompt + reading.prefix
        self.convention = layer_convention(config, self.stack, self.site)
        self._module_of_site = self._site_module()
        self._load = load
        self._model: Any = None
        # Rows of the table of embeddings; models of characters have no such table.
        self._rows = getattr(text, "vocab_size", None)
        self._last_layer = self.n_layers - 1
        self._captured = threading.local()
        self._is_ready, self._is_cut = False, False
        self._declared = self._declared_limit(longest)

    @property
    def limit(self) -> int:
        """Number of subwords of text that the model reads in one pass, without special tokens."""
        found = self.behaviour.longest
        return self._declared if found is None else min(self._declared, found)

    @cached_property
    def behaviour(self) -> Behaviour:
        """How the model may be run: known of a listed family; others are loaded and tried once.

        Raises ModelError where the model cannot be run.
        """
        if self.family is not UNKNOWN:
            return Behaviour(self.family.padded)
        self._place()
        found = find_behaviour(
            self._checked_states, self._run_first_block, self._known(), self.first, self._declared
        )
        self._require_room(int(found.longest or 0), "its positions")
        return found

    def looks_ahead(self) -> bool:
        """Whether the loaded model's states of a word depend on the words after it."""
        return looks_ahead(self.hidden_states, self._known(), self.first)

    def _known(self) -> np.ndarray:
        """Ids of some subwords that the model knows: `(n,)`."""
        known = min(self._rows or math.inf, len(self.tokenizer))
        special = set(self.tokenizer.all_special_ids)
        return np.array([i for i in range(int(min(known, 1000))) if i not in special])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about how the model is run."""
        if self.behaviour.padded or self.family is not UNKNOWN:
            return ()
        return (
            f"{self.name}: padding changes the states of its family ({self.config.model_type}): "
            "only texts of the same length are read together",
        )

    def _declared_limit(self, of_tokenizer: float) -> int:
        """`limit` according to the configuration and the tokenizer."""
        longest = int(getattr(self.config.get_text_config(), "max_position_embeddings", None) or 0)
        if longest <= 0:  # positions are relative, or there are none
            longest = MAX_WINDOW
        if self.family.offset:
            longest -= int(self.config.pad_token_id or 0) + 1
        reach = min(longest - self._occupied, MAX_WINDOW)
        added = len(self.prefix) + len(self.suffix) + int(self.stack == "decoder")
        self._require_room(reach - added, "max_position_embeddings in its configuration")
        reach = int(min(reach, of_tokenizer))
        self._require_room(reach - added, f"model_max_length {reach} of its tokenizer")
        return reach - added

    def _require_room(self, limit: int, source: str) -> None:
        if limit < MIN_WINDOW:
            raise ModelError(
                f"'{self.name}' could read {max(limit, 0)} subwords of text at once, according to "
                f"{source}: at least {MIN_WINDOW} are needed, so correct it"
            )

    @property
    def first(self) -> int:
        """Position of a text's first subword among its hidden states."""
        start = int(self.stack == "decoder")  # the decoder of a pair has a start token
        return self._prompt + start + len(self.prefix)

    @property
    def cls(self) -> int | None:
        """Position of a text's `[CLS]` (`<s>` of RoBERTa …) among its hidden states.

        None where the tokenizer has no such token, or adds none before a text: a token that only
        begins a text, such as Llama's, is read before every word and tells nothing of the text.
        """
        if not len(self.prefix) or self.tokenizer.cls_token_id is None:
            return None
        return self.first - len(self.prefix)

    def load(self, last_layer: int) -> None:
        """Load the weights up to layer `last_layer`, once; the blocks above it are dropped."""
        if self._is_ready:
            return
        self._fetch()
        _ = self.behaviour  # a family that is not listed is tried with all of its blocks
        # Where the model narrows its last layer to the width of its embeddings, the output of the
        # last block is read.
        width = getattr(self.config.get_text_config(), "word_embed_proj_dim", self.dim)
        is_cut = last_layer < self.n_blocks or width != self.dim
        if is_cut and not self.family.extra_layers:
            self._last_layer = last_layer
            self._cut()
        self._place()
        self._is_ready = True

    def release(self) -> None:
        """Free the memory of the weights, which are loaded again when they are needed."""
        self._model, self._is_ready, self._is_cut = None, False, False
        self._last_layer = self.n_layers - 1

    def _fetch(self) -> None:
        """Load the whole model, once."""
        if self._model is not None:
            return
        model = self._load()
        if self._rows:  # an adapter may have added some
            loaded_config = getattr(model, "config", self.config).get_text_config()
            self._rows = getattr(loaded_config, "vocab_size", self._rows)
        self._model = model.get_encoder() if self.stack == "encoder" else model
        if self._module_of_site:
            self._watch_site()
        if self.family.late:
            model.get_input_embeddings().register_forward_hook(self._keep_embedded)

    def _place(self) -> None:
        """Move the model to its device, ready to run."""
        self._fetch()
        if not getattr(self._model, "is_quantized", False):  # these are loaded on their device
            self._model.to(self.device)
        self._model.eval()

    @torch.inference_mode()
    def hidden_states(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Hidden states of texts. Several threads may call this at once.

        Args:
            subwords: ids of each text, `(n,)`; special tokens are added here.

        Returns one tensor `(texts, width, dim)` per layer, from 0 to the last layer loaded; the
        first subword of a text is at position `first`.

        Raises ModelError for subwords that the model does not know.
        """
        return self._run(subwords) if self.behaviour.padded else run_by_length(subwords, self._run)

    def _run(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        self._captured.added = []
        states = self._states_of(subwords)
        if self.family.late:
            states = (self._captured.embedded, *states[:-2], states[-1])
        states = states[: self._last_layer + 1]
        texts, width = states[0].shape[:2]
        if self._module_of_site:
            return (states[0], *(added.reshape(texts, width, -1) for added in self._captured.added))
        if self.family.extra_layers:
            return tuple(_for_each_character(state, width) for state in states)
        # Without its upper blocks a model would pass the last state through its final norm.
        return (*states[:-1], self._captured.top) if self._is_cut else states

    def _states_of(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states as transformers returns them.

        Raises ModelError where the model itself fails.
        """
        ids, mask = self._pad(subwords)
        wanted: dict[str, Any] = {"output_hidden_states": True, "return_dict": True}
        if self.stack == "decoder":
            # Teacher forcing: the encoder reads the text, and the decoder reads it again after its
            # start token.
            start = torch.full_like(ids[:, :1], _start_token(self.name, self.config))
            wanted["decoder_input_ids"] = torch.cat([start, ids], dim=1)
            wanted["decoder_attention_mask"] = torch.cat([torch.ones_like(start), mask], dim=1)
        try:
            output = self._model(input_ids=ids, attention_mask=mask, **wanted)
            if self.stack == "decoder":
                return tuple(output.decoder_hidden_states)
            return tuple(output.hidden_states)
        except _Stopped:
            raise
        except Exception as error:  # a model's own code raises what it likes
            raise ModelError(first_line(f"'{self.name}' cannot be run", error)) from error

    @torch.inference_mode()
    def _checked_states(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states of a family that is not listed.

        Raises ModelError where there is not one vector per layer and subword.
        """
        states = self._states_of(subwords)
        width = self.first + max(map(len, subwords)) + len(self.suffix)
        expected = (len(subwords), width, self.dim)
        shapes = [_shape(state) for state in states]
        odd = [shape for shape in shapes if shape != expected]
        if odd or len(states) != self.n_layers:
            what = f"one is {odd[0]}" if odd else "each of them has the right shape"
            raise ModelError(
                f"'{self.name}' ({self.config.model_type}, a family not listed) cannot be read: it "
                f"gives {len(states)} hidden states, and {what}, where {self.n_layers} of "
                f"{expected} (texts, subwords, width) are needed"
            )
        if not all(state.isfinite().all() for state in states):
            raise ModelError(
                f"'{self.name}' has vectors that are not numbers (NaN or infinite): its weights "
                "are broken"
            )
        return states

    @torch.inference_mode()
    def _run_first_block(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Run the model up to its second block: positions are looked up before that."""
        second = next((blocks[1] for blocks in self._blocks() if len(blocks) > 1), None)
        hook = second.register_forward_pre_hook(_stop) if second is not None else None
        try:
            self._states_of(subwords)
        except _Stopped:
            pass
        finally:
            if hook is not None:
                hook.remove()
        return ()

    def _pad(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [np.concatenate([self.prefix, ids, self.suffix]) for ids in subwords]
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        if pad is None or (self._rows and pad >= self._rows):
            pad = 0  # padding is masked, so that any subword will do
        ids = np.full((len(rows), longest), pad, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        if self._rows and ids.max() >= self._rows:
            raise ModelError(
                f"the tokenizer of '{self.name}' gives subword {ids.max()}, and its model has "
                f"{self._rows}: they do not belong together"
            )
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    @property
    def _body(self) -> Any:
        """The part of the model that has the blocks."""
        return self._model.get_decoder() if self.stack == "decoder" else self._model

    def _cut(self) -> None:
        """Drop the blocks above the last layer needed, and watch the topmost that remains."""
        for blocks in self._blocks():
            del blocks[max(self._last_layer, 1) :]
            if self._last_layer:
                blocks[-1].register_forward_hook(self._keep)
                self._is_cut = True
            return
        # A family with its blocks elsewhere runs them all, and the upper states are dropped.

    def _blocks(self) -> Iterator[torch.nn.ModuleList]:
        """The lists of modules that may be the model's blocks, the outermost first."""
        for module in self._body.modules():
            if isinstance(module, torch.nn.ModuleList) and len(module) == self.n_blocks:
                yield module

    def _keep(self, module: Any, args: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        self._captured.top = state.transpose(0, 1) if self.family.time_first else state

    def _keep_embedded(self, module: Any, args: Any, output: torch.Tensor) -> None:
        self._captured.embedded = output

    def _site_module(self) -> str | None:
        """The name, within a block, of the module whose output is read; None for the residual
        stream."""
        if self.site == "residual":
            return None
        sites = self.family.sites
        found = sites.get(f"{self.stack}.{self.site}", sites.get(self.site))
        if found is None:
            known = ", ".join(["residual", *(site for site in sites if "." not in site)])
            raise InputError(
                f"'{self.name}' ({self.family.title}) has no site '{self.site}', only {known}"
            )
        return found

    def _watch_site(self) -> None:
        # Of a block, not of some part of it: the block's number precedes the name.
        pattern = re.compile(rf"(^|\.)\d+\.{re.escape(str(self._module_of_site))}$")
        found = [module for name, module in self._body.named_modules() if pattern.search(name)]
        if not found:
            raise ModelError(
                f"'{self.name}': no block has a '{self._module_of_site}', as its family should"
            )
        for module in found:
            module.register_forward_hook(self._add)

    def _add(self, module: Any, args: Any, output: Any) -> None:
        self._captured.added.append(output[0] if isinstance(output, tuple) else output)


class _Stopped(Exception):
    """The model has reached its second block."""


def _stop(module: Any, args: Any) -> None:
    raise _Stopped


def tokenizer_limit(name: str, tokenizer: Any) -> float:
    """The `model_max_length` of a tokenizer, in subwords, special tokens included.

    Raises ModelError where that is not a positive number.
    """
    found = tokenizer.model_max_length
    if found is None:
        return math.inf
    if isinstance(found, bool) or not isinstance(found, int | float) or not found > 0:
        raise ModelError(
            f"the tokenizer of '{name}' has the model_max_length {str(found)[:40]!r}: it must be a "
            "positive number, or be left out"
        )
    return found


def _count_blocks(config: Any, stack: Stack) -> int:
    found = None
    if stack == "decoder":
        found = getattr(config, "num_decoder_layers", None) or getattr(
            config, "decoder_layers", None
        )
    return int(found or config.get_text_config().num_hidden_layers)


def _stack(name: str, config: Any, wanted: Stack) -> Stack:
    if getattr(config, "is_encoder_decoder", False):
        return "encoder" if wanted == "auto" else wanted
    if wanted != "auto" and wanted not in family_of(config).stacks:
        raise InputError(
            f"'{name}' has one stack: stack='{wanted}' is for encoder-decoders such as T5 and BART"
        )
    return "auto"


def _start_token(name: str, config: Any) -> int:
    for key in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
        found = getattr(config, key, None)
        if found is not None:
            return int(found)
    raise ModelError(
        f"the configuration of '{name}' has no decoder_start_token_id: its decoder cannot begin"
    )


def _for_each_character(state: torch.Tensor, width: int) -> torch.Tensor:
    """One state per character.

    CANINE's deep layers have one state for four characters, after one for the whole text.
    """
    if state.shape[1] == width:
        return state
    place = (1 + torch.arange(width, device=state.device) // 4).clamp(max=state.shape[1] - 1)
    return state[:, place]


def _shape(state: Any) -> tuple[int, ...]:
    """The shape of a hidden state; empty for anything that is not a tensor."""
    return tuple(state.shape) if isinstance(state, torch.Tensor) else ()


def _special_tokens(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the special tokens before and after a text, such as `[CLS]` and `[SEP]`."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    if None in full:
        raise ModelError(
            "the tokenizer adds a special token to texts that it does not have: name it in its "
            "tokenizer_config.json (bos_token, eos_token …)"
        )
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            prefix, suffix = full[:start], full[start + len(bare) :]
            return np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    raise ModelError("the tokenizer changes a text's subwords when it adds its special tokens")
