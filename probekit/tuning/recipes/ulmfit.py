"""Ulmfit: discriminative rates, slanted triangular rates, gradual unfreezing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from transformers import TrainerCallback

from probekit.tuning.depth import depths
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe, Scale


@dataclass(frozen=True)
class Ulmfit(Recipe):
    """Lower layers learn more slowly, the rate rises briefly and decays for long, and layers are
    unfrozen one after the other from the top.

    The paper unfreezes one layer per epoch, of a model of four. A transformer has more layers than
    its fine-tuning has epochs: unless `per_epoch` is given, as many are unfrozen in each epoch as
    it takes for all to be trained in the last one.

    Attributes:
        discriminative: whether each layer has a rate of its own.
        factor: by which a layer's rate is below that of the next higher layer.
        slanted: whether the schedule is slanted triangular; else it is the linear one.
        cut_frac: the share of steps in which the rate rises.
        ratio: how much lower the lowest rate is than the highest.
        gradual: whether layers are unfrozen one after the other.
        per_epoch: layers unfrozen with each epoch, the first of which trains the head; 0 for as
            many as it takes.
    """

    NAME: ClassVar[str] = "ulmfit"
    TITLE: ClassVar[str] = "discriminative and slanted triangular rates, gradual unfreezing"
    SOURCE: ClassVar[str] = "Howard and Ruder 2018"
    RATE: ClassVar[float] = 1e-3

    discriminative: bool = True
    factor: float = 2.6
    slanted: bool = True
    cut_frac: float = 0.1
    ratio: float = 32.0
    gradual: bool = True
    per_epoch: int = 0

    def open(self, case: Case) -> Learner:
        """The model; its layers must be told apart."""
        learner = super().open(case)
        if self.gradual or self.discriminative:
            depths(learner.model, self.NAME)
        return learner

    def groups(self, learner: Learner, rate: float) -> list[dict[str, Any]] | None:
        """A group for each layer, weights that decay and those that do not; the top one first."""
        if not self.discriminative:
            return None
        of_layer = depths(learner.model, self.NAME)
        head = max(of_layer.values())
        groups = []
        for layer in range(head, -1, -1):
            own = [(n, p) for n, p in learner.model.named_parameters() if of_layer[n] == layer]
            lr = rate / self.factor ** (head - layer)
            for decays in (True, False):
                chosen = [p for _, p in own if (p.ndim > 1) == decays]
                if chosen:
                    groups.append({"params": chosen, "lr": lr, **({} if decays else _NO_DECAY)})
        return groups

    def schedule(self, steps: int) -> Scale | None:
        """Equation 3 of the paper."""
        if not self.slanted:
            return None
        cut = max(1, math.floor(steps * self.cut_frac))

        def scale(step: int) -> float:
            share = step / cut
            if step >= cut:
                share = 1 - (step - cut) / (cut * (1 / self.cut_frac - 1))
            return (1 + max(0.0, share) * (self.ratio - 1)) / self.ratio

        return scale

    def callbacks(self, learner: Learner, epochs: int) -> Sequence[Any]:
        """The one that unfreezes layers."""
        if not self.gradual:
            return ()
        return (Unfreezing(depths(learner.model, self.NAME), self.per_epoch, epochs),)


_NO_DECAY = {"weight_decay": 0.0}


class Unfreezing(TrainerCallback):
    """Freezes, at the beginning of each epoch, the layers whose time has not come."""

    def __init__(self, of_layer: dict[str, int], per_epoch: int, epochs: int) -> None:
        """`of_layer`: the layer of each parameter, see `depths`."""
        self.of_layer = of_layer
        self.head = max(of_layer.values())
        self.per_epoch = per_epoch or math.ceil(self.head / max(1, epochs - 1))
        if epochs == 1:
            self.per_epoch = 0
        self.epochs = epochs

    def lowest(self, epoch: int) -> int:
        """The lowest layer trained in an epoch, counted from 0; with one epoch all are."""
        if self.epochs == 1:
            return 0
        return max(0, self.head - epoch * self.per_epoch)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Freeze the layers below the lowest one."""
        lowest = self.lowest(round(state.epoch or 0, 6) // 1)
        for name, parameter in given["model"].named_parameters():
            parameter.requires_grad_(self.of_layer[name] >= lowest)
