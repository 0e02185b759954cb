"""Settings: how a corpus is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from probekit import doors
from probekit.models.checkpoint import EncoderSettings
from probekit.models.words import PieceVector
from probekit.states.store import StoreDtype


@dataclass(frozen=True)
class ExtractSettings:
    """How a corpus is read.

    Attributes:
        pieces: a word's vector is the `mean` of its pieces', or the `first` or `last` one's.
        layers: the layers kept; empty for all.
        batch_tokens: pieces a batch, padding included; None for what suits the device.
        store_dtype: of the values on disk.
        encoder: how the checkpoint is loaded and run.
    """

    pieces: PieceVector = "mean"
    layers: tuple[int, ...] = ()
    batch_tokens: int | None = None
    store_dtype: StoreDtype = "float16"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)

    def __post_init__(self) -> None:
        """Raise InputError for a value that is none of its field's."""
        doors.choice("pieces", self.pieces, get_args(PieceVector))
        object.__setattr__(self, "layers", doors.whole_numbers("layers", self.layers))
        if self.batch_tokens is not None:
            doors.at_least_one("batch_tokens", self.batch_tokens)
        doors.choice("store_dtype", self.store_dtype, get_args(StoreDtype))
        doors.of_type("encoder", self.encoder, EncoderSettings)
