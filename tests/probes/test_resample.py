"""Probes refitted on resamples of their training sentences."""

from __future__ import annotations

import numpy as np
import pytest

from probekit.corpora.passage import Corpus
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.tasks.question import ask
from probekit.tasks.resample import resample_train
from probekit.tasks.task import load_task
from tests.made import SIZES, WORDS, made_corpus, made_states
from tests.probes.test_fit import WORD, scores


def test_sentences_are_drawn_whole(sample: Corpus) -> None:
    question = ask(load_task("srl"), sample)
    drawn = resample_train(question, 3)
    weights = drawn.splits["train"].weights
    assert weights is not None and drawn.draw == 3
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    groups = drawn.splits["train"].groups
    for group in np.unique(groups)[:50]:
        assert len(set(weights[groups == group].tolist())) == 1
    # A sentence is left out with probability 1/e.
    of_groups = np.array([weights[groups == group][0] for group in np.unique(groups)])
    assert (of_groups == 0).mean() == pytest.approx(np.exp(-1), abs=0.05)
    assert drawn.splits["test"].weights is None


def test_a_draw_is_the_same_again_and_differs_from_others(sample: Corpus) -> None:
    question = ask(load_task("pos"), sample)
    first, again, other = (resample_train(question, n).splits["train"].weights for n in (1, 1, 2))
    assert first is not None and again is not None and other is not None
    assert (first == again).all() and (first != other).any()


def test_a_sentence_of_weight_two_counts_as_two() -> None:
    """Weights against the same sentences written out as often as they were drawn."""
    rng = np.random.default_rng(8)
    direction = rng.normal(size=(8, 3))
    vectors = {split: rng.normal(size=(1, n * WORDS, 8)) for split, n in SIZES.items()}
    labels = {}
    for split, words in vectors.items():
        noisy = words[0] @ direction + rng.normal(size=(words.shape[1], 3))
        labels[split] = noisy.argmax(-1)
    corpus = made_corpus(labels)
    states = made_states(corpus, vectors)
    drawn = resample_train(ask(WORD, corpus), 1)
    weights = drawn.splits["train"].weights
    assert weights is not None
    times = np.rint(weights / weights[weights > 0].min()).astype(int)
    again = np.repeat(np.arange(len(times)), times)
    repeated_labels = {**labels, "train": labels["train"][again]}
    repeated_vectors = {**vectors, "train": vectors["train"][:, again]}
    repeated = made_corpus(repeated_labels, name="repeated")
    settings = FitSettings(words=200_000)
    (weighted,) = fit(states, [drawn], settings=settings)
    (written_out,) = fit(
        made_states(repeated, repeated_vectors), [ask(WORD, repeated)], settings=settings
    )
    (plain,) = fit(states, [ask(WORD, corpus)], settings=settings)
    agree = (weighted.predictions == written_out.predictions).mean()
    assert agree > 0.97
    assert agree > (weighted.predictions == plain.predictions).mean()
    assert scores(weighted) == pytest.approx(scores(written_out), abs=0.02)
