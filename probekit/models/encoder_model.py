"""Encoder model: what models from files and models in memory have in common."""

from __future__ import annotations

from typing import Any

import torch

from probekit.models.encoder import Encoder
from probekit.models.words import SubwordVector, WordReader

# Of a configuration: they change no number.
VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


class EncoderModel:
    """A transformers model.

    Attributes:
        name: its name in results.
        encoder: runs it.
        dtype: type of the computation.
        bits: bits per weight of quantised weights.
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        dtype: torch.dtype,
        bits: int | None,
        warnings: tuple[str, ...],
    ) -> None:
        self.name, self.encoder, self.dtype, self.bits = name, encoder, dtype, bits
        self.n_layers, self.dim = encoder.n_layers, encoder.dim
        self._warnings = warnings

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about where it comes from and about how it is run."""
        return (*self._warnings, *self.encoder.warnings)

    def fingerprint(self) -> dict[str, str]:
        """Checksums of weights with configuration, and of the tokenizer (xxh3, 128 bit)."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What else the states depend on, in codes."""
        return {
            "window": self.encoder.limit,
            "batches": "padded" if self.encoder.behaviour.padded else "of one length",
            "layers": self.encoder.convention.codes(),
            "computed_in": str(self.dtype).removeprefix("torch."),
            "weight_bits": self.bits,
        }

    def release(self) -> None:
        """Free the memory of the weights."""
        self.encoder.held.release()

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> WordReader:
        """A reader that computes the vectors of words."""
        return WordReader(self.encoder, subwords, batch_tokens)
