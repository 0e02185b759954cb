"""Mixes of layers: the weights point to the layer that was planted, and to none where all agree."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.corpora.passage import Split
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.view import View, cumulative_mixes, single_layers
from probekit.states.states import States
from probekit.tasks.question import Question, ask
from tests.made import SIZES, WORDS, made_corpus, made_states
from tests.probes.test_fit import WORD, scores

DIM = 16
LAYERS = (0, 1, 2, 3)


def informative_at(layer: int | None, *, scale: float = 1.0) -> tuple[States, Question]:
    """Four layers of noise, of which one tells four classes; None for the same layer four times."""
    rng = np.random.default_rng(5)
    direction = np.linalg.qr(rng.normal(size=(DIM, 4)))[0]
    values: dict[Split, np.ndarray] = {}
    labels: dict[Split, np.ndarray] = {}
    for split, sentences in SIZES.items():
        n = sentences * WORDS
        labels[split] = rng.integers(0, 4, n)
        told = 3 * direction.T[labels[split]]
        if layer is None:
            one = rng.normal(size=(n, DIM)) + told
            values[split] = np.stack([one] * len(LAYERS))
        else:
            values[split] = rng.normal(size=(len(LAYERS), n, DIM))
            values[split][layer] += told
            values[split][layer] *= scale
    corpus = made_corpus(labels)
    return made_states(corpus, values), ask(WORD, corpus)


@pytest.mark.parametrize("scale", [1.0, 1000.0, 0.001])
def test_one_informative_layer_has_the_weight(scale: float) -> None:
    """However large its numbers are."""
    states, question = informative_at(2, scale=scale)
    (fitted,) = fit(states, [question], views=[View(LAYERS, "mix")])
    assert fitted.shares.shape == (1, 1, 4)
    assert fitted.shares.sum() == pytest.approx(1, abs=1e-5)
    assert fitted.shares[0, 0, 2] > 0.9
    (alone,) = fit(states, [question], views=[View((2,))])
    assert scores(fitted)[0, 0] > scores(alone)[0, 0] - 0.02


def test_equal_layers_have_equal_weights() -> None:
    states, question = informative_at(None)
    layers = LAYERS[:3]  # a third has no exact binary fraction: gradients are those of rounding
    (fitted,) = fit(states, [question], views=[View(layers, "mix")])
    shares = fitted.shares[0, 0, :3]
    divergence = float((shares * np.log(shares * len(layers))).sum())
    assert divergence == pytest.approx(0, abs=1e-6)
    (alone,) = fit(states, [question])
    assert scores(fitted)[0, 0] == pytest.approx(scores(alone)[0, 0], abs=0.01)


@pytest.mark.slow
def test_cumulative_mixes_see_a_layer_once_they_reach_it() -> None:
    states, question = informative_at(2)
    (fitted,) = fit(states, [question], views=[*single_layers(LAYERS), *cumulative_mixes(LAYERS)])
    assert fitted.layers == (0, 1, 2, 3, 1, 2, 3)
    accuracy = scores(fitted)[:, 0]
    assert accuracy[[0, 1, 3, 4]] == pytest.approx(0.25, abs=0.06)
    assert (accuracy[[2, 5, 6]] > 0.9).all()
    assert (fitted.shares[:4, 0] == np.eye(4)).all()
    assert (fitted.shares[4, 0, 2:] == 0).all() and (fitted.shares[5, 0, 3:] == 0).all()


@pytest.mark.slow
def test_a_mix_does_not_depend_on_what_is_fitted_with_it() -> None:
    states, question = informative_at(1)
    settings = FitSettings(words=20_000)
    both = fit(
        states,
        [question, question],
        seeds=(0, 1),
        views=cumulative_mixes(LAYERS),
        settings=settings,
    )
    (alone,) = fit(states, [question], seeds=(1,), views=[View(LAYERS, "mix")], settings=settings)
    assert both[0].predictions.shape[:2] == (3, 2) and both[0].seeds == (0, 1)
    assert both[1].shares[-1, 1] == pytest.approx(alone.shares[0, 0], abs=1e-4)
    assert (both[0].shares[-1, 0] != both[0].shares[-1, 1]).any()
