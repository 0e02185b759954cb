"""Model: what states can be extracted from, and what a name opens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from probekit.errors import InputError, ModelError, suggestion
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.names import ALIASES, resolve
from probekit.models.static import StaticVectors
from probekit.models.word_vectors import SUFFIXES
from probekit.models.words import SubwordVector
from probekit.paths import path_of

if TYPE_CHECKING:
    import numpy as np
    import torch


class Reader(Protocol):
    """Something that gives words vectors."""

    dim: int
    device: torch.device

    def load(self, last_layer: int) -> None:
        """Get ready for layers up to `last_layer`."""

    def batches(self, texts: Sequence[Sequence[str]], part: slice | None = None) -> Iterable[Any]:
        """What is read of the texts (sequences of words) at once; words are numbered through all
        texts.

        With `part` only those words are, from its start on, in the context that the texts give
        them.
        """

    def read(self, batch: Any, layers: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Fill `values`, `(layers, words, dim)`, for the words that take their vector from this
        batch; returns those.

        Several threads may ask at once.
        """


class Model(Protocol):
    """A checkpoint, word vectors, or a module."""

    name: str
    n_layers: int
    dim: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know."""

    def fingerprint(self) -> dict[str, str]:
        """Checksums of what its vectors come from."""

    def facts(self) -> dict[str, Any]:
        """What else they depend on, in codes; `layers` are those of `layers.explain_layers`."""

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> Reader:
        """What gives words their vectors."""

    def release(self) -> None:
        """Give back the memory of the weights, which are loaded again when they are needed."""


def require_model(name: str) -> None:
    """Raise ModelError where a name stands for nothing, before anything long is begun."""
    if name in ALIASES:
        resolve(name)
        return
    path = path_of(name)
    vectors = path.name.endswith(SUFFIXES)
    if path.is_file() and not vectors:
        raise ModelError(
            f"'{name}' is a file: a model is a folder, or word vectors ({', '.join(SUFFIXES)})"
        )
    if not path.exists() and vectors:
        raise ModelError(f"there is no file '{name}'{suggestion(path)}")
    if not path.is_file():
        resolve(name)


def open_model(name: str, settings: EncoderSettings) -> Model:
    """The model of a name: word vectors where it is a file, else a checkpoint.

    Raises ModelError where there is none.
    """
    require_model(name)
    path = path_of(name)
    if name in ALIASES or not path.is_file():
        return Checkpoint(name, settings)
    if settings.stack != "auto" or settings.site != "residual":
        raise InputError(f"'{name}' holds word vectors: they have no stack and no site")
    return StaticVectors(path, name)
