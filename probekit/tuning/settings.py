"""Tuning settings: how a model is fine-tuned, whatever the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from probekit import doors
from probekit.errors import InputError

TuningDevice = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True)
class TuningSettings:
    """How a model is fine-tuned.

    Attributes:
        rate: the highest learning rate; None for the recipe's own.
        epochs: how often all training examples are read; None for the recipe's own.
        batch: examples per step.
        warmup: share of the steps in which the rate rises, in [0, 1).
        weight_decay: of AdamW.
        seed: of the new weights, the order of examples and dropout.
        examples: training examples, drawn at random and the same for every seed; None for all.
        longest: subwords of a text, special tokens included; longer texts are cut and counted.
        save_every: steps from one checkpoint and its score on dev to the next, besides those at the
            end of each epoch; None for these alone.
        device: where training runs; `auto` is a GPU where there is one.
        allow_pickle: load `pytorch_model.bin` where there are no safetensors; a pickle can run any
            code.
        trust_remote_code: run the Python code of a checkpoint.
    """

    rate: float | None = None
    epochs: int | None = None
    batch: int = 32
    warmup: float = 0.1
    weight_decay: float = 0.01
    seed: int = 0
    examples: int | None = None
    longest: int = 128
    save_every: int | None = None
    device: TuningDevice = "auto"
    allow_pickle: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raise InputError where a field has a value outside its range."""
        for name in ("batch", "longest"):
            doors.at_least_one(name, getattr(self, name))
        for name in ("epochs", "examples", "save_every"):
            if getattr(self, name) is not None:
                doors.at_least_one(name, getattr(self, name))
        if self.rate is not None and not 0 < doors.number("rate", self.rate) <= 1:
            raise InputError(f"rate is {self.rate:g}: it takes a number above 0, up to 1")
        if doors.share("warmup", self.warmup) == 1:
            raise InputError("warmup is 1: the rate would only rise; it takes a number below 1")
        if doors.number("weight_decay", self.weight_decay) < 0:
            raise InputError(f"weight_decay is {self.weight_decay:g}: it takes a number from 0 on")
        if len(doors.whole_numbers("seed", self.seed)) != 1:
            raise InputError("seed takes one whole number")
        doors.choice("device", self.device, get_args(TuningDevice))
        for name in ("allow_pickle", "trust_remote_code"):
            doors.of_type(name, getattr(self, name), bool)
