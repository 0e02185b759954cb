"""Transfer rows: the tables of transfer, from what every trained model said of test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from probekit.stats.bootstrap import interval
from probekit.tuning.data import Data
from probekit.tuning.efficiency import efficiency, isotonic
from probekit.tuning.kept_cells import Coordinates
from probekit.tuning.metrics import METRICS
from probekit.tuning.outcome import Outcome
from probekit.tuning.predicted import majority
from probekit.tuning.resampled_curves import Curves, resampled_curves
from probekit.tuning.transferred import CurveRow, FactorRow, TransferRow

PRETRAINED = ("frozen", "full")
REFERENCES = ("scratch", "ngrams", "static")


@dataclass(frozen=True)
class Measured:
    """All trained models of a run.

    Attributes:
        model: the name of the checkpoint.
        data: all examples.
        methods, labels, seeds: what was tried; labels ascend.
        outcomes: of every cell.
        examples: labels in the sample of each number of labels and seed.
    """

    model: str
    data: Data
    methods: tuple[str, ...]
    labels: tuple[int, ...]
    seeds: tuple[int, ...]
    outcomes: Mapping[Coordinates, Outcome]
    examples: Mapping[tuple[int, int], int]

    def array(self, of: str) -> np.ndarray:
        """`(methods, labels, seeds, …)` of an attribute of the outcomes."""
        found = []
        for method in self.methods:
            for labels in self.labels:
                for seed in self.seeds:
                    found.append(getattr(self.outcomes[Coordinates(method, labels, seed)], of))
        shape = len(self.methods), len(self.labels), len(self.seeds)
        stacked = np.array(found)
        return stacked.reshape(*shape, *stacked.shape[1:])

    def curves(self) -> Curves:
        """The scores, and their resamples."""
        gold, groups = self.data.splits["test"].labelled()
        return resampled_curves(self.data.metrics[0], gold, groups, self.array("said"))


def transfer_rows(measured: Measured, curves: Curves) -> list[TransferRow]:
    """One row for each trained model."""
    data = measured.data
    rows = []
    for cell in np.ndindex(curves.cells.shape):
        method, labels = measured.methods[cell[0]], measured.labels[cell[1]]
        seed = measured.seeds[cell[2]]
        outcome = measured.outcomes[Coordinates(method, labels, seed)]
        rows.append(
            TransferRow(
                model=measured.model,
                data=data.name,
                method=method,
                train_examples=labels,
                seed=seed,
                metric=data.metrics[0],
                score=float(curves.cells[cell]),
                ci_low=float(curves.cell_ends[(0, *cell)]),
                ci_high=float(curves.cell_ends[(1, *cell)]),
                dev_score=outcome.dev_score,
                chosen=f"{outcome.chosen:g}",
                train_labels=measured.examples[labels, seed],
                test_examples=len(data.splits["test"]),
                seconds=outcome.seconds,
            )
        )
    return rows


def curve_rows(measured: Measured, curves: Curves) -> list[CurveRow]:
    """One row for each method and number of labels."""
    data, dev = measured.data, measured.array("dev_score").mean(axis=2)
    rows = []
    for cell in np.ndindex(curves.means.shape):
        rows.append(
            CurveRow(
                model=measured.model,
                data=data.name,
                method=measured.methods[cell[0]],
                train_examples=measured.labels[cell[1]],
                seeds=len(measured.seeds),
                metric=data.metrics[0],
                score=float(curves.means[cell]),
                ci_low=float(curves.ends[(0, *cell)]),
                ci_high=float(curves.ends[(1, *cell)]),
                dev_score=float(dev[cell]),
                majority=chance(data),
            )
        )
    return rows


def chance(data: Data) -> float:
    """The score of always saying the most frequent label, or the mean number."""
    said = majority(data)
    return METRICS[data.metrics[0]].score(said.gold, said.said)


def factor_rows(measured: Measured, curves: Curves) -> list[FactorRow]:
    """One row for each reference, where there is a pre-trained method."""
    ours = [i for i, method in enumerate(measured.methods) if method in PRETRAINED]
    if not ours:
        return []
    dev = measured.array("dev_score").mean(axis=2)
    chosen = np.array(ours)[dev[ours].argmax(axis=0)]
    places = np.arange(len(measured.labels))
    scores, resampled = curves.means[chosen, places], curves.resampled[chosen, places].T
    recipes = [
        f"{labels}:{measured.methods[i]}" for labels, i in zip(measured.labels, chosen, strict=True)
    ]
    labels = np.array(measured.labels)
    rows = []
    for method in [one for one in REFERENCES if one in measured.methods]:
        i = measured.methods.index(method)
        reference = curves.means[i]
        found = efficiency(labels, scores, reference, (resampled, curves.resampled[i].T))
        bound, value, needed = _of_factor(found.value, labels)
        rows.append(
            FactorRow(
                model=measured.model,
                data=measured.data.name,
                reference=method,
                pretrained=" ".join(recipes),
                train_examples=int(labels[-1]),
                fewest=int(labels[0]),
                seeds=len(measured.seeds),
                metric=measured.data.metrics[0],
                score=float(isotonic(reference[None])[0, -1]),
                needed=needed,
                bound=bound,
                factor=value,
                ci_low=min(found.low, float(labels[-1] / labels[0])),
                ci_high=math.nan if math.isinf(found.high) else found.high,
            )
        )
    return rows


def _of_factor(value: float, labels: np.ndarray) -> tuple[str, float, float]:
    """The bound, the factor or the end of the scale, and the labels needed."""
    if math.isinf(value):
        return "more than", float(labels[-1] / labels[0]), math.nan
    if value == 0:
        return "less than", 1.0, math.nan
    return "", value, float(labels[-1] / value)


def warnings_of(measured: Measured, curves: Curves) -> list[str]:
    """A warning for each reference over which a factor says little."""
    found = []
    for i, method in enumerate(measured.methods):
        if method in REFERENCES:
            found += _learnt_nothing(measured, curves, i) or _levelled_off(measured, curves, i)
    return found


def _learnt_nothing(measured: Measured, curves: Curves, method: int) -> list[str]:
    """A warning where a method is not above the majority with all its labels.

    What counts is the interval over test texts, the mean over seeds: that over few seeds is wide.
    """
    floor = chance(measured.data)
    if not curves.cell_ends[0, method, -1].mean() <= floor:
        return []
    return [
        f"{measured.methods[method]} with {measured.labels[-1]:,} labels is not clearly above "
        f"always saying the most frequent label ({floor:.3f}): a factor over it says little"
    ]


def _levelled_off(measured: Measured, curves: Curves, method: int) -> list[str]:
    """A warning where a method is no better with all its labels than with the next fewer ones.

    What counts is the interval of the gain over test texts, the mean over seeds.
    """
    before, after = curves.over_texts[method, -2:]
    low, _ = interval((after - before)[None])
    if not low[0] <= 0:
        return []
    name, (fewer, every) = measured.methods[method], measured.labels[-2:]
    return [
        f"{name} is not clearly better with {every:,} labels than with {fewer:,}: it needs fewer "
        "itself, and a factor over it says little"
    ]
