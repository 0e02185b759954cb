"""Structural probes before and after: planted trees that are kept, noised or rotated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus, Split
from probekit.forgetting.lost_words import common_trees
from probekit.states.states import States
from probekit.tasks.resample import resample_train, resample_train_trees
from probekit.tasks.task import load_task
from probekit.tasks.trees import ask_trees
from tests.made import made_states
from tests.probes.test_structural import planted

pytestmark = pytest.mark.slow  # probes of trees are fitted first

Values = dict[Split, np.ndarray]
TASKS = ["distance", "depth"]
QUICK = pk.FitSettings(words=20_000, epochs=2)
NOISE = 0.6


def changed(values: Values, upper: dict[Split, np.ndarray]) -> Values:
    """The same vectors with another layer 1."""
    found: Values = {}
    for split, both in values.items():
        found[split] = np.stack([both[0], upper[split]])
    return found


def noised(values: Values, seed: int) -> Values:
    """With noise in layer 1."""
    rng = np.random.default_rng(seed)
    upper = {}
    for split, both in values.items():
        upper[split] = both[1] + NOISE * rng.normal(size=both[1].shape)
    return changed(values, upper)


def rotated(values: Values) -> Values:
    """With layer 1 rotated."""
    dim = values["train"].shape[2]
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(dim, dim)))[0]
    return changed(values, {split: both[1] @ rotation for split, both in values.items()})


@pytest.fixture(scope="module")
def made() -> tuple[Corpus, Values]:
    return planted({"train": 60, "dev": 20, "test": 40})


@pytest.fixture(scope="module")
def before(made: tuple[Corpus, Values]) -> States:
    return made_states(*made)


@pytest.fixture(scope="module")
def after(made: tuple[Corpus, Values]) -> States:
    corpus, values = made
    return made_states(corpus, noised(values, 2), weights="noised")


@pytest.fixture(scope="module")
def comparison(before: States, after: States) -> pk.Comparison:
    return pk.compare(
        before, after, TASKS, seeds=3, resample_train=3, fit_settings=QUICK, progress=False
    )


def test_trees_that_noise_covers_are_lost_where_it_is(comparison: pk.Comparison) -> None:
    both = (comparison.comparison, comparison.other_metrics)
    for table in both:
        at_noise = table[table["layer"] == 1]
        assert len(at_noise) == 2 and (at_noise["ci_high"] < 0).all()
        assert (at_noise["p_value"] < 0.05).all() and (at_noise["delta"] < -0.1).all()
        below = table[table["layer"] == 0]
        assert (below["delta"] == 0).all() and (below["p_value"] == 1).all()
    assert [table["metric"].unique().tolist() for table in both] == [
        ["uuas", "root_accuracy"],
        ["dspearman", "nspearman"],
    ]
    parts = comparison.decomposition.set_index(["task", "layer"])
    for task in TASKS:
        assert parts.loc[(task, 1), "kind"] == "loss"
        assert parts.loc[(task, 0), "kind"] == "not detected"


def test_scores_are_those_of_probe(
    comparison: pk.Comparison, before: States, after: States
) -> None:
    tables = []
    for states in (before, after):
        scores = pk.probe(states, TASKS, seeds=3, fit_settings=QUICK, progress=False).table
        tables.append(scores.groupby(["task", "metric", "layer"])["score"].mean())
        baselines = scores[scores["layer"].isna()].groupby(["task", "metric"])["score"].max()
    for table in (comparison.comparison, comparison.other_metrics):
        for _, row in table.iterrows():
            key = (row["task"], row["metric"], row["layer"])
            assert row["score_before"] == pytest.approx(tables[0][key], abs=1e-5)
            assert row["score_after"] == pytest.approx(tables[1][key], abs=1e-5)
            assert row["delta"] == pytest.approx(tables[1][key] - tables[0][key], abs=1e-5)
            assert row["floor"] == pytest.approx(baselines[key[:2]], abs=1e-5)


def test_refits_widen_intervals(comparison: pk.Comparison) -> None:
    noisy = comparison.comparison[comparison.comparison["layer"] == 1]
    assert (noisy["resamples"] == 3).all()
    shares = noisy[["from_test", "from_seeds", "from_training"]]
    assert (noisy["from_training"] > 0).all()
    assert shares.sum(axis=1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_edges_by_distance_add_up(comparison: pk.Comparison) -> None:
    edges = comparison.by_label
    assert set(edges["task"]) == {"distance"} and set(edges["kind"]) == {"distance"}
    of_layer = comparison.comparison.set_index(["task", "layer"]).loc[("distance", 1)]
    for column in ("before", "after"):
        right = edges[f"accuracy_{column}"] * edges["n_test"]
        assert right.sum() / edges["n_test"].sum() == pytest.approx(
            of_layer[f"score_{column}"], abs=1e-5
        )


def test_equal_states_have_no_change(made: tuple[Corpus, Values], before: States) -> None:
    again = made_states(*made, weights="copied")
    found = pk.compare(
        before, again, ["arc"], seeds=2, resample_train=0, fit_settings=QUICK, progress=False
    )
    assert (found.comparison["delta"] == 0).all() and (found.comparison["p_value"] == 1).all()
    assert found.best["kind"].tolist() == ["not detected"]
    assert "no change" in found.best["verdict"].iloc[0]
    assert found.flipped.num_rows == 0 and len(found.other_metrics) == 0


def test_progress_is_reported_to_the_end(before: States, after: States) -> None:
    """Old probes on new states and the differences take minutes on large corpora."""
    shares: dict[str, list[float]] = {}

    def report(stage: str, done: float, total: float) -> None:
        shares.setdefault(stage, []).append(done / total)

    pk.compare(
        before,
        after,
        TASKS,
        seeds=2,
        resample_train=2,
        fit_settings=QUICK,
        progress=report,
    )
    assert list(shares) == ["fit trees", "refit trees", "old probes", "differences"]
    for of_stage in shares.values():
        assert (np.diff(of_stage) > -1e-9).all() and of_stage[-1] == pytest.approx(1)
    assert len(shares["old probes"]) == 5  # as it is, a rotation and two ridges
    assert len(shares["differences"]) == 1 + len(TASKS)


def test_a_rotation_loses_nothing(made: tuple[Corpus, Values], before: States) -> None:
    corpus, values = made
    after = made_states(corpus, rotated(values), weights="rotated")
    found = pk.compare(
        before, after, ["distance"], seeds=2, resample_train=0, fit_settings=QUICK, progress=False
    )
    parts = found.decomposition.set_index("layer").loc[1]
    assert parts["kind"] == "rotation" and parts["map"] == "procrustes"
    assert parts["drop"] > 0.3 and parts["rotation"] == pytest.approx(parts["drop"], abs=0.01)
    assert parts["score_mapped"] == pytest.approx(parts["score_before"], abs=0.01)


def test_a_sentence_without_all_its_vectors_is_left_out(
    made: tuple[Corpus, Values], before: States
) -> None:
    corpus, _ = made
    question = ask_trees(load_task("distance"), corpus)
    trees = question.splits["test"]
    second = int(trees.offsets[1])  # a word of the second sentence
    lost = replace(before, without_vector={**before.without_vector, "test": (second,)})
    warnings: list[str] = []
    (common,) = common_trees([question], [before, lost], warnings)
    left = common.splits["test"]
    assert len(left) == len(trees) - 1 and "1 sentences are left out" in warnings[0]
    first, third = int(trees.offsets[1]), int(trees.offsets[2])
    kept = np.r_[0:first, third : len(trees.heads)]
    assert np.array_equal(left.heads, trees.heads[kept])
    assert left.sentences.labels.tolist() == list(range(len(left)))
    assert np.array_equal(left.depths, trees.depths[kept])


def test_resamples_of_trees_are_those_of_labels(small: Corpus) -> None:
    trees = resample_train_trees(ask_trees(load_task("distance"), small), 1).splits["train"]
    words = resample_train(pk.ask(load_task("pos"), small), 1).splits["train"]
    assert trees.sentences.weights is not None and words.weights is not None
    assert trees.sentences.weights.mean() == pytest.approx(1)
    of_sentence = dict(zip(words.groups.tolist(), (words.weights > 0).tolist(), strict=True))
    for group, weight in zip(trees.groups.tolist(), trees.sentences.weights.tolist(), strict=True):
        assert of_sentence[group] == (weight > 0)
