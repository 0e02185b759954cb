"""Neurons: planted ones are found and needed, and noise has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import hypergeom

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Passage
from probekit.errors import InputError
from probekit.reports.tables.neurons import neurons_table, overlap_table
from probekit.stats.metrics import METRICS
from probekit.usage.ablation import ablation
from probekit.usage.ablation_rows import Ablated, ablation_rows
from probekit.usage.erasure_rows import Target
from probekit.usage.neuron_overlap import Others, overlap_rows
from probekit.usage.neurons_found import Neurons
from probekit.usage.rankings import RANKINGS, importance, ranked
from probekit.usage.some_neurons import Choice, SomeNeurons
from tests.made import SIZES, made_corpus, made_states

QUICK = pk.FitSettings(words=20_000)
LAYER = 2
PLANTED = (5, 17)


def planted(n: int = 2_000, dim: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise in which two neurons tell of the label: the first of all four, the other of the
    last."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, size=n)
    values = rng.standard_normal((n, dim)).astype(np.float32)
    values[:, PLANTED[0]] += 2.5 * (labels >= 2)
    values[:, PLANTED[1]] += 2.5 * (labels == 3)
    return values, labels


@pytest.mark.parametrize("method", RANKINGS)
def test_planted_neurons_are_ranked_first(method: str) -> None:
    values, labels = planted()
    found = importance(method, [values], labels, 4)
    assert set(ranked(found.overall)[:2].tolist()) == set(PLANTED)
    assert ranked(found.of_labels[3])[0] in PLANTED
    assert ranked(found.of_labels[0])[0] == PLANTED[0]
    assert found.of_labels.shape == (4, 40) and (found.overall >= 0).all()


@pytest.mark.parametrize("method", RANKINGS)
def test_on_noise_two_rankings_overlap_as_by_chance(method: str) -> None:
    """Labels of two tasks that vectors tell nothing of: over many pairs the mean overlap is that of
    the hypergeometric distribution."""
    dim, first, shared = 40, 10, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = rng.standard_normal((400, dim)).astype(np.float32)
        tops = []
        for _ in range(2):
            labels = rng.integers(0, 3, size=400)
            overall = importance(method, [values], labels, 3).overall
            tops.append(set(ranked(overall)[:first].tolist()))
        shared.append(len(tops[0] & tops[1]))
    chance = hypergeom(dim, first, first)
    error = chance.std() / np.sqrt(len(shared))
    assert abs(np.mean(shared) - chance.mean()) < 3 * error


def test_what_is_shared_whatever_the_labels_is_shown() -> None:
    """Differences of means put neurons of large variance first, so that tasks that have nothing to
    do with each other share them: the p-value alone would be a false alarm."""
    dim, first = 100, 10
    shared, shuffled, p_values = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values = rng.standard_normal((400, dim)) * np.exp(0.5 * rng.standard_normal(dim))
        found = []
        for _ in range(3):
            labels = rng.integers(0, 3, size=400)
            found.append({(0, "probeless"): importance("probeless", [values], labels, 3)})
        own, other, without = found
        about = {"model": "m", "corpus": "c", "task": "a", "other_model": "m", "other_task": "b"}
        (row,) = overlap_rows(own, Others(other, without), first, about)
        shared.append(row.shared)
        shuffled.append(row.shuffled)
        p_values.append(row.p_value)
    assert np.mean(np.array(p_values) <= 0.05) > 0.2
    assert np.mean(shuffled) > 2 * first * first / dim
    assert abs(np.mean(shared) - np.mean(shuffled)) < 1


def test_probeless_is_the_formula() -> None:
    """As in the paper, by loops over pairs of labels."""
    values, labels = planted(n=200)
    means = [values[labels == label].mean(axis=0) for label in range(4)]
    overall = np.zeros(40)
    for one in range(4):
        for other in range(one + 1, 4):
            overall += np.abs(means[one] - means[other])
    found = importance("probeless", [values], labels, 4)
    np.testing.assert_allclose(found.overall, overall, rtol=1e-4)


def test_parts_of_an_instance_are_summed() -> None:
    values, labels = planted(n=300)
    one = importance("probeless", [values], labels, 4).overall
    both = importance("probeless", [values, values], labels, 4).overall
    np.testing.assert_allclose(both, 2 * one)


def test_ablations_set_the_neurons_and_no_others() -> None:
    words, _ = planted(n=50)
    states = torch.from_numpy(words[:6].reshape(2, 3, 40))
    neurons = np.array(PLANTED)
    others = [neuron for neuron in range(40) if neuron not in PLANTED]
    for way in ("zero", "mean", "resample"):
        found = ablation(way, neurons, words)(states)
        torch.testing.assert_close(found[..., others], states[..., others])
        assert not torch.equal(found[..., neurons], states[..., neurons])
        again = ablation(way, neurons, words)(states)
        torch.testing.assert_close(found, again)
    zero = ablation("zero", neurons, words)(states)
    assert not zero[..., neurons].any()
    mean = ablation("mean", neurons, words)(states)[..., neurons]
    expected = torch.from_numpy(words[:, neurons].mean(axis=0)).expand_as(mean)
    torch.testing.assert_close(mean, expected)
    drawn = ablation("resample", neurons, words)(states)[..., neurons].reshape(-1, 2).numpy()
    for row in drawn:  # both neurons of one word
        assert (words[:, neurons] == row).all(axis=1).any()


WORDS, SENTENCES, DRAWS = 10, 100, 5


def ablated(first: float, spread: float, seed: int) -> dict[str, Any]:
    """The row of one ablation whose first neurons cost so much accuracy, where random ones cost
    0.05, and more or less by `spread` in each draw."""
    rng = np.random.default_rng(seed)
    gold = np.zeros(WORDS * SENTENCES, dtype=int)
    groups = np.repeat(np.arange(SENTENCES), WORDS)

    def counts(predicted: np.ndarray) -> np.ndarray:
        flat = predicted.reshape(-1, len(gold))
        found = METRICS["accuracy"].counts(flat, gold, groups, None)
        return found.reshape(*predicted.shape[:-1], *found.shape[1:])

    hard = rng.random(len(gold))  # the same words are hard for all
    costs = 0.05 + spread * rng.standard_normal(DRAWS)
    said = [(hard > 0.95 - cost).astype(int) for cost in (0, first, *costs)]
    each = np.stack([[said[0]] * DRAWS, [said[1]] * DRAWS, said[2:]])
    target = Target("pos", METRICS["accuracy"], counts, 0.2, len(gold))
    one = Ablated(0, "weights", "zero", 4, 1, 1, each)
    (row,) = ablation_rows([one], target, {"model": "m", "corpus": "c"})
    return vars(row)


@pytest.mark.slow
def test_neurons_that_do_what_random_ones_do_seldom_differ_from_them() -> None:
    """The first neurons are one more random draw here: with one probe, only other draws show how
    much these differ."""
    costs = 0.05 + 0.02 * np.random.default_rng(0).standard_normal(150)
    rows = [ablated(cost, 0.02, seed) for seed, cost in enumerate(costs)]
    assert np.mean([row["p_value"] <= 0.05 for row in rows]) < 0.09
    assert np.mean([row["beyond_low"] <= 0 <= row["beyond_high"] for row in rows]) > 0.91
    needed = [ablated(0.2, 0.01, seed) for seed in range(20)]
    assert np.mean([row["p_value"] <= 0.05 for row in needed]) > 0.9
    assert needed[0]["seeds"] == 1 and needed[0]["draws"] == DRAWS


def test_some_neurons_are_read() -> None:
    labels: Any = {split: np.resize(["a", "b"], n) for split, n in SIZES.items()}
    rng = np.random.default_rng(0)
    values = {split: rng.standard_normal((2, n, 6)) for split, n in SIZES.items()}
    states = made_states(made_corpus(labels), values)
    chosen = [Choice(0, np.array([4, 1])), Choice(1, np.array([0, 2])), Choice(0, np.array([3, 5]))]
    some = SomeNeurons(states, chosen)
    assert some.dim == 2 and list(some.layers) == [0, 1, 2]
    found = some.read("dev", 3, 9, [0, 1, 2])
    np.testing.assert_array_equal(found[2], states.numpy("dev", 0)[3:9][:, [3, 5]])
    np.testing.assert_array_equal(found[0], states.numpy("dev", 0)[3:9][:, [4, 1]])
    np.testing.assert_array_equal(found[1], states.numpy("dev", 1)[3:9][:, [0, 2]])


# The whole: a corpus whose labels are what two neurons of a layer of a real model say.


@pytest.fixture(scope="module")
def told(small: Corpus, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The words of a corpus, labelled by whether two neurons are above their medians."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBEKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        states = pk.extract(tiny_bert, small, layers=LAYER, progress=False)
        medians = np.median(states.numpy("train", LAYER)[:, PLANTED], axis=0)
        splits: Any = {}
        for split in SPLITS:
            above = states.numpy(split, LAYER)[:, PLANTED] > medians
            labels = [f"{int(first)}{int(second)}" for first, second in above]
            passages, start = [], 0
            for passage in small.splits[split]:
                stop = start + len(passage.words)
                tags = {"upos": tuple(labels[start:stop]), "xpos": tuple(labels[start:stop])}
                passages.append(Passage(passage.id, passage.document, passage.words, tags))
                start = stop
            splits[split] = passages
    return Corpus("told", splits)


@pytest.fixture(scope="module")
def found(told: Corpus, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Neurons:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBEKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return pk.neurons(
            tiny_bert,
            "pos",
            "xpos",
            corpus=told,
            against=f"random:{tiny_bert}",
            top=2,
            layers=LAYER,
            progress=False,
        )


@pytest.mark.slow
def test_the_neurons_that_labels_were_made_of_are_first(found: Neurons) -> None:
    table = found.table
    for method in RANKINGS:
        rows = table[(table["method"] == method) & (table["label"] == "")]
        assert set(rows["neuron"]) == set(PLANTED), method
        assert rows["ranking_place"].tolist() == [1, 2]
    assert set(table["label"]) == {"", "00", "01", "10", "11"}


@pytest.mark.slow
def test_few_neurons_suffice_and_random_ones_do_not(found: Neurons) -> None:
    fewest = found.fewest().set_index("method")
    for method in RANKINGS:
        assert fewest.loc[method, "fewest"] in (2, 4)
        assert fewest.loc[method, "score"] > 0.8
    assert fewest.loc["random", "fewest"] > 8
    assert (fewest["of"] == 32).all()


@pytest.mark.slow
def test_ablating_them_breaks_the_task_more_than_random_ones_do(found: Neurons) -> None:
    table = found.ablation
    assert set(table["way"]) == {"zero", "mean", "resample"}
    assert set(table["method"]) == {*RANKINGS} and set(table["read_at"]) == {3}
    assert (table["change"] < -0.15).all() and (table["ci_high"] < -0.1).all()
    # No p-value: of five draws of two among 32 neurons, one has a neuron that is needed.
    assert (table["beyond"] < -0.05).all() and (table["draws"] == 5).all()
    np.testing.assert_allclose(table["change"] - table["random_change"], table["beyond"], atol=2e-6)


def test_neurons_of_the_last_layer_are_not_ablated(told: Corpus, tiny_bert: Path) -> None:
    last = pk.neurons(tiny_bert, "pos", corpus=told, layers=3, fit_settings=QUICK, progress=False)
    assert last.ablation.empty and "not ablated" in last.warnings[-1]
    assert neurons_table(last).rows


@pytest.mark.slow
def test_tasks_with_the_same_labels_share_all_and_other_weights_what_chance_shares(
    found: Neurons,
) -> None:
    overlap = found.overlap
    same = overlap[overlap["other_task"] == "xpos"]
    assert (same["shared"] == 2).all() and (same["expected"] == 4 / 32).all()
    np.testing.assert_allclose(same["p_value"], 1 / 496, rtol=1e-3)  # 32 over 2
    other = overlap[overlap["other_model"] != overlap["model"]]
    assert len(other) == len(RANKINGS) and (other["other_task"] == "pos").all()
    assert (other["shared"] <= 1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"top": 32}, "has 32 neurons in a layer, give fewer"),
        ({"layers": (4,)}, "has no layer 4"),
        ({"task": "coref"}, "by product"),
    ],
)
def test_bad_input(given: dict[str, Any], message: str, small: Corpus, tiny_bert: Path) -> None:
    arguments: dict[str, Any] = {"task": "pos", "corpus": small, "progress": False}
    with pytest.raises(InputError, match=message):
        pk.neurons(tiny_bert, **{**arguments, **given})


def test_a_checkpoint_of_another_width_is_refused(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    from tests.checkpoints import make_bert

    texts = [" ".join(passage.words) for passage in small.splits["train"]]
    wide = make_bert(tmp_path / "wide", texts, dim=48)
    with pytest.raises(InputError, match=r"against: .* has 48 neurons in a layer"):
        pk.neurons(tiny_bert, "pos", corpus=small, against=wide, progress=False)


def test_tables_and_picture(found: Neurons, tmp_path: Path) -> None:
    shown = neurons_table(found)
    assert [row[1] for row in shown.rows] == [*RANKINGS, "random"]
    overlap = overlap_table(found)
    assert overlap is not None and len(overlap.rows) == 2 * len(RANKINGS)
    alone = Neurons(found.table, found.curve, ablation=found.ablation)
    assert overlap_table(alone) is None
    pk.lines(found, tmp_path / "n.png", greyscale=True)
    found.write(tmp_path / "run")
    assert pk.read(tmp_path / "run") == found
