"""What the benchmarks hold probes against: the referee agrees with scikit-learn, and reads what
probes read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from probekit.corpora.passage import Split
from probekit.states.states import States
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.benchmarks import logistic
from tests.benchmarks.cut import cut
from tests.benchmarks.standardised import standardised
from tests.made import SIZES, WORDS, made_corpus, made_states

CLASSES = 5


def correlated(n: int, seed: int) -> torch.Tensor:
    """Standardised vectors of very different variances along their principal axes: `(n, 20)`."""
    drawn = np.random.default_rng(seed).standard_normal((n, 20))
    mixing = np.random.default_rng(7).standard_normal((20, 20)) * np.geomspace(0.03, 3, 20)
    mixed = drawn @ mixing.T
    return torch.from_numpy((mixed - mixed.mean(0)) / mixed.std(0)).float()


def labels_of(x: torch.Tensor) -> np.ndarray:
    """Labels that a linear map gives with some noise: `(n,)`."""
    weights = np.random.default_rng(8).standard_normal((x.shape[1], CLASSES))
    noise = np.random.default_rng(9).gumbel(size=(len(x), CLASSES))
    return np.asarray((x.numpy() @ weights + 2 * noise).argmax(1))


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_the_regression_agrees_with_scikit_learn(c: float) -> None:
    x = correlated(600, seed=1)
    labels = labels_of(x)
    target = torch.from_numpy(labels)
    ours = logistic.regression(x, target, c, torch.zeros(21, CLASSES))
    peer = LogisticRegression(C=c, max_iter=5_000, tol=1e-8).fit(x.double().numpy(), labels)
    theirs = torch.from_numpy(np.vstack([peer.coef_.T, peer.intercept_])).float()
    assert logistic.objective(x, target, c, ours).item() == pytest.approx(
        logistic.objective(x, target, c, theirs).item(), abs=1e-4
    )
    probabilities = logistic.scores(x, ours).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, peer.predict_proba(x.double().numpy()), atol=1e-2)


def test_all_answers_agree_with_scikit_learn_where_a_number_never_varies() -> None:
    x = {split: correlated(400, seed) for seed, split in enumerate(("train", "dev", "test"))}
    labels = labels_of(x["train"])
    with_null = {split: torch.cat([rows, torch.zeros(400, 1)], dim=1) for split, rows in x.items()}
    for answer in logistic.answers(with_null, labels, CLASSES):  # type: ignore[arg-type]
        peer = LogisticRegression(C=answer.c, max_iter=5_000, tol=1e-8).fit(
            x["train"].double().numpy(), labels
        )
        for split in ("dev", "test"):
            same = answer.predictions[split] == peer.predict(x[split].double().numpy())
            assert same.mean() >= 0.99


def test_a_regression_that_has_not_converged_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "ITERATIONS", 2)
    x = correlated(600, seed=1)
    with pytest.raises(RuntimeError, match="not converged at C = 1"):
        logistic.regression(x, torch.from_numpy(labels_of(x)), 1.0, torch.zeros(21, CLASSES))


def states_of_noise() -> tuple[States, dict[Split, np.ndarray]]:
    """States of two layers and five numbers, the last of which never varies; and their vectors."""
    rng = np.random.default_rng(3)
    values = {
        split: rng.standard_normal((2, n, 5)).astype(np.float16) for split, n in SIZES.items()
    }
    for vectors in values.values():
        vectors[:, :, 4] = 0.3
    corpus = made_corpus({split: rng.integers(0, 3, n) for split, n in SIZES.items()})
    return made_states(corpus, values, shard_words=70), values


def test_standardised_vectors_are_finite_where_a_number_never_varies() -> None:
    states, values = states_of_noise()
    data = ask(Task(name="noise", title="", annotation="upos", shape="word"), states.corpus)
    found = standardised(states, data, layer=1)
    train = values["train"][1, :, :4].astype(np.float64)
    for split in ("train", "dev", "test"):
        expected = (values[split][1, :, :4] - train.mean(0)) / train.std(0)
        np.testing.assert_allclose(found[split][:, :4].numpy(), expected, atol=1e-3)
        assert (found[split][:, 4] == 0).all()


def test_a_cut_has_the_words_of_its_sentences() -> None:
    states, values = states_of_noise()
    part = cut(states, 7)
    assert len(part.corpus.splits["train"]) == 7
    n_words = 7 * WORDS
    read = part.read("train", 5, n_words, [1])
    # A word's form in this corpus is its place: w12train is the thirteenth.
    forms = [word for passage in part.corpus.splits["train"] for word in passage.words]
    places = [int(form.removeprefix("w").removesuffix("train")) for form in forms]
    np.testing.assert_array_equal(read[0], values["train"][1, places[5:]])
    assert places[0] == 0 and places[-1] == SIZES["train"] - 1


def test_a_cut_of_documents_keeps_them_whole() -> None:
    states, _ = states_of_noise()
    whole = states.corpus.splits["train"]
    part = cut(replace(states, context="document"), 10).corpus.splits["train"]
    assert len(part) == 10
    chosen = {passage.document for passage in part}
    assert len(chosen) == 2
    assert [p.id for p in part] == [p.id for p in whole if p.document in chosen]
