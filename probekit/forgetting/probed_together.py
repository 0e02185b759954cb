"""Probed together: what needs the states of checkpoints, done while these are at hand.

Probes are trained and refitted, read the states after through maps, and samples of vectors are
taken. With states on disk that is one portion of all layers; without, of a few layers at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from probekit.errors import InputError
from probekit.forgetting.findings import Findings
from probekit.forgetting.kept_probes import LABELS, TREES, trained_once
from probekit.forgetting.similarity import sample
from probekit.forgetting.through_maps import ByMap, joined_maps, through_maps
from probekit.probes.answers import AnyFitted
from probekit.probes.fit import fit_together
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted, joined
from probekit.probes.in_turn import in_turn
from probekit.probes.refits import with_refits
from probekit.probes.structural.fitted_trees import FittedTrees, joined_trees
from probekit.probes.structural.tree_fit import fit_trees
from probekit.probes.structural.tree_refits import trees_with_refits
from probekit.probes.view import View
from probekit.progress import Progress, as_part
from probekit.states.states import States
from probekit.states.sweep import Sweep
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion

Portion = tuple[Vectors, tuple[View, ...]]
"""Vectors of a checkpoint, and the layers that are at hand (see `in_turn`)."""


class Probing(NamedTuple):
    """How checkpoints are probed.

    Attributes:
        probe: the kind of probe.
        seeds: of the probes.
        fit: how probes are trained.
        resamples: how many resamples of the training sentences they are refitted on.
        progress: is called with the stage, the units done and the number of units.
    """

    probe: str
    seeds: tuple[int, ...]
    fit: FitSettings
    resamples: int
    progress: Progress

    def described(self) -> str:
        """All of it that changes a probe."""
        return repr((self.probe, self.seeds, self.fit, self.resamples))


@dataclass
class Probed:
    """What was found of a checkpoint, in parts of some layers each.

    Attributes:
        fits: the probes of each question about labels, by part.
        trees: the structural probes of each structural question, by part.
        maps: what the first checkpoint's probes predict from its states, by part; empty for the
            first.
        samples: vectors of some test words, `(layers, words, dim)`, by part.
    """

    fits: list[list[Fitted]] = field(default_factory=list)
    trees: list[list[FittedTrees]] = field(default_factory=list)
    maps: list[list[ByMap]] = field(default_factory=list)
    samples: list[np.ndarray] = field(default_factory=list)

    def trained(self) -> list[AnyFitted]:
        """The probes of each question, of all layers: first those of labels."""
        labels = [joined(of_question) for of_question in zip(*self.fits, strict=True)]
        trees = [joined_trees(of_question) for of_question in zip(*self.trees, strict=True)]
        return [*labels, *trees]

    def through(self) -> list[ByMap]:
        """What is read in answer to each question, of all pairs of layers, in the same order."""
        return [joined_maps(of_question) for of_question in zip(*self.maps, strict=True)]

    def sample(self) -> np.ndarray:
        """The sample of all layers."""
        return np.concatenate(self.samples)


def probed_together(
    found: Findings,
    checkpoints: Sequence[States],
    questions: Sequence[Question],
    trees: Sequence[TreeQuestion],
    how: Probing,
) -> list[Probed]:
    """What is found of each checkpoint; the others are compared with the first.

    Args:
        found: what was found so far; warnings and seconds are added to it.
        checkpoints: the states of each.
        questions: about labels.
        trees: structural ones.
        how: they are probed.

    Raises InputError where states that are not kept are of other layers than the others'.
    """
    _require_one_pace(checkpoints)
    probed = [Probed() for _ in checkpoints]
    is_alone = len(checkpoints) == 1
    advancing = [in_turn(states, is_alone) for states in checkpoints]
    for portions in zip(*advancing, strict=True):
        if questions:
            _fit(found, probed, checkpoints, portions, questions, how)
        if trees:
            _fit_trees(found, probed, checkpoints, portions, trees, how)
        _measure(found, probed, checkpoints, portions, how.progress)
    return probed


def _fit(
    found: Findings,
    probed: Sequence[Probed],
    checkpoints: Sequence[States],
    portions: Sequence[Portion],
    questions: Sequence[Question],
    how: Probing,
) -> None:
    """Add the probes of the layers at hand."""

    def train(missing: list[int]) -> list[list[Fitted]]:
        return _trained(found, [portions[number] for number in missing], questions, how)

    read = _read(checkpoints, portions)
    fits = trained_once(LABELS, read, questions, how.described(), train)
    for one, of_checkpoint in zip(probed, fits, strict=True):
        one.fits.append(of_checkpoint)


def _read(
    checkpoints: Sequence[States], portions: Sequence[Portion]
) -> list[tuple[States, tuple[View, ...]]]:
    """The states of each checkpoint, with the layers at hand."""
    views = [portion[1] for portion in portions]
    return list(zip(checkpoints, views, strict=True))


def _trained(
    found: Findings, portions: Sequence[Portion], questions: Sequence[Question], how: Probing
) -> list[list[Fitted]]:
    """The probes of each checkpoint, with their refits."""
    vectors, views = zip(*portions, strict=True)
    n_layers = sum(len(of_checkpoint) for of_checkpoint in views)
    found.probes_trained += n_layers * len(questions) * len(how.seeds)
    with found.timed("fit"):
        fits = fit_together(
            vectors,
            questions,
            probe=how.probe,
            seeds=how.seeds,
            settings=how.fit,
            views=views[0] if len(set(views)) == 1 else None,
            progress=how.progress,
        )
    if how.resamples:
        with found.timed("refit"):
            fits = with_refits(fits, vectors, how.resamples, how.fit, how.progress)
    return fits


def _fit_trees(
    found: Findings,
    probed: Sequence[Probed],
    checkpoints: Sequence[States],
    portions: Sequence[Portion],
    trees: Sequence[TreeQuestion],
    how: Probing,
) -> None:
    """Likewise the structural probes."""

    def train(missing: list[int]) -> list[list[FittedTrees]]:
        return _trained_trees(found, [portions[number] for number in missing], trees, how)

    read = _read(checkpoints, portions)
    fits = trained_once(TREES, read, trees, how.described(), train)
    for one, of_checkpoint in zip(probed, fits, strict=True):
        one.trees.append(of_checkpoint)


def _trained_trees(
    found: Findings, portions: Sequence[Portion], trees: Sequence[TreeQuestion], how: Probing
) -> list[list[FittedTrees]]:
    """The structural probes of each checkpoint, with their refits."""
    fits = []
    with found.timed("fit"):
        for place, (vectors, views) in enumerate(portions):
            layers = [view.layer for view in views]
            found.probes_trained += len(layers) * len(trees) * len(how.seeds)
            trained = fit_trees(
                vectors,
                trees,
                probe=how.probe,
                seeds=how.seeds,
                settings=how.fit,
                layers=layers,
                progress=as_part(how.progress, "fit trees", place, 1, len(portions)),
            )
            fits.append(trained)
    if not how.resamples:
        return fits
    with_all = []
    with found.timed("refit"):
        for place, (of_checkpoint, (vectors, _)) in enumerate(zip(fits, portions, strict=True)):
            report = as_part(how.progress, "refit trees", place, 1, len(portions))
            with_all.append(
                trees_with_refits(of_checkpoint, vectors, how.resamples, how.fit, report)
            )
    return with_all


def _measure(
    found: Findings,
    probed: Sequence[Probed],
    checkpoints: Sequence[States],
    portions: Sequence[Portion],
    progress: Progress,
) -> None:
    """Add what is measured of the layers at hand."""
    first = probed[0]
    labels = first.fits[-1] if first.fits else []
    trees = first.trees[-1] if first.trees else []
    for one, states, (at_hand, views) in zip(probed, checkpoints, portions, strict=True):
        if one is not first:
            with found.timed("decomposition"):
                both = (checkpoints[0], states), (portions[0][0], at_hand)
                one.maps.append(through_maps(*both, labels, trees, progress))
        with found.timed("similarity"):
            one.samples.append(sample(at_hand, [view.layer for view in views]))


def _require_one_pace(checkpoints: Sequence[States]) -> None:
    """Raise InputError where states that are not kept cannot be advanced together."""
    first = checkpoints[0]
    swept = [isinstance(states.values, Sweep) for states in checkpoints]
    if not any(swept):
        return
    for states in checkpoints[1:]:
        if not all(swept) or (states.layers, states.n_layers) != (first.layers, first.n_layers):
            raise InputError(
                f"states='none' computes '{first.model}' and '{states.model}' together, layer by "
                "layer: both must be checkpoints with the same layers, or use states='stored'"
            )
