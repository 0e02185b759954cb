"""Structural probes: losses by brute force, planted trees, noise, and what a run says of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch

import probekit as pk
from probekit.corpora.passage import Corpus, Edge, Passage, Split
from probekit.errors import InputError
from probekit.probes.structural import fitted_trees
from probekit.probes.structural.alike import alike
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.probes.structural.fitted_trees import Counts, counts_of
from probekit.probes.structural.padded import padded
from probekit.probes.structural.tree_fit import fit_trees, predict_trees
from probekit.probes.structural.tree_heads import TREE_HEADS
from probekit.reports.tables.scores import score_table
from probekit.tasks.resample import resample_train_trees
from probekit.tasks.task import load_task
from probekit.tasks.trees import SameLength, ask_trees
from tests.made import made_states

DIM = 14
SIZES: dict[Split, int] = {"train": 150, "dev": 40, "test": 60}


def planted(sizes: dict[Split, int] = SIZES) -> tuple[Corpus, dict[Split, np.ndarray]]:
    """Sentences with trees; vectors `(2, words, dim)`: noise at layer 0, and at layer 1 words whose
    squared distance is that in the tree."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0]
    splits: dict[Split, list[Passage]] = {}
    values: dict[Split, np.ndarray] = {}
    for split, size in sizes.items():
        passages, vectors = [], []
        for number in range(size):
            n = int(rng.integers(5, DIM - 2))
            heads = _deep_tree(n, rng)
            edges = []
            for word, head in enumerate(heads.tolist()):
                if head != word:
                    edges.append(Edge(((head, head + 1), (word, word + 1)), "dep"))
            words = tuple(f"w{word}" for word in range(n))
            name = f"{split}{number}"
            passages.append(Passage(name, name, words, edges={"dependencies": tuple(edges)}))
            vectors.append(_embedded(heads) @ rotation)
        splits[split] = passages
        truth = np.concatenate(vectors)
        values[split] = np.stack([rng.normal(size=truth.shape), truth])
    return Corpus("planted", splits), values


def _deep_tree(n: int, rng: np.random.Generator) -> np.ndarray:
    """Heads `(n,)` of a tree with few words of equal depth, in any order of words: the rounding of
    predictions breaks ties of gold depths, which lowers rank correlations."""
    joined = np.maximum(np.arange(n) - 1 - (rng.random(n) < 0.15), 0)
    names = rng.permutation(n)
    heads = np.empty(n, dtype=int)
    heads[names] = names[joined]
    return heads


def _embedded(heads: np.ndarray) -> np.ndarray:
    """Vectors `(n, DIM)`: a unit of its own axis for every edge from the root to a word."""
    vectors = np.zeros((len(heads), DIM))
    for word in range(len(heads)):
        above = word
        while heads[above] != above:
            vectors[word, above] = 1
            above = heads[above]
    return vectors


@pytest.fixture(scope="module")
def scores() -> pk.Scores:
    corpus, values = planted()
    return pk.probe(made_states(corpus, values), ["distance", "depth", "arc"], progress=False)


def score(scores: pk.Scores, metric: str, **chosen: object) -> float:
    rows = scores.table[scores.table["metric"] == metric]
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return float(rows["score"].iloc[0])


@pytest.mark.slow
def test_planted_trees_are_found(scores: pk.Scores) -> None:
    assert score(scores, "uuas", layer=1) > 0.98
    assert score(scores, "dspearman", layer=1) > 0.98
    assert score(scores, "nspearman", layer=1) > 0.98
    assert score(scores, "root_accuracy", layer=1) > 0.98


@pytest.mark.slow
def test_noise_is_no_better_than_a_chain(scores: pk.Scores) -> None:
    rows = scores.table[scores.table["layer"] == 0].set_index("metric")
    chance = scores.table[scores.table["probe"] == "random_tree"].set_index("metric")
    assert score(scores, "uuas", layer=0) <= score(scores, "uuas", probe="left_chain") + 0.03
    for metric in ("uuas", "dspearman", "nspearman"):
        assert rows.loc[metric, "ci_low"] < chance.loc[metric, "ci_high"]


def test_every_metric_has_rows_with_intervals(scores: pk.Scores) -> None:
    table = scores.table
    metrics = {"uuas", "dspearman", "root_accuracy", "nspearman", "uas"}
    assert set(table["metric"]) == metrics
    assert (table["ci_low"] <= table["score"]).all() and (table["score"] <= table["ci_high"]).all()
    assert len(table) == len(metrics) * (2 + len(TREE_BASELINES))
    shown = score_table(scores)
    assert len(shown.rows) == len(metrics)
    headings = [column.heading for column in shown.columns]
    assert "left chain" in headings and "lexical" not in headings


def test_edges_by_length_add_up_to_uuas(scores: pk.Scores) -> None:
    rows = scores.edge_lengths[scores.edge_lengths["layer"] == 1]
    total = (rows["score"] * rows["n_test"]).sum() / rows["n_test"].sum()
    assert total == pytest.approx(score(scores, "uuas", layer=1))
    chain = scores.edge_lengths[scores.edge_lengths["probe"] == "left_chain"].set_index("length")
    assert chain.loc[1, "score"] == 1 and (chain["score"].drop(1) == 0).all()


def test_structural_tasks_have_no_predicted_labels(scores: pk.Scores) -> None:
    with pytest.raises(InputError, match="structural tasks"):
        scores.predictions()


@pytest.mark.parametrize("shape", ["distance", "depth"])
def test_losses_and_gradients_by_brute_force(shape: str) -> None:
    corpus, _ = planted()
    trees = ask_trees(load_task(shape), corpus).splits["test"]
    numbers = torch.arange(6)
    spans = torch.from_numpy(trees.sentences.spans[:6])
    generator = torch.Generator().manual_seed(0)
    words = torch.randn(int(trees.offsets[6]), 3, generator=generator, dtype=torch.float64)
    head = TREE_HEADS[shape](3)
    ours, theirs = words.clone().requires_grad_(), words.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for group in padded(trees, numbers, spans, 9):
        gold = torch.from_numpy(head.gold(trees, group))
        total = total + head.loss(ours[group.places][None], gold, group).sum()
    expected = torch.zeros((), dtype=torch.float64)
    for tree in range(6):
        own = theirs[trees.offsets[tree] : trees.offsets[tree + 1]]
        same = trees.of_same_length(np.array([tree]))
        n = len(own)
        if shape == "depth":
            for i in range(n):
                expected = expected + (same.depths[0, i] - own[i] @ own[i]).abs() / n
        else:
            for i, j in product(range(n), repeat=2):
                between = own[i] - own[j]
                expected = expected + (same.distances[0, i, j] - between @ between).abs() / n**2
    total.backward()
    expected.backward()
    assert total.item() == pytest.approx(expected.item())
    assert ours.grad is not None and theirs.grad is not None
    # At distance 0 of a word to itself, products of rounded sums decide the sign of nothing.
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)


def test_random_trees_are_uniform() -> None:
    heads = TREE_BASELINES["random_tree"](18_000, 3, np.random.default_rng(0))
    found, counts = np.unique(heads, axis=0, return_counts=True)
    assert len(found) == 9  # rooted trees of three words
    assert abs(counts - 2_000).max() < 5 * 2_000**0.5


def test_kinds_of_probe_that_trees_do_not_have_are_refused() -> None:
    corpus, values = planted()
    states = made_states(corpus, values)
    with pytest.raises(InputError, match=r"linear and rank:8 .* not mlp"):
        pk.probe(states, "distance", probes="mlp")
    with pytest.raises(InputError, match=r"linear and rank:8 .* not mlp"):
        pk.compare(states, states, "distance", probe="mlp", progress=False)


def test_questions_that_are_alike_are_fitted_as_if_alone() -> None:
    """Two tasks, each followed by resamples of its training sentences, are two runs of questions
    about the same trees."""
    corpus, values = planted({"train": 40, "dev": 10, "test": 12})
    states = made_states(corpus, values)
    distance, depth = (ask_trees(load_task(name), corpus) for name in ("distance", "depth"))
    questions = [distance, resample_train_trees(distance, 1), resample_train_trees(distance, 2)]
    questions += [depth, resample_train_trees(depth, 1)]
    runs = [list(run.numbers) for run in alike(questions, rank=4)]
    assert runs == [[0, 1, 2], [3, 4]]
    settings = pk.FitSettings(words=2_000)
    together = fit_trees(states, questions, seeds=(0, 1), settings=settings)
    for question, found in zip(questions, together, strict=True):
        (alone,) = fit_trees(states, [question], seeds=(0, 1), settings=settings)
        # A loss of absolute values has kinks, at which rounding decides.
        assert found.dev_loss == pytest.approx(alone.dev_loss, rel=5e-3)
    # Each has its own maps, and what was counted is what these predict.
    counted = predict_trees(together, states, "test")
    for found, counts in zip(together, counted, strict=True):
        assert np.array_equal(found.predictions, counts)
    losses = np.stack([of_question.dev_loss[0] for of_question in together])
    for one, other in combinations(losses, 2):  # each has its own probes
        assert np.abs(one / other - 1).max() > 1e-2


def test_other_trees_are_not_alike() -> None:
    corpus, _ = planted({"train": 40, "dev": 10, "test": 12})
    gold = ask_trees(load_task("arc"), corpus)
    again = ask_trees(load_task("arc"), corpus)
    assert [len(run.numbers) for run in alike([gold, again, gold], rank=4)] == [1, 1, 1]


def test_batches_without_a_tree_are_left_out() -> None:
    """The first 200 of 300 sentences have no edges."""
    corpus, values = planted({"train": 300, "dev": 10, "test": 12})
    train = list(corpus.splits["train"])
    train[:200] = [replace(passage, edges={}) for passage in train[:200]]
    without = Corpus("planted", {**corpus.splits, "train": train})
    question = ask_trees(load_task("distance"), without)
    assert len(question.splits["train"]) == 100
    (found,) = fit_trees(made_states(without, values), [question])
    assert found.dev_loss[1] < 0.5 * found.dev_loss[0]  # layer 1 has the trees


def test_memory_is_bounded_with_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, values = planted({"train": 40, "dev": 10, "test": 12})
    states = made_states(corpus, values)
    question = ask_trees(load_task("distance"), corpus)
    settings = pk.FitSettings(words=2_000)
    (whole,) = fit_trees(states, [question], seeds=(0, 1), settings=settings)
    sizes = []

    def counted(shape: str, predicted: np.ndarray, gold: SameLength) -> Counts:
        sizes.append(len(predicted))
        return counts_of(shape, predicted, gold)

    monkeypatch.setattr(fitted_trees, "counts_of", counted)
    monkeypatch.setattr(fitted_trees, "MOST_PAIRS", 1)
    (parts,) = fit_trees(states, [question], seeds=(0, 1), settings=settings)
    for name, counts in whole.test.items():
        assert np.array_equal(parts.test[name], counts)
    assert set(sizes) == {1}  # of two seeds in all
