"""Settings: how a corpus is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from probekit import doors
from probekit.models.checkpoint import EncoderSettings
from probekit.models.words import SubwordVector
from probekit.states.store import StoreDtype

KeptStates = Literal["stored", "none"]


@dataclass(frozen=True)
class ExtractSettings:
    """How a corpus is read.

    Attributes:
        subwords: the vector of a word: the `mean` of its subwords' vectors, that of the `first` or
            the `last` one, or that of the token `[CLS]` of its text (`cls`).
        layers: the layers to store; empty for all.
        batch_tokens: subwords per batch, padding included; None for a default by device.
        store_dtype: type of the values on disk.
        states: `stored` keeps states on disk; `none` computes them layer by layer for `probe`,
            `compare` and `trace`, and lets go of each layer when its probes are trained.
        encoder: how the checkpoint is loaded and run.
    """

    subwords: SubwordVector = "mean"
    layers: tuple[int, ...] = ()
    batch_tokens: int | None = None
    store_dtype: StoreDtype = "float16"
    states: KeptStates = "stored"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)

    def __post_init__(self) -> None:
        """Raise InputError where a field has a value outside its range."""
        doors.choice("subwords", self.subwords, get_args(SubwordVector))
        object.__setattr__(self, "layers", doors.whole_numbers("layers", self.layers))
        if self.batch_tokens is not None:
            doors.at_least_one("batch_tokens", self.batch_tokens)
        doors.choice("store_dtype", self.store_dtype, get_args(StoreDtype))
        doors.choice("states", self.states, get_args(KeptStates))
        doors.of_type("encoder", self.encoder, EncoderSettings)
