"""Behaviour metrics: functions of counts that add up over sentences, as those of METRICS do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probekit.stats.metrics import accuracy

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class BehaviourMetric:
    """What is measured of a language model's predictions.

    Attributes:
        name: what tasks and tables call it.
        label: a short name, for pictures.
        meaning: its definition, in one line.
        source: where it is defined.
        score: makes scores `(…)` of counts `(…, 2)` that are summed over sentences.
        low, high: the least and the greatest score.
        chance: the score of a model that knows nothing; None where there is no such number.
    """

    name: str
    label: str
    meaning: str
    source: str
    score: Callable[[np.ndarray], np.ndarray]
    low: float = 0.0
    high: float = 1.0
    chance: float | None = None

    @property
    def largest_difference(self) -> float:
        """The largest difference that two scores can have."""
        return self.high - self.low


def per_word(counts: np.ndarray) -> np.ndarray:
    """Bits / words `(…)`, from counts `(…, 2)`; 0 where there are no words."""
    bits, words = counts[..., 0], counts[..., 1]
    return bits / words.clip(min=1)


_ENTRIES = (
    BehaviourMetric(
        name="accuracy",
        label="acc",
        meaning="share of pairs whose first sentence the model finds more likely; ties count half",
        source="Marvin and Linzen 2018; Warstadt et al. 2020",
        score=accuracy,
        chance=0.5,
    ),
    BehaviourMetric(
        name="bits",
        label="bits",
        meaning="cross-entropy of running text in bits per word: lower is better",
        source="Shannon 1951; of masked models Salazar et al. 2020",
        score=per_word,
        high=math.inf,
    ),
    BehaviourMetric(
        name="kl",
        label="KL",
        meaning=(
            "divergence of the model's predictions from those of a reference, in bits per word: "
            "0 where they are equal"
        ),
        source="Kullback and Leibler 1951",
        score=per_word,
        low=0.0,
        high=math.inf,
    ),
)
BEHAVIOUR_METRICS: dict[str, BehaviourMetric] = {metric.name: metric for metric in _ENTRIES}

OF_BEHAVIOUR: Mapping[str, tuple[str, ...]] = {"minimal-pair": ("accuracy",), "text": ("bits",)}
"""The metrics of each shape; `text` is also measured by `kl` where there is a reference."""
