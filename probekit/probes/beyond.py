"""Beyond: how much a layer tells of the labels that a given layer, such as layer 0, does not tell.

Conditional V-information (Xu et al. 2020; Hewitt et al. 2021, section 3): how many bits of the
labels a probe saves when it reads the layer besides the given one. Where a word alone tells the
label, no context can add to it: a score is high there, and this is zero.

A probe may ignore the layer (optional ignorance: Xu et al. 2020, definition 1): where that of both
layers has the higher loss on dev, the probe of the given layer takes its place. So a layer of noise
has zero bits, not less than zero for the weights that noise costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from probekit.errors import InputError
from probekit.probes.evaluate import NATS_IN_A_BIT
from probekit.probes.fitted import Fitted
from probekit.probes.score_rows import Before, Measured
from probekit.results.schema import Means, Precedes, schema_of
from probekit.states.vectors import Vectors
from probekit.stats.bootstrap import bootstrap, interval, widened


@dataclass(frozen=True, kw_only=True)
class BeyondRow(Measured):
    """One model, task, kind of probe and layer; means over seeds."""

    layer: Annotated[int, Means("the layer probed", "from 0"), Precedes("metric")]
    given: Annotated[int, Means("the layer that is read besides it", "from 0"), Precedes("metric")]
    bits: Annotated[
        float,
        Means("what `layer` tells beyond `given`: `bits_given` less `bits_both`", "bits"),
        Before,
    ]
    ci_low: Annotated[
        float, Means("lower end of the 95% interval of `bits`, over sentences", "bits"), Before
    ]
    ci_high: Annotated[float, Means("upper end of it", "bits"), Before]
    bits_given: Annotated[
        float, Means("cross-entropy of the labels for probes of `given` alone", "bits"), Before
    ]
    bits_both: Annotated[float, Means("the same for probes of both layers", "bits"), Before]
    n_test: Annotated[
        int,
        Means("test instances whose label occurs in training; only they count", "from 0"),
        Before,
    ]
    seeds: Annotated[int, Means("how many probes of each layer", "from 1"), Before]


BEYOND = schema_of(
    "beyond",
    "a kind of probe at one layer",
    BeyondRow,
    ("model", "task", "corpus", "probe", "layer", "given"),
)


def require_given(states: Vectors, given: int) -> None:
    """Raise InputError where the given layer is not read, or is the only one."""
    layers = ", ".join(map(str, states.layers))
    if given not in states.layers:
        raise InputError(f"beyond={given}: this layer is not read; take one of {layers}")
    if len(states.layers) == 1:
        raise InputError(f"beyond={given} is the only layer that is read: read another one too")


def beyond_rows(fitted: Fitted, given: int, about: Mapping[str, Any]) -> Iterator[BeyondRow]:
    """A row for each layer but the given one.

    Args:
        fitted: probes of every layer beside the given one (see `states.beside`).
        given: its number.
        about: the columns that identify the model, the task and the corpus.
    """
    test = fitted.question.splits["test"]
    known = np.isfinite(fitted.losses).all(axis=(0, 1))
    place = fitted.layers.index(given)
    losses = _where_of_use(fitted, place)[..., known].mean(axis=1) / NATS_IN_A_BIT
    alone = losses[place]
    groups = np.unique(test.groups[known], return_inverse=True)[1]
    n_groups = int(groups.max(initial=-1)) + 1
    # Both probes answer the same instances: their difference is paired.
    counts = np.empty((len(losses), n_groups, 2))
    for number, saved in enumerate(alone - losses):
        counts[number, :, 0] = np.bincount(groups, saved, n_groups)
        counts[number, :, 1] = np.bincount(groups, minlength=n_groups)
    bits = _mean(counts.sum(axis=1))
    lows, highs = interval(widened(bootstrap(_mean, counts), bits, n_groups))
    for i, layer in enumerate(fitted.layers):
        if layer == given:
            continue
        yield BeyondRow(
            **about,
            probe=fitted.head,
            layer=layer,
            given=given,
            bits=float(bits[i]),
            ci_low=float(lows[i]),
            ci_high=float(highs[i]),
            bits_given=float(alone.mean()),
            bits_both=float(losses[i].mean()),
            n_test=int(known.sum()),
            seeds=len(fitted.seeds),
        )


def _where_of_use(fitted: Fitted, given: int) -> np.ndarray:
    """Losses on test `(layers, seeds, n)`, in nats: of probes that ignore a layer that does not
    help on dev. `given` is the place of the given layer."""
    losses = fitted.losses.astype(np.float64)
    is_ignored = fitted.dev_loss > fitted.dev_loss[given]
    return np.where(is_ignored[..., None], losses[given], losses)


def _mean(counts: np.ndarray) -> np.ndarray:
    """Bits per instance `(…)`, of bits and instances `(…, 2)`."""
    return np.asarray(counts[..., 0] / counts[..., 1])
