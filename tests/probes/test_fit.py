"""Probes against scikit-learn, and against what was planted: read out what is there, nothing that
is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from probekit.corpora.passage import Corpus, Edge, Passage, Split
from probekit.errors import ModelError
from probekit.probes import scaling
from probekit.probes.batches import Runs
from probekit.probes.evaluate import task_counts
from probekit.probes.fit import fit, predict
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.mixture import mixture
from probekit.probes.training import Training
from probekit.probes.view import single_layers
from probekit.probes.whitened import n_words
from probekit.states.arrays import Arrays
from probekit.states.states import States
from probekit.stats.bootstrap import bootstrap, interval
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question, ask
from probekit.tasks.task import Task
from tests.made import SIZES, WORDS, made_corpus, made_states

CPU = torch.device("cpu")
WORD = Task(name="word", title="", annotation="upos", shape="word")


def words_in(sizes: dict[Split, int]) -> dict[Split, int]:
    return {split: n * WORDS for split, n in sizes.items()}


def scores(fitted: Fitted) -> np.ndarray:
    """Test accuracy, (layers, seeds)."""
    return (fitted.predictions == fitted.question.splits["test"].labels).mean(-1)


def intervals(fitted: Fitted) -> tuple[np.ndarray, np.ndarray]:
    counts = task_counts(fitted.question, "test", fitted.predictions)
    cells = counts.reshape(-1, *counts.shape[2:])
    return interval(bootstrap(METRICS[fitted.question.task.metric].score, cells))


def planted(kind: str, *, seed: int = 0, dim: int = 16) -> tuple[States, Question]:
    """Two layers: labels follow from the vectors of layer 0 as `kind` says; layer 1 is noise."""
    rng = np.random.default_rng(seed)
    values: dict[Split, np.ndarray] = {}
    labels: dict[Split, np.ndarray] = {}
    direction = np.linalg.qr(rng.normal(size=(dim, 4)))[0]
    for split, n in words_in(SIZES).items():
        vectors = rng.normal(size=(2, n, dim))
        largest = (vectors[0] @ direction).argmax(-1)
        if kind == "linear":
            # A margin between the classes, so that four thousand words are enough.
            vectors[0] += 0.5 * direction.T[largest]
        labels[split] = {
            "linear": largest,
            "random": rng.integers(0, 4, n),
            "xor": ((vectors[0, :, 0] > 0) ^ (vectors[0, :, 1] > 0)).astype(int),
        }[kind]
        values[split] = vectors
    corpus = made_corpus(labels)
    return made_states(corpus, values), ask(WORD, corpus)


def test_planted_linear_labels_are_read_out_and_noise_is_at_chance() -> None:
    states, data = planted("linear")
    (fitted,) = fit(states, [data])
    assert scores(fitted)[0] > 0.99
    low, high = intervals(fitted)
    assert low[1] < 0.25 + 0.03 and high[1] < 0.4


@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_random_labels_are_not_read_out(probe: str) -> None:
    states, data = planted("random", seed=1)
    (fitted,) = fit(states, [data], probe=probe)
    low, high = intervals(fitted)
    assert (low <= 0.25).all() and (high >= 0.25).all()


@pytest.mark.slow
def test_xor_needs_the_mlp() -> None:
    missed, found = 0, []
    for seed in range(10):  # fitted at once: the next draw takes the place of the last one's states
        states, data = planted("xor", seed=seed)
        (linear,) = fit(states, [data])
        low, high = intervals(linear)
        missed += not low[0] <= 0.5 <= high[0]
        found.append(scores(linear)[0])
    # A 95% interval misses chance once in twenty draws: of ten, three or more (p = 0.01) would be
    # too many.
    assert missed <= 2
    assert abs(np.mean(found) - 0.5) < 0.02
    (mlp,) = fit(states, [data], probe="mlp")
    assert scores(mlp)[0] > 0.95


def test_as_good_as_scikit_learn_at_every_layer() -> None:
    rng = np.random.default_rng(3)
    direction, scale, mean = (
        rng.normal(size=(24, 8)),
        rng.uniform(0.1, 10, size=24),
        rng.normal(size=24) * 3,
    )
    values: dict[Split, np.ndarray] = {}
    labels: dict[Split, np.ndarray] = {}
    for split, n in words_in(SIZES).items():
        standard = rng.normal(size=(3, n, 24))
        labels[split] = (standard[1] @ direction + rng.gumbel(size=(n, 8))).argmax(-1)
        values[split] = standard * scale + mean
    corpus = made_corpus(labels)
    data = ask(WORD, corpus)
    (fitted,) = fit(made_states(corpus, values), [data], settings=FitSettings(words=250_000))
    for layer in range(3):
        scaler = StandardScaler().fit(values["train"][layer])
        referee = LogisticRegression(max_iter=200).fit(
            scaler.transform(values["train"][layer]), labels["train"]
        )
        expected = referee.score(scaler.transform(values["test"][layer]), labels["test"])
        assert scores(fitted)[layer, 0] > expected - 0.02, layer
    assert scores(fitted)[1, 0] > 0.5


def test_a_probe_does_not_depend_on_its_company() -> None:
    states, data = planted("linear")
    other = ask(Task(name="other", title="", annotation="upos", shape="word"), states.corpus)
    (alone,) = fit(states, [data], seeds=(1,))
    together, _ = fit(states, [data, other], seeds=(0, 1))
    assert np.mean(alone.predictions[:, 0] == together.predictions[:, 1]) > 0.995
    assert np.allclose(alone.dev_loss[:, 0], together.dev_loss[:, 1], rtol=1e-3)


def test_the_same_seed_gives_the_same_numbers() -> None:
    states, data = planted("linear")
    first, second = (fit(states, [data], seeds=(0, 1))[0] for _ in range(2))
    assert np.array_equal(first.predictions, second.predictions)
    assert np.array_equal(first.dev_loss, second.dev_loss)
    assert not np.array_equal(first.dev_loss[:, 0], first.dev_loss[:, 1])


def arcs(seed: int, features: str, span: str) -> tuple[States, Question, Task]:
    """Pairs of spans of several words; the label is the sign of a sum, or of a product, of the two
    spans."""
    rng = np.random.default_rng(seed)
    splits, values = {}, {}
    for split, n in SIZES.items():
        vectors = rng.normal(size=(1, n * WORDS, 8))
        passages = []
        for number in range(n):
            rows = (
                vectors[0, number * WORDS : (number + 1) * WORDS].astype(np.float16).astype(float)
            )
            edges = []
            for _ in range(6):
                half = WORDS // 2 + 1  # apart, so that a word does not meet itself in a product
                a = sorted(rng.choice(half, 2, replace=False))
                b = sorted(WORDS // 2 + rng.choice(half, 2, replace=False))
                first, second = (
                    (rows[s:e].mean(0) if span == "mean" else rows[s] + 2 * rows[e - 1])
                    for s, e in (a, b)
                )
                plain, product = first[0] - second[1], first[0] * second[0] + first[1] * second[1]
                value = product if features == "product" else plain
                if abs(value) < 0.1:  # some room between the classes
                    continue
                label = str(value > 0)
                edges.append(Edge(((int(a[0]), int(a[1])), (int(b[0]), int(b[1]))), label))
            forms = tuple(f"w{i}" for i in range(WORDS))
            passages.append(
                Passage(f"{split}{number}", f"{split}d", forms, {}, {"arcs": tuple(edges)})
            )
        splits[split], values[split] = tuple(passages), vectors
    task = Task(name="arcs", title="", annotation="arcs", shape="arc", features=features, span=span)  # type: ignore[arg-type]
    corpus = Corpus("arcs", splits)
    return made_states(corpus, values, kind=features + span), ask(task, corpus), task


@pytest.mark.parametrize("features", ["concat", "product"])
@pytest.mark.parametrize("span", ["mean", "ends"])
def test_spans_of_several_words_are_pooled(features: str, span: str) -> None:
    if (features, span) == ("product", "ends"):
        pytest.skip("the product is of mean ends, which is not what is planted")
    states, data, _ = arcs(4, features, span)
    (fitted,) = fit(states, [data], settings=FitSettings(words=400_000))
    assert scores(fitted)[0, 0] > 0.95


def test_vectors_are_brought_to_one_size() -> None:
    states, data, _ = arcs(4, "concat", "mean")
    train = Runs(states, "train", [data.splits["train"]])
    single = mixture(single_layers([0]), train, (0,), CPU)
    measured = scaling.measure(train, [data], (0,), single, CPU)
    words = states.read("train", 0, SIZES["train"] * WORDS, [0])[0].astype(np.float32)
    axes = measured.bases[0]
    assert axes is not None
    mapped = (words - measured.mean[0].numpy()) @ axes[0].numpy()
    pairs = []
    for spans in data.splits["train"].spans:
        pairs.append(np.concatenate([mapped[start:end].mean(0) for start, end in spans]))
    size = np.sqrt(np.square(pairs).mean())
    # Estimated along 64 random directions.
    assert measured.sizes.item() == pytest.approx(size, rel=0.1)


@pytest.mark.parametrize("kind", ["plain", "condition 100", "one direction x 1000"])
def test_axes_are_those_of_canonical_correlation(kind: str) -> None:
    """The Gram matrix of the axes, against canonical correlations of neighbouring words from QR and
    SVD."""
    rng = np.random.default_rng(12)
    n = 4_000
    topic = np.repeat(rng.normal(size=(n // 20, 3)), 20, axis=0)
    words = rng.normal(size=(n, 24))
    words[:, :3] += 2 * topic
    words = (words @ (np.eye(24) if kind == "plain" else oblique(kind))).astype(float)
    before, after = (
        np.linalg.qr(part - part.mean(0))[0]
        for part in (words[:-1].astype(float), words[1:].astype(float))
    )
    correlations = np.linalg.svd(before.T @ after, compute_uv=False)
    corpus = made_corpus(
        {"train": np.zeros(n), "dev": np.zeros(10), "test": np.zeros(10)}, words=10
    )
    states = made_states(
        corpus, {"train": words[None], "dev": words[None, :10], "test": words[None, :10]}
    )
    train = Runs(states, "train", [])
    moments = scaling._moments(train, (0,), mixture(single_layers([0]), train, (0,), CPU))
    assert moments.following is not None
    variance = moments.covariance[0].diagonal()
    factor = scaling._factor(moments.covariance[0], variance, 0)
    cross = scaling._in_white(moments.following[0], factor)
    drawn = scaling._shared_by_neighbours(cross, moments.n).double()
    found = torch.linalg.eigvalsh(drawn @ drawn.T) - scaling.FLOOR - scaling.CHANCE * 24 / n
    assert found.flip(0)[:3].numpy() == pytest.approx(correlations[:3] ** 2, abs=0.02)
    assert found[:-3].abs().max() < 0.02


def gaussian_classes(rng: np.random.Generator, matrix: np.ndarray) -> tuple[Arrays, Question]:
    """Eight classes that overlap, in 24 dimensions, seen through `matrix`."""
    means = rng.normal(size=(8, 24)) * 0.45
    labels = {split: rng.integers(0, 8, n) for split, n in words_in(SIZES).items()}
    values: dict[Split, np.ndarray] = {}
    for split, of_split in labels.items():
        plain = means[of_split] + rng.normal(size=(len(of_split), 24))
        values[split] = (plain @ matrix)[None].astype(np.float32)
    corpus = made_corpus(labels)
    return Arrays(corpus, (0,), values), ask(WORD, corpus)


def oblique(kind: str) -> np.ndarray:
    """An invertible matrix."""
    rng = np.random.default_rng(7)
    left, right = (np.linalg.qr(rng.normal(size=(24, 24)))[0] for _ in range(2))
    stretched = {
        "rotation": np.ones(24),
        "condition 100": np.geomspace(1, 100, 24),
        "one direction x 1000": np.where(np.arange(24) == 0, 1000.0, 1.0),
    }
    return left @ np.diag(stretched[kind]) @ right


@pytest.mark.parametrize("kind", ["rotation", "condition 100", "one direction x 1000"])
def test_an_invertible_map_of_the_states_changes_nothing(kind: str) -> None:
    plain, mapped = (
        fit(*_one(gaussian_classes(np.random.default_rng(6), matrix)), seeds=(0, 1, 2))[0]
        for matrix in (np.eye(24), oblique(kind))
    )
    assert 0.4 < scores(plain).mean() < 0.95
    assert abs(scores(plain).mean() - scores(mapped).mean()) < 0.01
    assert np.mean(plain.predictions == mapped.predictions) > 0.95


def _one(made: tuple[Arrays, Question]) -> tuple[Arrays, list[Question]]:
    return made[0], [made[1]]


def test_states_that_are_not_finite_are_refused() -> None:
    states, data = gaussian_classes(np.random.default_rng(9), np.eye(24))
    states.values["train"][0, 17, 3] = np.inf
    with pytest.raises(ModelError, match="not finite at layer 0:"):
        fit(states, [data])


@pytest.mark.parametrize("whitens_batches", [False, True])
def test_whitened_words_or_weights_are_the_same(
    whitens_batches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, data = gaussian_classes(np.random.default_rng(10), oblique("condition 100"))
    (words,) = fit(states, [data])
    monkeypatch.setattr("probekit.probes.training.MOST_BYTES", 0)
    monkeypatch.setattr(Training, "_whitens_batches", lambda self: whitens_batches)
    (others,) = fit(states, [data])
    assert np.mean(words.predictions == others.predictions) > 0.995
    assert words.dev_loss == pytest.approx(others.dev_loss, rel=1e-3)
    (again,) = predict([others], states, "test")
    np.testing.assert_array_equal(again, others.predictions)


@pytest.mark.parametrize("share, whitens", [(0.5, False), (1.5, True)])
def test_layers_trained_together_do_not_decide_whether_words_are_whitened(
    share: float, whitens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They depend on the number of threads and on the engine, and the numbers must not."""
    states, data = planted("linear")
    of_layer = 4 * n_words(states) * states.dim
    monkeypatch.setattr("probekit.probes.training.MOST_BYTES", int(share * of_layer))
    for layers in ([0], [0, 1]):
        training = Training(
            states, [data], head_of("linear"), single_layers(layers), (0,), FitSettings()
        )
        assert training._whitens_words(states) is whitens


@pytest.mark.parametrize("copies, whitens", [(1, False), (200, True)])
def test_batches_are_whitened_where_there_are_many_labels(copies: int, whitens: bool) -> None:
    states, data = gaussian_classes(np.random.default_rng(10), np.eye(24))
    settings = FitSettings(batch_words=1_024)
    training = Training(
        states, [data] * copies, head_of("linear"), single_layers([0]), (0,), settings
    )
    assert training._whitens_batches() is whitens


def test_a_larger_budget_is_not_worse() -> None:
    states, data = gaussian_classes(np.random.default_rng(8), np.eye(24))
    small, large = (
        fit(states, [data], settings=FitSettings(words=words))[0] for words in (20_000, 1_200_000)
    )
    assert small.epochs[0, 0] <= large.epochs[0, 0]
    assert scores(large)[0, 0] > scores(small)[0, 0] - 0.01


def test_a_product_needs_the_product_features() -> None:
    states, _, _ = arcs(5, "product", "mean")
    plain = ask(Task(name="plain", title="", annotation="arcs", shape="arc"), states.corpus)
    (fitted,) = fit(states, [plain], settings=FitSettings(words=400_000))
    assert scores(fitted)[0, 0] < 0.6
