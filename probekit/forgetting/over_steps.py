"""Over steps: the tables of a trajectory, from what was measured of each checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit.forgetting.kept import Kept
from probekit.forgetting.measures import backward_transfer, forgetting, retention
from probekit.forgetting.sides import counts
from probekit.forgetting.trajectory import FINGERPRINTS, KEYS, STEPS, SummaryRow
from probekit.forgetting.verdict import over_time
from probekit.probes.baselines import BASELINES
from probekit.stats import paired
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question

if TYPE_CHECKING:
    import pandas as pd

VALUES = ["score", "ci_low", "ci_high", "dev_score"]


@dataclass(frozen=True)
class Course:
    """One task on one corpus over all checkpoints, the first being the one that changes count from.

    Attributes:
        question: the task and its instances.
        corpus: the corpus' name.
        models: the checkpoints' names.
        steps: of each.
        scores: of each, a row a layer, means over seeds.
        answers: of each, `(layers, seeds, n_test)`.
    """

    question: Question
    corpus: str
    models: tuple[str, ...]
    steps: tuple[int, ...]
    scores: tuple[pd.DataFrame, ...]
    answers: tuple[np.ndarray, ...]

    def change(
        self, first: tuple[int, list[int]], second: tuple[int, list[int]]
    ) -> paired.Difference:
        """Second minus first, each a checkpoint's place and the places of layers in it, pairwise."""
        predicted = [self.answers[place][layers] for place, layers in (first, second)]
        before, after = counts(self.question, "test", predicted)
        shared = paired.resampling(before.shape[2], permutations=0)
        return paired.difference(METRICS[self.question.task.metric], before, after, shared)


def course(question: Question, corpus: str, measured: Sequence[tuple[str, int, Kept]]) -> Course:
    """What was measured of one task, in order."""
    models, steps, kept = zip(*measured, strict=True)
    scores = tuple(_means(one.scores[one.scores["task"] == question.task.name]) for one in kept)
    return Course(
        question,
        corpus,
        models,
        steps,
        scores,
        tuple(one.answers[question.task.name] for one in kept),
    )


def _means(scores: pd.DataFrame) -> pd.DataFrame:
    """A row a layer: means over seeds, and the floor, which is the majority baseline."""
    floor = scores[scores["probe"] == "majority"]["score"].iloc[0]
    layers = scores[~scores["probe"].isin(BASELINES)]
    same = ["probe", "layer", "metric", "model_fingerprint", *FINGERPRINTS]
    return layers.groupby(same, sort=False)[VALUES].mean().reset_index().assign(floor=floor)


def step_table(courses: Sequence[Course]) -> pd.DataFrame:
    """A row for each checkpoint, task and layer: its score, and what of the first checkpoint's is
    retained."""
    import pandas as pd

    parts = [_at_step(one, place) for one in courses for place in range(len(one.models))]
    return pd.concat(parts, ignore_index=True)[list(STEPS.names)]


def _at_step(one: Course, place: int) -> pd.DataFrame:
    """The rows of one checkpoint; layers that the first one has not have no change."""
    first, mine = one.scores[0], one.scores[place]
    before = first["layer"].tolist()
    known = [(before.index(layer), j) for j, layer in enumerate(mine["layer"]) if layer in before]
    places_before, places = [list(side) for side in zip(*known, strict=True)] if known else ([], [])
    frame = mine.assign(
        model=one.models[place],
        step=one.steps[place],
        task=one.question.task.name,
        corpus=one.corpus,
    )
    frame[
        ["change", "change_low", "change_high", "retention", "retention_low", "retention_high"]
    ] = np.nan
    if not known:
        return frame
    found = one.change((0, places_before), (place, places))
    score, floor = (first[name].to_numpy(dtype=float)[places_before] for name in ("score", "floor"))
    rows = frame.index[places]
    for end, change in (("", found.value), ("_low", found.low), ("_high", found.high)):
        frame.loc[rows, f"change{end}"] = change
        frame.loc[rows, f"retention{end}"] = retention(
            score, score + change, floor, found.detectable
        )
    return frame


def fell(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The first step of each task and layer at which retention is below the threshold."""
    below = table[table["retention"] < threshold].groupby(KEYS)["step"].min()
    return table[KEYS].drop_duplicates().join(below, on=KEYS)


def summary(courses: Sequence[Course]) -> list[SummaryRow]:
    """A row for each task: its best layers (chosen on dev) and its last layer, from the first step
    to the last."""
    return [_summed(one) for one in courses]


def _summed(one: Course) -> SummaryRow:
    dev = [scores["dev_score"].to_numpy(dtype=float) for scores in one.scores]
    best = [int(values.argmax()) for values in dev]
    end = len(best) - 1
    # The best checkpoint before the last, chosen on dev as layers are: chosen on test, it would be
    # flattered.
    peak = max(range(end), key=lambda place: dev[place][best[place]])
    top = [int(scores["layer"].argmax()) for scores in one.scores]
    at_best = _between(one, (0, best[0]), (end, best[end]))
    at_last = _between(one, (0, top[0]), (end, top[end]))
    from_peak = _between(one, (peak, best[peak]), (end, best[end]))
    of_last_layer = {f"last_layer_{name}": value for name, value in at_last.items()}
    fingerprints = {name: one.scores[0][name].iloc[0] for name in FINGERPRINTS}
    return SummaryRow(
        task=one.question.task.name,
        corpus=one.corpus,
        **at_best,
        backward_transfer=backward_transfer(_column(at_best)),
        backward_transfer_low=at_best["change_low"],
        backward_transfer_high=at_best["change_high"],
        best_step=one.steps[peak],
        change_from_best=from_peak["change"],
        change_from_best_low=from_peak["change_low"],
        change_from_best_high=from_peak["change_high"],
        forgetting=forgetting(_column(from_peak)),
        **of_last_layer,
        verdict=f"best layer: {over_time(at_best)}; last layer: {over_time(at_last)}",
        **fingerprints,
    )


def _column(change: dict[str, Any]) -> np.ndarray:
    return np.array([[change["score_first"]], [change["score_last"]]])


def _between(one: Course, first: tuple[int, int], second: tuple[int, int]) -> dict[str, Any]:
    """Scores of two checkpoints, each at a layer of its own, and the change."""
    found = one.change((first[0], [first[1]]), (second[0], [second[1]]))
    (before, after) = (one.scores[place].iloc[layer] for place, layer in (first, second))
    kept = retention(
        np.array([before["score"]]), np.array([after["score"]]), before["floor"], found.detectable
    )
    return {
        "layer_first": int(before["layer"]),
        "layer_last": int(after["layer"]),
        "score_first": float(before["score"]),
        "score_last": float(after["score"]),
        "change": float(after["score"] - before["score"]),
        "change_low": float(found.low[0]),
        "change_high": float(found.high[0]),
        "detectable": float(found.detectable[0]),
        "retention": float(kept[0]),
        "floor": float(before["floor"]),
    }
