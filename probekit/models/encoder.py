"""Encoder: a model that turns subwords into the hidden states of every layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from probekit.errors import ModelError, first_line
from probekit.models.as_loaded import AsLoaded
from probekit.models.behaviour import Behaviour, find_behaviour, looks_ahead
from probekit.models.characters import for_each_character
from probekit.models.families import UNKNOWN, Site, Stack, family_of, layer_convention
from probekit.models.held import Held
from probekit.models.inputs import Inputs
from probekit.models.length_groups import run_by_length
from probekit.models.site import module_of_site
from probekit.models.special_tokens import plain_subwords
from probekit.models.stack import (
    Stopped,
    count_blocks,
    stack_of,
    stopped_at_second_block,
)
from probekit.models.unlisted import require_vectors
from probekit.models.window import (
    declared_limit,
    positions_of,
    require_room,
    tokenizer_limit,
)


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
        self.stack, self.site = stack_of(name, config, reading.stack), reading.site
        text = config.get_text_config()
        self.n_blocks = count_blocks(config, self.stack)
        self.n_layers = self.n_blocks + 1 + self.family.extra_layers
        self.dim = int(text.hidden_size)
        of_tokenizer = tokenizer_limit(name, tokenizer)
        self.inputs = Inputs(name, config, tokenizer, self.stack, device)
        self._prompt = reading.prompt
        self.convention = layer_convention(config, self.stack, self.site)
        self._module_of_site = module_of_site(name, self.family, self.stack, self.site)
        self.held = Held(name, config, self.family, self.stack, self._module_of_site, device, load)
        free = positions_of(config, self.family) - reading.prompt - reading.prefix
        self._declared = declared_limit(name, free, of_tokenizer, self.inputs.added)

    @property
    def limit(self) -> int:
        """Number of subwords of text that the model reads in one pass, without special tokens."""
        found = self.behaviour.longest
        return self._declared if found is None else min(self._declared, found)

    @property
    def declared_limit(self) -> int:
        """The same, as the configuration and the tokenizer have it, without running the model."""
        return self._declared

    def load_bare(self) -> Any:
        """The bare model, anew and whole, apart from the one that is run here."""
        return self.held.load()

    @cached_property
    def behaviour(self) -> Behaviour:
        """How the model may be run: known of a listed family; others are loaded and tried once.

        Raises ModelError where the model cannot be run.
        """
        if self.family is not UNKNOWN:
            return Behaviour(self.family.padded)
        self.held.place()
        subwords = plain_subwords(self.tokenizer, self.held.rows)
        found = find_behaviour(
            self._checked_states,
            self._run_first_block,
            subwords,
            self.first,
            self._declared,
            AsLoaded(self.held.model),
        )
        require_room(self.name, int(found.longest or 0), "its positions")
        return found

    @property
    def rows(self) -> int | None:
        """Rows of the loaded model's table of embeddings; None for a model without such a table."""
        return self.held.rows

    def looks_ahead(self) -> bool:
        """Whether the loaded model's states of a word depend on the words after it."""
        subwords = plain_subwords(self.tokenizer, self.held.rows)
        return looks_ahead(self.hidden_states, subwords, self.first)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about how the model is run."""
        if self.behaviour.padded or self.family is not UNKNOWN:
            return ()
        if self.behaviour.restored:
            return (
                f"{self.name}: a short text changes how its family ({self.config.model_type}) "
                "reads the texts after it: the model is put back before each batch, and only "
                "texts of the same length are read together",
            )
        return (
            f"{self.name}: padding changes the states of its family ({self.config.model_type}): "
            "only texts of the same length are read together",
        )

    @property
    def added(self) -> int:
        """Number of a text's hidden states that are not of its subwords."""
        return self._prompt + self.inputs.added

    @property
    def first(self) -> int:
        """Position of a text's first subword among its hidden states."""
        return self._prompt + self.inputs.before

    @property
    def cls(self) -> int | None:
        """Position of a text's `[CLS]` (`<s>` of RoBERTa …) among its hidden states.

        None where the tokenizer has no such token, or adds none before a text: a token that only
        begins a text, such as Llama's, is read before every word and tells nothing of the text.
        """
        prefix = self.inputs.prefix
        if not len(prefix) or self.tokenizer.cls_token_id is None:
            return None
        return self.first - len(prefix)

    def load(self, last_layer: int) -> None:
        """Load the weights up to layer `last_layer`, once; the blocks above it are dropped."""
        if self.held.is_ready:
            return
        self.held.fetch()
        _ = self.behaviour  # a family that is not listed is tried with all of its blocks
        self.held.cut(last_layer)
        self.held.place()
        if self.behaviour.restored:
            self.held.as_loaded = AsLoaded(self.held.model)
        self.held.is_ready = True

    @torch.inference_mode()
    def hidden_states(
        self, subwords: Sequence[np.ndarray], layers: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """Hidden states of texts. Several threads may call this at once.

        Args:
            subwords: ids of each text, `(n,)`; special tokens are added here.
            layers: numbers of the layers wanted; None for all, from 0 to the last one loaded.

        Returns one tensor `(texts, width, dim)` per layer wanted; the first subword of a text is at
        position `first`.

        Raises ModelError for subwords that the model does not know.
        """
        run = partial(self._run, layers=layers)
        return run(subwords) if self.behaviour.padded else run_by_length(subwords, run)

    def _run(
        self, subwords: Sequence[np.ndarray], layers: Sequence[int] | None
    ) -> tuple[torch.Tensor, ...]:
        """The states of the layers wanted, of texts that are padded to one length."""
        return self.run(self.inputs.of(subwords, self.held.rows), layers)

    def run(
        self, inputs: dict[str, torch.Tensor], layers: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """The states of the layers wanted, from what `inputs` gives; with gradients where they are
        wanted.

        Raises ModelError where the model itself fails.
        """
        self.held.captured.begin(layers)
        states = self._every_state(self._states_from(inputs, self._asked_of_transformers(layers)))
        return states if layers is None else tuple(states[layer] for layer in layers)

    def _every_state(self, states: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """The states of all layers, from those that transformers returns; a state that nobody wants
        may be None."""
        if self.family.late:
            states = (self.held.captured.embedded, *states[:-2], states[-1])
        states = states[: self.held.last_layer + 1]
        if self._module_of_site:
            return (states[0], *self.held.captured.added_in(*states[0].shape[:2]))
        if self.family.extra_layers:
            width = states[0].shape[1]
            return tuple(for_each_character(state, width) for state in states)
        if self.held.is_cut:
            # Without its upper blocks a model would pass the last state through its final norm.
            return (*states[:-1], self.held.captured.top)
        return states

    def _asked_of_transformers(self, layers: Sequence[int] | None) -> bool | list[int]:
        """What `output_hidden_states` is: the numbers of layers where it can be, so that the states
        of the others are not kept in memory."""
        is_numbered = not (self.family.late or self.family.extra_layers)
        if layers is None or self.family is UNKNOWN or not is_numbered or not takes_numbers():
            return True
        return [0] if self._module_of_site else list(layers)

    def _states_of(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states of texts as transformers returns them."""
        return self._states_from(self.inputs.of(subwords, self.held.rows), True)

    def _states_from(
        self, inputs: dict[str, torch.Tensor], layers: bool | list[int]
    ) -> tuple[torch.Tensor, ...]:
        """The hidden states as transformers returns them: all (True), or None in the place of those
        that are not among `layers`.

        Raises ModelError where the model itself fails.
        """
        try:
            as_loaded = self.held.as_loaded
            with as_loaded.alone() if as_loaded else nullcontext():
                output = self.held.model(
                    **inputs,
                    **self.held.without_cache,
                    output_hidden_states=layers,
                    return_dict=True,
                )
            if self.stack == "decoder":
                return tuple(output.decoder_hidden_states)
            return tuple(output.hidden_states)
        except Stopped:
            raise
        except Exception as error:  # a model's own code raises what it likes
            raise ModelError(first_line(f"'{self.name}' cannot be run", error)) from error

    @torch.inference_mode()
    def _checked_states(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """All hidden states of a family that is not listed.

        Raises ModelError where there is not one vector per layer and subword.
        """
        states = self._states_of(subwords)
        longest = max(len(text) for text in subwords)
        width = self._prompt + self.inputs.added + longest
        expected = (len(subwords), width, self.dim)
        require_vectors(states, self.n_layers, expected, self.name, self.config.model_type)
        return states

    @torch.inference_mode()
    def _run_first_block(self, subwords: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Run the model up to its second block: positions are looked up before that."""
        with stopped_at_second_block(self.held.body, self.n_blocks):
            self._states_of(subwords)
        return ()


@cache
def takes_numbers() -> bool:
    """Whether transformers takes the numbers of hidden states, with the embeddings as 0.

    Before 5.23 it took them for a flag, or counted blocks.
    """
    major, minor = version("transformers").split(".")[:2]
    return (int(major), int(minor)) >= (5, 23)
