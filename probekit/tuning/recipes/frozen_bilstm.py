"""Frozen BiLSTM: feature-based transfer, a BiLSTM over a learned mix of frozen layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from probekit.errors import InputError
from probekit.states.states import States
from probekit.tuning.bilstm_head import BilstmHead
from probekit.tuning.data import Data
from probekit.tuning.features import Features, collated_sequences, sequences
from probekit.tuning.mixed_head import HeadShape
from probekit.tuning.recipes.frozen import Frozen


@dataclass(frozen=True)
class FrozenBilstm(Frozen):
    """As `frozen`, with a BiLSTM between the mix and the linear head, which can learn from the
    order of words. A text's vector is the maximum of its outputs over words.

    Attributes:
        dropout: of what the BiLSTM and the linear head read.
        hidden: width of each direction.
        depth: layers of the BiLSTM.
    """

    NAME: ClassVar[str] = "frozen-bilstm"
    TITLE: ClassVar[str] = "a BiLSTM over a learned mix of frozen layers"
    SOURCE: ClassVar[str] = "Peters et al. 2018; Devlin et al. 2019 with two layers of 768"
    RATE: ClassVar[float] = 1e-3
    EPOCHS: ClassVar[int] = 10

    hidden: int = 200
    depth: int = 1

    def __post_init__(self) -> None:
        """Raise InputError for a BiLSTM of nothing."""
        for name in ("hidden", "depth"):
            if getattr(self, name) < 1:
                raise InputError(f"recipe_settings: {name} takes a whole number from 1 on, not 0")

    def head(self, shape: HeadShape) -> torch.nn.Module:
        """The BiLSTM with its linear head."""
        return BilstmHead(shape, self.dropout, self.hidden, self.depth)

    def features(self, states: States, data: Data, split: str) -> Features:
        """The states of every word."""
        return sequences(states, data, split)

    def collated(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of examples, filled up to the longest text."""
        return collated_sequences(examples)
