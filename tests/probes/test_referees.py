"""The referees of the benchmarks, checked against something else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from tests.benchmarks import logistic

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
        peer = LogisticRegression(C=answer.c, max_iter=5_000, tol=1e-8).fit(x["train"].double().numpy(), labels)
        for split in ("dev", "test"):
            same = answer.predictions[split] == peer.predict(x[split].double().numpy())  # type: ignore[index]
            assert same.mean() >= 0.99


def test_a_regression_that_has_not_converged_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "ITERATIONS", 2)
    x = correlated(600, seed=1)
    with pytest.raises(RuntimeError, match="not converged at C = 1"):
        logistic.regression(x, torch.from_numpy(labels_of(x)), 1.0, torch.zeros(21, CLASSES))
