"""Few: what is message of intervals from few sentences, and of those without width."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import SPLITS, Split
from probekit.tasks.question import FEW
from tests.made import WORDS, made_corpus, made_states
from tests.ranges import require_in_range

TASK = pk.Task(name="word", title="", annotation="upos", shape="word")
LABELS = 2


@pytest.mark.parametrize(
    ("sentences", "noise", "message"),
    [
        (1, 0.0, ["are in one sentence: there is no interval"]),
        (
            4,
            0.0,
            ["are in 4 sentences: with fewer than 20 intervals are rough, and one without width"],
        ),
        (FEW - 1, 3.0, ["are in 19 sentences"]),
        (FEW, 0.0, ["has no width, nothing varied among the 20 test sentences"]),
        (FEW, 0.5, []),
    ],
)
def test_one_notice_for_each_task(sentences: int, noise: float, message: list[str]) -> None:
    sizes: dict[Split, int] = {"train": 400, "dev": 100, "test": sentences * WORDS}
    rng = np.random.default_rng(0)
    labels = {split: rng.integers(0, LABELS, sizes[split]) for split in SPLITS}
    vectors = {split: np.eye(LABELS)[labels[split]] for split in SPLITS}
    noisy = {
        split: vectors[split] + noise * rng.normal(size=vectors[split].shape) for split in SPLITS
    }
    states = made_states(
        made_corpus(labels), {split: np.stack([noisy[split]] * 2) for split in SPLITS}
    )
    scores = pk.probe(states, TASK, probes=["linear", "mlp"])
    assert len(scores.warnings) == len(message), scores.warnings
    for warning, words in zip(scores.warnings, message, strict=True):
        assert warning.startswith("word: ") and words in warning and "'made'" in warning
    probed = scores.table.dropna(subset=["layer"])
    if not noise and sentences > 1:
        assert (probed["score"] == 1).all() and (probed["ci_low"] == probed["ci_high"]).all()


def test_documents_are_counted_where_they_are_resampled(small: pk.Corpus) -> None:
    few = pk.Corpus("few", {**small.splits, "test": small.splits["test"][:40]})
    n = len({passage.document for passage in few.splits["test"]})
    assert 1 < n < FEW
    warnings = pk.ask(pk.load_task("coref"), few).warnings
    assert any(f"'few' are in {n} documents" in warning for warning in warnings)


@pytest.mark.parametrize("seed", [0, 1])
def test_intervals_stay_within_the_range_of_their_column(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Widened for three sentences, those of scores near 1 would leave it."""
    monkeypatch.setattr("probekit.probes.probe.SWEEP", ("rank:1", "linear"))
    sizes: dict[Split, int] = {"train": 400, "dev": 100, "test": 3 * WORDS}
    rng = np.random.default_rng(seed)
    labels = {split: rng.integers(0, LABELS, sizes[split]) for split in SPLITS}
    values: dict[Split, np.ndarray] = {}
    for split, of_split in labels.items():
        told = np.eye(LABELS)[of_split]
        values[split] = np.stack([rng.normal(size=told.shape), told])
        values[split][1] += 0.3 * rng.normal(size=told.shape)
    splits = {}
    for split, passages in made_corpus(labels).splits.items():
        words = tuple(f"w{number}" for number in range(WORDS))  # a control needs known words
        splits[split] = tuple(replace(passage, words=words) for passage in passages)
    scores = pk.probe(
        made_states(pk.Corpus("made", splits), values),
        TASK,
        control=True,
        mix=True,
        capacity=True,
        resample_train=2,
        progress=False,
    )
    require_in_range(scores)
    assert {"selectivity", "mixes", "capacity", "intervals"} <= set(scores.tables)
