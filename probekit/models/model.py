"""Model: anything from which states can be extracted, opened by its name, or loaded already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from probekit.errors import InputError, ModelError, suggestion
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.in_memory import InMemoryModel
from probekit.models.loaded import LoadedModel
from probekit.models.names import ALIASES, resolve
from probekit.models.static import StaticVectors
from probekit.models.word_vectors import SUFFIXES
from probekit.models.words import SubwordVector
from probekit.paths import path_of

if TYPE_CHECKING:
    import numpy as np
    import torch


class Reader(Protocol):
    """Computes the vectors of words."""

    dim: int
    device: torch.device

    def load(self, last_layer: int) -> None:
        """Prepare for layers up to `last_layer`."""

    def batches(self, texts: Sequence[Sequence[str]], part: slice | None = None) -> Iterable[Any]:
        """The batches of the texts.

        Args:
            texts: sequences of words; words are numbered across all texts.
            part: read only these words, numbered from the start of `part`, in the context of the
                texts.
        """

    def read(self, batch: Any, layers: Sequence[int], values: Any) -> np.ndarray:
        """Write the vectors of the words that take theirs from this batch into `values`,
        `(layers, words, dim)`, an array, or a tensor on the device where that is a GPU; returns the
        positions of these words.

        Several threads may call this at once.
        """


class Model(Protocol):
    """A checkpoint, a loaded model, word vectors, or a module."""

    name: str
    n_layers: int
    dim: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the model."""

    def fingerprint(self) -> dict[str, str]:
        """Checksums of the weights and the tokenizer."""

    def facts(self) -> dict[str, Any]:
        """What else the vectors depend on, in codes; for `layers` see `layers.explain_layers`."""

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> Reader:
        """A reader that computes the vectors of words."""

    def release(self) -> None:
        """Free the memory of the weights, which are loaded again when they are needed."""


def require_model(name: str) -> None:
    """Raise ModelError where a name has no model, before any long work starts."""
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


def open_model(subject: str | LoadedModel, settings: EncoderSettings) -> Model:
    """The model of a name: word vectors for a file, else a checkpoint. Or a loaded model.

    Raises ModelError where there is no such model.
    """
    if isinstance(subject, LoadedModel):
        return InMemoryModel(subject, settings)
    name = subject
    require_model(name)
    path = path_of(name)
    if name in ALIASES or not path.is_file():
        return Checkpoint(name, settings)
    if settings.stack != "auto" or settings.site != "residual":
        raise InputError(f"'{name}' holds word vectors, which have no stack and no site")
    return StaticVectors(path, name)


def has_name(model: Model) -> bool:
    """Whether a model can be opened again by its name."""
    return isinstance(model, Checkpoint | StaticVectors)
