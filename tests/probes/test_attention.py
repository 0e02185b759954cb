"""Attention over spans: the arithmetic against loops, gradients against finite differences, and a
word that must be found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from probekit.corpora.passage import Corpus, Edge, Passage, Split
from probekit.probes.attention import attended, attention_weights, members
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.stack import generator
from probekit.states.arrays import Arrays
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.made import WORDS
from tests.probes.test_fit import scores

SPANS = ((0, 3), (2, 3), (1, 6), (0, 6))
SIZES: dict[Split, int] = {"train": 300, "dev": 80, "test": 80}
DIM = 8
MARK = 6.0


def ends() -> tuple[torch.Tensor, torch.Tensor]:
    start, end = torch.tensor(SPANS).T
    return start, end


def made(size: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Values `(2, 6, 3 * 4)` and scores `(2, 6, 3)`: of two layers, six words and three seeds."""
    drawn = torch.Generator().manual_seed(0)
    values = torch.randn(2, 6, 12, generator=drawn, dtype=torch.float64)
    scores_drawn = torch.randn(2, 6, 3, generator=drawn, dtype=torch.float64) * size
    return values, scores_drawn


@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_weights_and_means_are_those_of_a_loop(size: float) -> None:
    values, score = made(size)
    start, end = ends()
    found = members(start, end)
    weights = attention_weights(score, found).numpy()
    pooled = attended(values, score, start, end).numpy()
    assert np.isfinite(weights).all()
    for layer in range(2):
        for seed in range(3):
            of_seed = slice(4 * seed, 4 * seed + 4)
            for i, (first, last) in enumerate(SPANS):
                each = score[layer, first:last, seed].numpy()
                expected = np.exp(each - each.max())
                expected /= expected.sum()
                mine = weights[layer, found.spans.numpy() == i, seed]
                assert np.allclose(mine, expected)
                mean = expected @ values[layer, first:last, of_seed].numpy()
                assert np.allclose(pooled[layer, i, of_seed], mean)


def test_equal_scores_give_the_mean() -> None:
    values, score = made(0.0)
    pooled = attended(values, score, *ends())
    for i, (first, last) in enumerate(SPANS):
        assert torch.allclose(pooled[:, i], values[:, first:last].mean(1))


def test_gradients_are_those_of_finite_differences() -> None:
    values, score = made()
    start, end = ends()
    inputs = (values.requires_grad_(), score.requires_grad_())
    assert torch.autograd.gradcheck(lambda v, s: attended(v, s, start, end), inputs)


# A planted word


def marked() -> tuple[Arrays, Corpus]:
    """Spans of one to seven words. One word of each is marked, by its first number, and the sign of
    its second number is the label; the second numbers of all other words are noise."""
    rng = np.random.default_rng(5)
    splits: dict[Split, Any] = {}
    values: dict[Split, np.ndarray] = {}
    for split, n in SIZES.items():
        vectors = rng.normal(size=(1, n * WORDS, DIM)).astype(np.float32)
        passages = []
        for number in range(n):
            length = int(rng.integers(4, 8))
            first = int(rng.integers(0, WORDS - length + 1))
            at = int(rng.integers(first, first + length))
            word = vectors[0, number * WORDS + at]
            word[0] += MARK
            label = str(bool(word[1] > 0))
            edge = Edge(((first, first + length),), label)
            forms = tuple(f"w{i}" for i in range(WORDS))
            name = f"{split}{number}"
            passages.append(Passage(name, name, forms, {}, {"spans": (edge,)}))
        splits[split], values[split] = tuple(passages), vectors
    corpus = Corpus("marked", splits)
    return Arrays(corpus, (0,), values), corpus


def fitted_with(span: str, probe: str) -> Fitted:
    states, corpus = marked()
    task = Task(name="spans", title="", annotation="spans", shape="span", span=span)  # type: ignore[arg-type]
    (fitted,) = fit(states, [ask(task, corpus)], probe=probe, settings=FitSettings(words=150_000))
    return fitted


@pytest.mark.parametrize("probe, span", [("linear", "attention"), ("edge", "mean")])
def test_attention_finds_the_word_that_carries_the_label(probe: str, span: str) -> None:
    mean = fitted_with("mean", "linear")
    fitted = fitted_with(span, probe)
    assert scores(fitted)[0, 0] > scores(mean)[0, 0] + 0.1
    assert scores(fitted)[0, 0] > 0.9
    # The weight of the word with the mark, in spans of the test split.
    states, _ = marked()
    words = torch.from_numpy(states.read("test", 0, SIZES["test"] * WORDS, [0])).float()
    ((_, stack),) = fitted.stacks
    of_scores = stack.columns[0][1]
    spans = torch.from_numpy(fitted.question.splits["test"].spans[:, 0])
    found = members(spans[:, 0], spans[:, 1])
    weights = attention_weights(words @ stack.first.data[:, :, of_scores], found)[0, :, 0]
    at_mark = []
    for i in range(len(spans)):
        mine = found.spans == i
        place = words[0, found.words[mine], 0].argmax()
        at_mark.append(weights[mine][place].item())
    assert np.median(at_mark) > 0.9


def test_dropout_is_drawn_from_the_task_alone() -> None:
    first, second = generator(("pos", "noise")), generator(("pos", "noise"))
    assert torch.equal(torch.rand(5, generator=first), torch.rand(5, generator=second))
    other = generator(("dep", "noise"))
    assert not torch.equal(
        torch.rand(5, generator=generator(("pos", "noise"))), torch.rand(5, generator=other)
    )


def test_an_edge_probe_does_not_depend_on_its_company() -> None:
    states, corpus = marked()
    task = Task(name="spans", title="", annotation="spans", shape="span")
    other = Task(name="other", title="", annotation="spans", shape="span")
    settings = FitSettings(words=20_000)
    (alone,) = fit(states, [ask(task, corpus)], probe="edge", settings=settings, seeds=(1,))
    both = [ask(other, corpus), ask(task, corpus)]
    _, together = fit(states, both, probe="edge", settings=settings, seeds=(0, 1))
    assert np.allclose(alone.dev_loss[:, 0], together.dev_loss[:, 1], rtol=0.02)
