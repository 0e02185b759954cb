"""Trajectory tables: made from what was measured of each checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.forgetting.checkpoint_results import CheckpointResults
from probekit.forgetting.measures import backward_transfer, forgetting, retention
from probekit.forgetting.trajectory import (
    FINGERPRINTS,
    KEYS,
    STEPS,
    BestStepRow,
    FirstToLast,
    SummaryRow,
)
from probekit.forgetting.verdict import over_time
from probekit.probes.answers import AnyQuestion, counts, metric_of
from probekit.stats import paired
from probekit.tasks.task import Task

if TYPE_CHECKING:
    import pandas as pd

VALUES = ["score", "ci_low", "ci_high", "dev_score"]


@dataclass(frozen=True)
class TaskTrajectory:
    """One task on one corpus over all checkpoints; changes count from the first.

    Attributes:
        question: the task and its instances.
        corpus: the corpus' name.
        models: the checkpoints' names.
        steps: of each checkpoint.
        scores: of each checkpoint, one row per layer, means over seeds.
        answers: of each checkpoint, `(layers, seeds, n_test)`; of trees `(layers, seeds, n_test,
            k)`.
    """

    question: AnyQuestion
    corpus: str
    models: tuple[str, ...]
    steps: tuple[int, ...]
    scores: tuple[pd.DataFrame, ...]
    answers: tuple[np.ndarray, ...]

    @property
    def best(self) -> list[int]:
        """The place of the best layer of each checkpoint, chosen on dev."""
        return [int(scores["dev_score"].to_numpy(dtype=float).argmax()) for scores in self.scores]

    @property
    def counts(self) -> dict[str, Any]:
        """How many test instances, sentences or documents, and probes there are, and which."""
        test = self.question.splits["test"]
        seeds = self.answers[0].shape[1]
        return {
            "n_test": len(test),
            "groups": test.n_groups,
            "resampled": self.question.resampled,
            "seeds": seeds,
        }

    def change(
        self, first: tuple[int, list[int]], second: tuple[int, list[int]]
    ) -> paired.Difference:
        """Second minus first, pair by pair: each is a checkpoint's place and places of layers."""
        predicted = [self.answers[place][layers] for place, layers in (first, second)]
        before, after = counts(self.question, "test", predicted)
        shared = paired.resampling(before.shape[2], permutations=0)
        return paired.difference(metric_of(self.question.task), before, after, shared)


def task_trajectory(
    question: AnyQuestion, corpus: str, measured: Sequence[tuple[str, int, CheckpointResults]]
) -> TaskTrajectory:
    """The results of one task, in the order of checkpoints: name, step and results of each."""
    models, steps, of_checkpoints = zip(*measured, strict=True)
    task = question.task
    scores, answers = [], []
    for results in of_checkpoints:
        scores.append(_means(results.scores, task))
        answers.append(results.answers[task.name])
    return TaskTrajectory(question, corpus, models, steps, tuple(scores), tuple(answers))


def _means(scores: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row per layer: means over seeds, and the floor, which is the majority baseline, or of
    trees the best one."""
    own = scores[(scores["task"] == task.name) & (scores["metric"] == task.metric)]
    is_baseline = own["layer"].isna()
    layers, baselines = own[~is_baseline], own[is_baseline]
    if not task.is_structural:
        baselines = baselines[baselines["probe"] == "majority"]
    floor = baselines["score"].max()
    same = ["probe", "layer", "metric", "model_fingerprint", *FINGERPRINTS]
    return layers.groupby(same, sort=False)[VALUES].mean().reset_index().assign(floor=floor)


def step_table(trajectories: Sequence[TaskTrajectory]) -> pd.DataFrame:
    """One row for each checkpoint, task and layer: its score, and its retention since the first."""
    import pandas as pd

    if not trajectories:
        return STEPS.table([])
    parts = [_at_step(one, place) for one in trajectories for place in range(len(one.models))]
    return pd.concat(parts, ignore_index=True)[list(STEPS.names)]


def _at_step(one: TaskTrajectory, place: int) -> pd.DataFrame:
    """The rows of one checkpoint; layers that the first one lacks have no change."""
    first, mine = one.scores[0], one.scores[place]
    before = first["layer"].tolist()
    places_before, places = [], []
    for j, layer in enumerate(mine["layer"]):
        if layer in before:
            places_before.append(before.index(layer))
            places.append(j)
    frame = mine.assign(
        model=one.models[place],
        step=one.steps[place],
        task=one.question.task.name,
        corpus=one.corpus,
        **one.counts,
        from_test=np.nan,
        from_seeds=np.nan,
    )
    for name in ("change", "retention"):
        frame[[name, f"{name}_low", f"{name}_high"]] = np.nan
    if not places:
        return frame
    found = one.change((0, places_before), (place, places))
    score = first["score"].to_numpy(dtype=float)[places_before]
    floor = first["floor"].to_numpy(dtype=float)[places_before]
    rows = frame.index[places]
    frame.loc[rows, "from_test"] = found.from_test
    frame.loc[rows, "from_seeds"] = found.from_seeds
    for end, change in (("", found.value), ("_low", found.low), ("_high", found.high)):
        frame.loc[rows, f"change{end}"] = change
        frame.loc[rows, f"retention{end}"] = retention(
            score, score + change, floor, found.detectable
        )
    return frame


def best_steps(trajectories: Sequence[TaskTrajectory]) -> Iterator[BestStepRow]:
    """One row for each checkpoint and task: its best layer, and that of the first checkpoint."""
    for one in trajectories:
        for place in range(len(one.models)):
            yield _best_step(one, place)


def _best_step(one: TaskTrajectory, place: int) -> BestStepRow:
    """The row of one checkpoint."""
    ends = (0, one.best[0]), (place, one.best[place])
    counted: dict[str, Any] = one.counts
    found = one.change(*((end, [layer]) for end, layer in ends))
    at_best = _between(one, *ends)
    same = ["probe", "metric", "model_fingerprint", *FINGERPRINTS]
    about: dict[str, Any] = {name: one.scores[place][name].iloc[0] for name in same}
    return BestStepRow(
        **about,
        **counted,
        model=one.models[place],
        step=one.steps[place],
        task=one.question.task.name,
        corpus=one.corpus,
        layer_first=at_best.layer_first,
        layer=at_best.layer_last,
        score_first=at_best.score_first,
        score=at_best.score_last,
        retention=at_best.retention,
        change=at_best.change,
        change_low=at_best.change_low,
        change_high=at_best.change_high,
        floor=at_best.floor,
        from_test=float(found.from_test[0]),
        from_seeds=float(found.from_seeds[0]),
    )


def fell(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """For each task and layer, the first step at which retention is below the threshold."""
    below = table[table["retention"] < threshold].groupby(KEYS)["step"].min()
    return table[KEYS].drop_duplicates().join(below, on=KEYS)


def summary(trajectories: Sequence[TaskTrajectory]) -> list[SummaryRow]:
    """One row for each task: its best layers (chosen on dev) and its last, first and last step."""
    return [_summed(one) for one in trajectories]


def _summed(one: TaskTrajectory) -> SummaryRow:
    dev = [scores["dev_score"].to_numpy(dtype=float) for scores in one.scores]
    best = one.best
    end = len(best) - 1
    # The best checkpoint before the last is chosen on dev, as layers are: chosen on test, its score
    # would be too good.
    peak = max(range(end), key=lambda place: dev[place][best[place]])
    top = [int(scores["layer"].argmax()) for scores in one.scores]
    at_best = _between(one, (0, best[0]), (end, best[end]))
    at_last = _between(one, (0, top[0]), (end, top[end]))
    from_peak = _between(one, (peak, best[peak]), (end, best[end]))
    fingerprints = {name: one.scores[0][name].iloc[0] for name in FINGERPRINTS}
    return SummaryRow(
        **vars(at_best),
        **fingerprints,
        task=one.question.task.name,
        corpus=one.corpus,
        backward_transfer=backward_transfer(_column(at_best)),
        backward_transfer_low=at_best.change_low,
        backward_transfer_high=at_best.change_high,
        best_step=one.steps[peak],
        change_from_best=from_peak.change,
        change_from_best_low=from_peak.change_low,
        change_from_best_high=from_peak.change_high,
        forgetting=forgetting(_column(from_peak)),
        last_layer_layer_first=at_last.layer_first,
        last_layer_layer_last=at_last.layer_last,
        last_layer_score_first=at_last.score_first,
        last_layer_score_last=at_last.score_last,
        last_layer_change=at_last.change,
        last_layer_change_low=at_last.change_low,
        last_layer_change_high=at_last.change_high,
        last_layer_detectable=at_last.detectable,
        last_layer_retention=at_last.retention,
        last_layer_floor=at_last.floor,
        verdict=f"best layer: {over_time(at_best)}; last layer: {over_time(at_last)}",
    )


def _column(change: FirstToLast) -> np.ndarray:
    """The scores, `(2 checkpoints, 1 task)`."""
    return np.array([[change.score_first], [change.score_last]])


def _between(one: TaskTrajectory, first: tuple[int, int], second: tuple[int, int]) -> FirstToLast:
    """The change between two checkpoints, each at a layer of its own, and their scores."""
    (place_before, layer_before), (place_after, layer_after) = first, second
    before = one.scores[place_before].iloc[layer_before]
    after = one.scores[place_after].iloc[layer_after]
    found = one.change((place_before, [layer_before]), (place_after, [layer_after]))
    retained = retention(
        np.array([before["score"]]), np.array([after["score"]]), before["floor"], found.detectable
    )
    return FirstToLast(
        layer_first=int(before["layer"]),
        layer_last=int(after["layer"]),
        score_first=float(before["score"]),
        score_last=float(after["score"]),
        change=float(after["score"] - before["score"]),
        change_low=float(found.low[0]),
        change_high=float(found.high[0]),
        detectable=float(found.detectable[0]),
        retention=float(retained[0]),
        floor=float(before["floor"]),
    )
