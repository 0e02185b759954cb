"""Mix rows: what mixes of layers say of where a task is solved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from probekit.probes.answers import metric_of
from probekit.probes.fitted import Fitted
from probekit.probes.resampled_scores import resampled_scores
from probekit.probes.score_rows import Before, Measured
from probekit.results import columns
from probekit.results.columns import CHANGE, UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import interval, widened
from probekit.stats.layers import centre_of_gravity, divergence_from_uniform, expected_layer

LEAST_GAIN = 0.01  # of the score, below which it is hardly to be spread over layers


@dataclass(frozen=True, kw_only=True)
class MixRow(Measured):
    """One model, task and kind of probe; means over seeds."""

    score: Annotated[float, Means("of the mix of all layers, on the test split", UNIT), Before]
    gain: Annotated[
        float, Means("`score` less that of the lowest layer read, alone", CHANGE), Before
    ]
    gain_low: Annotated[columns.Low, Before]
    gain_high: Annotated[columns.High, Before]
    expected_layer: Annotated[
        float, Means("where the score is gained, by cumulative mixes", "layers"), Before
    ]
    expected_low: Annotated[float, Means("lower end of its 95% interval", "layers"), Before]
    expected_high: Annotated[float, Means("upper end of its 95% interval", "layers"), Before]
    centre_of_gravity: Annotated[
        float, Means("mean layer, by the shares in the mix of all layers", "layers"), Before
    ]
    divergence: Annotated[
        float, Means("of these shares from equal ones (Kullback-Leibler)", "bits"), Before
    ]
    seeds: Annotated[int, Means("how many mixes", "from 1"), Before]


@dataclass(frozen=True, kw_only=True)
class DifferentialRow(Measured):
    """What one layer adds to the mix of the layers below it; means over seeds."""

    layer: Annotated[int, Means("the layer added", "from 1"), Precedes("metric")]
    score: Annotated[float, Means("of the mix with it, on the test split", UNIT), Before]
    differential: Annotated[
        float, Means("`score` less that of the mix of the layers below it that are read", CHANGE)
    ]
    differential_low: columns.Low
    differential_high: columns.High
    seeds: Annotated[int, Means("how many mixes", "from 1"), Before]


@dataclass(frozen=True, kw_only=True)
class ShareRow(Measured):
    """One layer in one mix."""

    up_to: Annotated[int, Means("the highest layer of the mix", "from 1"), Precedes("metric")]
    layer: Annotated[int, Means("the layer", "from 0"), Precedes("metric")]
    seed: Annotated[int, Means("of the initial weights", "from 0"), Before]
    share: Annotated[float, Means("its weight in the mix; those of a mix sum to 1", UNIT), Before]


_TASK = ("model", "task", "corpus", "probe")
MIXES = schema_of("mixes", "a kind of probe", MixRow, _TASK)
DIFFERENTIAL = schema_of(
    "differential_scores", "a layer above the lowest one", DifferentialRow, (*_TASK, "layer")
)
MIX_SHARES = schema_of("mix_shares", "a layer", ShareRow, (*_TASK, "up_to", "layer", "seed"))


class Cumulative(NamedTuple):
    """Mixes of one layer, two layers, and so on to all.

    Attributes:
        layers: the highest layer of each, `(k,)`.
        scores: on test, `(k,)`.
        resampled: those of resamples of its sentences, `(k, resamples)`.
    """

    layers: tuple[int, ...]
    scores: np.ndarray
    resampled: np.ndarray


def differential_rows(
    gold: Fitted, mixes: Fitted, cumulative: Cumulative, about: Mapping[str, Any]
) -> Iterator[DifferentialRow]:
    """A row for each layer but the lowest one (Tenney et al. 2019, equation 3).

    Args: as for `mix_rows`.
    """
    differences = np.diff(cumulative.scores)
    groups = gold.question.splits["test"].n_groups
    spread = widened(np.diff(cumulative.resampled, axis=0), differences, groups)
    most = metric_of(gold.question.task).largest_difference
    lows, highs = np.clip(interval(spread), -most, most)
    for i, difference in enumerate(differences.tolist()):
        yield DifferentialRow(
            **about,
            probe=gold.head,
            layer=cumulative.layers[i + 1],
            score=float(cumulative.scores[i + 1]),
            differential=difference,
            differential_low=float(lows[i]),
            differential_high=float(highs[i]),
            seeds=len(mixes.seeds),
        )


def cumulative_scores(gold: Fitted, mixes: Fitted) -> Cumulative:
    """The mix of the lowest layer alone, which is that layer, and those that reach further.

    Args:
        gold: probes of single layers.
        mixes: cumulative mixes of the same layers.
    """
    first, first_resampled = resampled_scores(gold)
    scores, resampled = resampled_scores(mixes)
    return Cumulative(
        (gold.layers[0], *mixes.layers),
        np.concatenate([first[:1], scores]),
        np.concatenate([first_resampled[:1], resampled]),
    )


def mix_rows(
    gold: Fitted, mixes: Fitted, cumulative: Cumulative, about: Mapping[str, Any]
) -> tuple[list[MixRow], list[str]]:
    """The row of a task, and a warning where its gain is too small to be spread over layers, or
    not all layers were read.

    Args:
        gold: probes of single layers.
        mixes: cumulative mixes of the same layers.
        cumulative: their scores.
        about: the columns that identify the task.
    """
    layers, scores, resampled = cumulative
    gain = scores[-1] - scores[0]
    groups = gold.question.splits["test"].n_groups
    gains = widened(resampled[-1:] - resampled[:1], np.array([gain]), groups)
    most = metric_of(gold.question.task).largest_difference
    gain_low, gain_high = np.clip(interval(gains), -most, most)[:, 0].tolist()
    warnings = []
    if not can_be_spread(gain, gain_low):
        warnings.append(
            f"{gold.question.task.name}: layers above {layers[0]} add {100 * gain:+.1f} points "
            f"(95% interval {100 * gain_low:+.1f} to {100 * gain_high:+.1f}): too little to be "
            "spread over layers, so that the expected layer means nothing"
        )
    warnings += _not_read(gold.question.task.name, layers)
    expected = expected_layer(scores, layers)
    each = np.array([expected_layer(column, layers) for column in resampled.T])
    known = each[np.isfinite(each)]
    expected_low, expected_high = (float("nan"), float("nan"))
    if len(known):
        ends = interval(widened(known[None], np.array([expected]), groups))
        expected_low, expected_high = (float(end[0]) for end in ends)
    of_all = mixes.shares[-1].mean(axis=0)
    row = MixRow(
        **about,
        probe=gold.head,
        score=float(scores[-1]),
        gain=float(gain),
        gain_low=gain_low,
        gain_high=gain_high,
        expected_layer=expected,
        expected_low=expected_low,
        expected_high=expected_high,
        centre_of_gravity=centre_of_gravity(of_all, gold.layers),
        divergence=divergence_from_uniform(of_all),
        seeds=len(mixes.seeds),
    )
    return [row], warnings


def can_be_spread(gain: Any, gain_low: Any) -> Any:
    """Whether a gain, a number or a column of them, is large enough to be spread over layers."""
    return (gain >= LEAST_GAIN) & (gain_low > 0)


def _not_read(task: str, layers: Sequence[int]) -> Iterator[str]:
    """A warning where layers are missing that the expected layer is a mean of."""
    if layers[0]:
        yield f"{task}: there is no expected layer without layer 0, which was not read"
    elif len(layers) <= layers[-1]:
        yield (
            f"{task}: not all layers up to {layers[-1]} were read, and what a missing one adds is "
            "counted for the next one: the expected layer is too high"
        )


def share_rows(
    mixes: Fitted, layers: Sequence[int], about: Mapping[str, Any]
) -> Iterator[ShareRow]:
    """A row for each mix, seed and layer that it reads."""
    for i, view in enumerate(mixes.views):
        for j, seed in enumerate(mixes.seeds):
            for layer in view.layers:
                yield ShareRow(
                    **about,
                    probe=mixes.head,
                    up_to=view.layer,
                    layer=layer,
                    seed=seed,
                    share=float(mixes.shares[i, j, list(layers).index(layer)]),
                )
