"""Recorded model: a checkpoint whose hidden states another engine computed.

Texts are found by their subwords, special tokens included, so that names and order of what was
recorded mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import torch
import xxhash

from probekit.errors import InputError, ModelError
from probekit.models.encoder_model import EncoderModel
from probekit.models.recorded.recordings import Recordings
from probekit.models.recorded.reference import reference_of
from probekit.models.recorded.same import are_same, require_same
from probekit.models.words import SubwordVector, WordReader

TEXTS = 16  # that are compared with transformers
SUBWORDS = 512  # at most, of such a text


class Nearest(NamedTuple):
    """The recording that is most like a text.

    Attributes:
        label: what it is called.
        at: the first position where they differ.
        found, wanted: the subwords there; None after the end.
    """

    label: str
    at: int
    found: int | None
    wanted: int | None


class RecordedModel:
    """A checkpoint that was run elsewhere.

    Attributes:
        name: the checkpoint's name.
        n_layers: number of its layers.
        dim: width of its states.
        layers: numbers of the layers recorded, in the order in which they are.
    """

    def __init__(
        self,
        checkpoint: EncoderModel,
        recordings: Recordings,
        layers: tuple[int, ...],
        *,
        final_norm: bool,
        source: str,
    ) -> None:
        """The states of `checkpoint` in `recordings`.

        Args:
            checkpoint: the model that another engine ran.
            recordings: what it wrote.
            layers: numbers of the layers recorded; empty for all.
            final_norm: whether the final norm is to be applied to the last layer.
            source: where the recordings are, for messages.

        Raises InputError for layers named twice and a stack that cannot be compared, ModelError
        for recordings without subwords.
        """
        self.name, self.n_layers, self.dim = checkpoint.name, checkpoint.n_layers, checkpoint.dim
        self.layers = layers or tuple(range(checkpoint.n_layers))
        if len(set(self.layers)) < len(self.layers):
            raise InputError("layers must be the numbers of the layers recorded, each once")
        encoder = checkpoint.encoder
        if encoder.inputs.start or encoder.site != "residual":
            raise InputError(
                f"recorded states of '{self.name}' are those of its residual stream, and not of a "
                "decoder beside an encoder: leave out `stack` and `site`"
            )
        self.checkpoint, self.source = checkpoint, source
        self.recordings, self.final_norm = recordings, final_norm
        self._norm: torch.nn.Module | None = None
        self._is_proved = False
        self._numbers: dict[bytes, int] = {}
        self._twice: list[tuple[int, int]] = []  # recordings of one text
        for number in range(len(recordings)):
            first = self._numbers.setdefault(_key(recordings.ids(number)), number)
            if first != number:
                self._twice.append((first, number))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the checkpoint, and where its states are from."""
        return (
            *self.checkpoint.warnings,
            f"{self.name}: its hidden states were computed by another engine ({self.source})",
        )

    def fingerprint(self) -> dict[str, str]:
        """Checksums of the checkpoint."""
        return self.checkpoint.fingerprint()

    def facts(self) -> dict[str, Any]:
        """What else the vectors depend on, in codes."""
        digest = xxhash.xxh3_128()
        self.recordings.add_to(digest)
        recorded = {
            "states": digest.hexdigest(),
            "layers": list(self.layers),
            "final_norm": self.final_norm,
        }
        return {**self.checkpoint.facts(), "recorded": recorded}

    def release(self) -> None:
        """Free the memory of the weights."""
        self.checkpoint.release()

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> WordReader:
        """A reader that takes the vectors of words from what was recorded."""
        return WordReader(_RecordedStates(self), subwords, batch_tokens)

    def find(self, ids: np.ndarray) -> int | None:
        """The number of the recording of a text, by its ids with special tokens."""
        return self._numbers.get(_key(ids))

    def nearest(self, ids: np.ndarray, others: set[int]) -> Nearest | None:
        """The recording, among `others`, whose beginning is like that of a text for longest."""
        best: Nearest | None = None
        for number in sorted(others):
            recorded = self.recordings.ids(number)
            length = min(len(recorded), len(ids))
            differ = np.flatnonzero(recorded[:length] != ids[:length])
            at = int(differ[0]) if len(differ) else length
            if best is None or at > best.at:
                found = int(recorded[at]) if at < len(recorded) else None
                wanted = int(ids[at]) if at < len(ids) else None
                best = Nearest(self.recordings.label(number), at, found, wanted)
        return best

    def prove(self) -> None:
        """Compare some recordings with what transformers computes, once.

        Raises ModelError where they are not the same.
        """
        if self._is_proved:
            return
        self._require_equal()
        encoder = self.checkpoint.encoder
        encoder.load(encoder.n_layers - 1)
        try:
            for number, subwords in self._sample():
                reference = reference_of(encoder, subwords)
                if self.final_norm and reference.norm is None:
                    raise InputError(f"final_norm=True: '{self.name}' has no final norm")
                self._norm = reference.norm if self.final_norm else None
                label = self.recordings.label(number)
                states = self.states_of(number, len(encoder.inputs.around(subwords)))
                require_same(states, self.layers, reference, self.final_norm, label)
        finally:
            encoder.held.release()
        self._is_proved = True

    def _require_equal(self) -> None:
        """Raise ModelError where two recordings of one text, of a few, have other states."""
        for first, second in self._twice[:TEXTS]:
            one, other = (self.recordings.states(number) for number in (first, second))
            if not are_same(one.float().flatten(0, 1), other.float().flatten(0, 1)):
                raise ModelError(
                    f"'{self.recordings.label(first)}' and '{self.recordings.label(second)}' in "
                    f"'{self.source}' are of the same text, and their hidden states differ: record "
                    "each text once"
                )

    def _sample(self) -> Iterator[tuple[int, np.ndarray]]:
        """Some recordings, spread over all: their numbers, and their ids without special tokens."""
        inputs = self.checkpoint.encoder.inputs
        longest = min(SUBWORDS, self.checkpoint.encoder.limit)
        every, found = len(self.recordings), 0
        step = max(1, every // TEXTS)
        for number in chain.from_iterable(range(first, every, step) for first in range(step)):
            ids = self.recordings.ids(number)
            inner = ids[len(inputs.prefix) : len(ids) - len(inputs.suffix)]
            if 0 < len(inner) <= longest and np.array_equal(inputs.around(inner), ids):
                yield number, inner
                found += 1
            if found == TEXTS:
                return
        if not found:
            around = [*inputs.prefix.tolist(), *inputs.suffix.tolist()]
            raise ModelError(
                f"no text in '{self.source}' can be compared with '{self.name}', which reads up to "
                f"{longest} subwords, with the special tokens {around} around them"
            )

    def states_of(self, number: int, subwords: int) -> torch.Tensor:
        """The states of a recording of so many subwords as they are, `(n, layers, dim)`.

        Raises ModelError for another shape.
        """
        states = self.recordings.states(number)
        expected = (subwords, len(self.layers), self.dim)
        if tuple(states.shape) != expected:
            raise ModelError(
                f"'{self.recordings.label(number)}' in '{self.source}' has hidden states "
                f"{tuple(states.shape)}, and they must be {expected}: (subwords, layers, width); "
                "`layers` names those recorded"
            )
        return states

    def layer_of(self, states: torch.Tensor, layer: int, label: str) -> torch.Tensor:
        """The states of a layer, `(n, dim)` in float32, from those recorded, `(n, layers, dim)`.

        Raises ModelError where those of some subword are zeros or not finite.
        """
        found = states[:, self.layers.index(layer)].float()
        # A subword may have an embedding of zeros; above layer 0 none has.
        has_values = bool(found.any(dim=1).all()) if layer else bool(found.any())
        if not found.isfinite().all() or not has_values:
            what = "zeros" if found.isfinite().all() else "not finite"
            raise ModelError(
                f"the hidden states in '{label}' of '{self.source}' are {what} for some subwords "
                f"at layer {layer}"
            )
        if self._norm is not None and layer == self.n_layers - 1:
            found = self._norm(found)
        return found


class _RecordedStates:
    """Reads the states of a RecordedModel as an encoder computes them: see `ReadsSubwords`."""

    def __init__(self, model: RecordedModel) -> None:
        encoder = model.checkpoint.encoder
        self._model, self._inputs = model, encoder.inputs
        self.name, self.tokenizer = model.name, encoder.tokenizer
        self.dim, self.n_layers = model.dim, model.n_layers
        self.device = torch.device("cpu")
        self.limit, self.first = encoder.limit, len(encoder.inputs.prefix)
        self.cls = None if encoder.cls is None else 0

    def load(self, last_layer: int) -> None:
        """Prove what was recorded before it is read. Raises ModelError."""
        self._model.prove()

    @torch.inference_mode()
    def hidden_states(
        self, subwords: Sequence[np.ndarray], layers: Sequence[int] | None = None
    ) -> tuple[torch.Tensor, ...]:
        """The states `(texts, width, dim)` of each of `layers`.

        Raises InputError for a text that was not recorded.
        """
        layers = self._model.layers if layers is None else layers
        texts = [self._inputs.around(ids) for ids in subwords]
        width = max(map(len, texts))
        found = tuple(torch.zeros(len(texts), width, self.dim) for _ in layers)
        for row, ids in enumerate(texts):
            if not len(subwords[row]):
                continue  # a text without a subword was not read
            number = self._model.find(ids)
            if number is None:
                text = self.tokenizer.decode(subwords[row])[:60]
                raise InputError(f"'{self._model.source}' has no states of the text '{text}'")
            label = self._model.recordings.label(number)
            states = self._model.states_of(number, len(ids))
            for whole, layer in zip(found, layers, strict=True):
                whole[row, : len(ids)] = self._model.layer_of(states, layer, label)
        return found


def _key(ids: np.ndarray) -> bytes:
    return bytes(xxhash.xxh3_128(ids.astype(np.int64).tobytes()).digest())
