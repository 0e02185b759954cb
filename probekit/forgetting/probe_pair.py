"""Probe pair: one task's probes of two checkpoints, with their layers paired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from probekit.forgetting.comparison_rows import Compared, ComparedTask
from probekit.forgetting.layers import layer_pairs, partners
from probekit.probes import identity
from probekit.probes.answers import AnyFitted, AnyQuestion
from probekit.probes.structural.fitted_trees import FittedTrees
from probekit.probes.structural.tree_rows import best_baseline
from probekit.states.states import States
from probekit.stats.tree_metrics import OF_SHAPES


@dataclass(frozen=True)
class ProbePair:
    """The probes of a task, before and after.

    Attributes:
        about: the two checkpoints and the task, which its rows share in every table.
        question: the task, and the instances that both answered.
        layers: (layer before, layer after) of each pair.
        before, after: the probes, of all layers.
        alike: whether both models have the same number of layers, so that a layer lacks a partner
            only where that was not read.
        origins: the layer before at the same depth as each layer after, where there is one.
        floor: score of the baseline above which retention counts.
    """

    about: ComparedTask
    question: AnyQuestion
    layers: tuple[tuple[int, int], ...]
    before: AnyFitted
    after: AnyFitted
    alike: bool
    origins: dict[int, int]
    floor: float

    def by_other_metrics(self) -> Iterator[ProbePair]:
        """The same probes of trees, once for each metric of their shape besides the task's own."""
        first, second = self.before, self.after
        if not isinstance(first, FittedTrees) or not isinstance(second, FittedTrees):
            return
        for name in OF_SHAPES[first.question.task.shape]:
            if name != first.question.task.metric:
                before, after = first.by_metric(name), second.by_metric(name)
                floor = best_baseline(before.question)
                yield replace(
                    self, question=before.question, before=before, after=after, floor=floor
                )

    @property
    def candidates(self) -> tuple[list[int], list[int]]:
        """Places of the layers among which the best is chosen, before and after.

        All, or where both models have the same number of layers, those read in both.
        """
        if self.alike:
            return self.places
        return list(range(len(self.before.layers))), list(range(len(self.after.layers)))

    @property
    def places(self) -> tuple[list[int], list[int]]:
        """Places of the paired layers among those fitted, before and after."""
        first = [self.before.layers.index(a) for a, _ in self.layers]
        second = [self.after.layers.index(b) for _, b in self.layers]
        return first, second


def probe_pairs(
    about: Compared,
    states: tuple[States, States],
    fitted: Sequence[tuple[AnyFitted, AnyFitted]],
    floors: Sequence[float],
    fit_fingerprint: str,
) -> list[ProbePair]:
    """The probe pair of each task.

    Args:
        about: the two checkpoints.
        states: of the checkpoint before and the one after.
        fitted: the probes of each task, before and after.
        floors: score of each task's baseline.
        fit_fingerprint: of how probes were trained.
    """
    before, after = states
    layers = tuple(layer_pairs(before, after))
    alike = before.n_layers == after.n_layers
    origins = dict(partners(after, before))
    pairs = []
    for (first, second), floor in zip(fitted, floors, strict=True):
        task = first.question.task
        about_task = ComparedTask(
            **vars(about),
            task=task.name,
            task_fingerprint=identity.of_task(task)["task_fingerprint"],
            fit_fingerprint=fit_fingerprint,
        )
        pairs.append(
            ProbePair(about_task, first.question, layers, first, second, alike, origins, floor)
        )
    return pairs
