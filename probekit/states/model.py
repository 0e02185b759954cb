"""Model: what states can be extracted from, and what a name opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from probekit.errors import InputError, ModelError
from probekit.paths import path_of
from probekit.states.checkpoint import Checkpoint, EncoderSettings
from probekit.states.names import ALIASES, resolve
from probekit.states.static import StaticVectors
from probekit.states.vectors import SUFFIXES
from probekit.states.words import PieceVector

if TYPE_CHECKING:
    from probekit.states.fill import Reader


class Model(Protocol):
    """A checkpoint, word vectors, or a module."""

    name: str
    n_layers: int
    dim: int

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader must know."""

    def fingerprint(self) -> dict[str, str]:
        """Checksums of what its vectors come from."""

    def facts(self) -> dict[str, Any]:
        """What else they depend on, in codes; `layers` are those of `layers.in_words`."""

    def reader(self, pieces: PieceVector, batch_tokens: int | None) -> Reader:
        """What gives words their vectors."""


def require_model(name: str) -> None:
    """Raise ModelError where a name stands for nothing, before anything long is begun."""
    if name in ALIASES:
        resolve(name)
        return
    path = path_of(name)
    vectors = path.name.endswith(SUFFIXES)
    if path.is_file() and not vectors:
        raise ModelError(f"'{name}' is a file: a model is a folder, or word vectors ({', '.join(SUFFIXES)})")
    if not path.exists() and vectors:
        raise ModelError(f"there is no file '{name}'")
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
