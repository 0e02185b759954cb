"""Few sentences: intervals of changes, widened for three of them, stay within their range."""

from __future__ import annotations

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import SPLITS, Split
from probekit.states.states import States
from tests.made import WORDS, made_corpus, made_states
from tests.ranges import require_in_range

TASK = pk.Task(name="word", title="", annotation="upos", shape="word")
LABELS = 2


def two_checkpoints() -> tuple[States, States]:
    """One whose upper layer tells nearly every label, and one whose lower layer hints at some."""
    sizes: dict[Split, int] = {"train": 400, "dev": 100, "test": 3 * WORDS}
    rng = np.random.default_rng(1)
    labels = {split: rng.integers(0, LABELS, sizes[split]) for split in SPLITS}
    corpus = made_corpus(labels)
    found = []
    for name, noise, up in (("before", 0.25, 1), ("after", 6.0, -1)):
        values: dict[Split, np.ndarray] = {}
        for split in SPLITS:
            told = np.eye(LABELS)[labels[split]]
            told = np.concatenate([told, rng.normal(size=told.shape)], axis=1)
            told = told + noise * rng.normal(size=told.shape)
            values[split] = np.stack([rng.normal(size=told.shape), told])[::up]
        found.append(made_states(corpus, values, weights=name))
    return found[0], found[1]


@pytest.mark.parametrize("is_turned", [False, True])
def test_changes_stay_within_the_range_of_their_column(is_turned: bool) -> None:
    before, after = two_checkpoints()
    if is_turned:
        before, after = after, before
    found = pk.compare(before, after, TASK, seeds=2, resample_train=2, progress=False)
    require_in_range(found)
    ends = found.decomposition[["drop_low", "drop_high"]].abs().max(axis=None)
    assert ends == 1  # as far as a drop can go, and no further
