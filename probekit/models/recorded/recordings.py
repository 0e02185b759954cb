"""Recordings: the hidden states of texts in a folder, one text after another, as an engine wrote
them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from probekit.errors import ModelError, suggestion
from probekit.models.recorded.of_arrow import ArrowRecordings
from probekit.models.recorded.of_safetensors import SafetensorsRecordings


class Recordings(Protocol):
    """Texts and their states; numbers read are memory-mapped, and none are kept."""

    def __len__(self) -> int:
        """The number of texts."""

    def label(self, number: int) -> str:
        """What a text is called in messages."""

    def ids(self, number: int) -> np.ndarray:
        """The subwords of a text, special tokens included, `(n,)`. Raises ModelError."""

    def states(self, number: int) -> torch.Tensor:
        """Their states, `(n, layers, dim)`. Raises ModelError."""

    def add_to(self, digest: Any) -> None:
        """Add everything recorded to a checksum."""


def open_recordings(folder: Path) -> Recordings:
    """The recordings in a folder: `*.safetensors`, one per text, or a saved data set.

    Raises ModelError where there are none.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder '{folder}' of hidden states{suggestion(folder)}")
    files = sorted(folder.glob("*.safetensors"))
    if files:
        return SafetensorsRecordings(files)
    if (folder / "state.json").is_file():
        return ArrowRecordings(folder)
    raise ModelError(
        f"'{folder}' has no hidden states: it must hold one .safetensors file per text, as vLLM "
        "writes them, or a data set, as save_to_disk of 'datasets' writes it"
    )
