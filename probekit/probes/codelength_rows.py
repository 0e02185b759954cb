"""Codelength rows: the tables of codes and of learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from probekit.probes.codelength import Code
from probekit.probes.score_rows import Before, Measured
from probekit.results import columns
from probekit.results.columns import UNIT
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import RESAMPLES, interval, resample, widened

Layer = Annotated[int, Means("the layer probed", "from 0"), Precedes("metric")]
Seed = Annotated[int, Means("of the initial weights", "from 0"), Before]


@dataclass(frozen=True, kw_only=True)
class CodeRow(Measured):
    """The code of a task's training labels by one probe."""

    layer: Layer
    seed: Seed
    labels: Annotated[columns.Labels, Before]
    bits: Annotated[float, Means("of the whole code", "bits"), Before]
    bits_per_instance: Annotated[float, Means("`bits` over the instances", "bits"), Before]
    uniform_bits: Annotated[float, Means("of a code that knows nothing", "bits"), Before]
    compression: Annotated[
        float, Means("`uniform_bits` over `bits`; 1 is no better than uniform", "from 0"), Before
    ]
    ci_low: Annotated[
        float, Means("lower end of the 95% interval of `bits`, over sentences", "bits"), Before
    ]
    ci_high: Annotated[float, Means("upper end of it", "bits"), Before]
    n_train: Annotated[columns.TrainInstances, Before]


@dataclass(frozen=True, kw_only=True)
class CurveRow(Measured):
    """One probe of the code: what it was trained on, and how well it does on the next block."""

    layer: Layer
    seed: Seed
    labels: Annotated[columns.Labels, Before]
    sentences: Annotated[
        int, Means("training sentences, or documents where these are read", "from 1"), Before
    ]
    score: Annotated[float, Means("on the block that follows", UNIT), Before]
    bits_per_instance: Annotated[float, Means("of that block", "bits"), Before]
    n_block: Annotated[int, Means("instances of that block", "from 1"), Before]


_PROBE = ("model", "task", "corpus", "probe", "layer", "seed", "labels")
CODELENGTHS = schema_of("codelength", "a probe", CodeRow, _PROBE)
LEARNING_CURVES = schema_of("learning_curves", "a block", CurveRow, (*_PROBE, "sentences"))


def code_rows(code: Code, about: Mapping[str, Any]) -> Iterator[CodeRow]:
    """A row for each view and seed; `about` has the columns that identify the task."""
    total = code.total
    lows, highs = _intervals(code)
    for i, view in enumerate(code.views):
        for j, seed in enumerate(code.seeds):
            bits = float(total[i, j])
            yield CodeRow(
                **about,
                probe=code.head,
                layer=view.layer,
                seed=seed,
                labels=code.question.labels,
                bits=bits,
                bits_per_instance=bits / code.n,
                uniform_bits=code.uniform_bits,
                compression=code.uniform_bits / bits,
                ci_low=float(lows[i, j]),
                ci_high=float(highs[i, j]),
                n_train=code.n,
            )


def curve_rows(code: Code, about: Mapping[str, Any]) -> Iterator[CurveRow]:
    """A row for each view, seed and block."""
    for i, view in enumerate(code.views):
        for j, seed in enumerate(code.seeds):
            for b, sentences in enumerate(code.sentences.tolist()):
                yield CurveRow(
                    **about,
                    probe=code.head,
                    layer=view.layer,
                    seed=seed,
                    labels=code.question.labels,
                    sentences=sentences,
                    score=float(code.scores[i, j, b]),
                    bits_per_instance=float(code.bits[i, j, b] / code.instances[b]),
                    n_block=int(code.instances[b]),
                )


def _intervals(code: Code) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of the bits, `(views, seeds)` each: a bootstrap over the sentences that
    were coded, with the probes as they are."""
    bits = code.by_group.astype(np.float64)
    groups = bits.shape[-1]
    weights = resample(groups, RESAMPLES, np.random.default_rng(0)).astype(np.float64)
    sums = bits.reshape(-1, groups) @ weights.T
    values = code.total.reshape(-1)
    low, high = interval(widened(code.first_bits + sums, values, groups))
    return low.reshape(bits.shape[:2]), high.reshape(bits.shape[:2])
