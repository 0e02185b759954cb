"""Of safetensors: one file per text with `token_ids` `(n,)` and `hidden_states` `(n, layers, dim)`.

vLLM's ExampleHiddenStatesConnector writes such files. Their names mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from probekit.errors import ModelError, first_line
from probekit.models.files import digest_file


class SafetensorsRecordings:
    """Texts in files of their own."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def label(self, number: int) -> str:
        """The name of the file."""
        return self._files[number].name

    def ids(self, number: int) -> np.ndarray:
        """See `Recordings`."""
        found = self._tensor(number, "token_ids")
        if found.ndim != 1 or found.is_floating_point():
            raise ModelError(
                f"'{self._files[number]}' has token_ids {tuple(found.shape)} of {found.dtype}: "
                "they must be whole numbers, one per subword"
            )
        return found.long().numpy()

    def states(self, number: int) -> torch.Tensor:
        """See `Recordings`."""
        return self._tensor(number, "hidden_states")

    def add_to(self, digest: Any) -> None:
        """See `Recordings`."""
        for path in self._files:
            digest_file(path, digest)

    def _tensor(self, number: int, name: str) -> torch.Tensor:
        path = self._files[number]
        try:
            with safe_open(path, framework="pt") as file:
                found: torch.Tensor = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise ModelError(first_line(f"'{path}' holds no states of a text", error)) from error
        return found
