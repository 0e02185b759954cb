"""Codelength: random labels cost log2 K bits each, planted ones few, and blocks add up."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from probekit.corpora.passage import Corpus, Split
from probekit.engine.engine import Report
from probekit.errors import TaskError
from probekit.probes.codelength import SHARES, SHUFFLE, Code, codelength
from probekit.probes.fit_settings import FitSettings
from probekit.probes.online import Online
from probekit.probes.stack_plan import StackPlan
from probekit.states.states import States
from probekit.tasks.question import Question, ask
from probekit.tasks.task import load_task
from tests.made import WORDS, made_corpus, made_states
from tests.probes.test_fit import WORD

DIM, LABELS = 12, 4


def states_of(kind: str, sentences: int = 2_000, dim: int = DIM) -> tuple[States, Question]:
    """Layer 0 gives labels away as `kind` says; layer 1 is noise."""
    rng = np.random.default_rng(4)
    sizes: dict[Split, int] = {"train": sentences, "dev": 100, "test": 20}
    labels: dict[Split, np.ndarray] = {}
    values: dict[Split, np.ndarray] = {}
    for split, n in sizes.items():
        labels[split] = rng.integers(0, LABELS, n * WORDS)
        values[split] = rng.normal(size=(2, n * WORDS, dim))
        if kind == "planted":
            values[split][0] += 12 * np.eye(DIM)[labels[split]]
        if kind == "half":
            # The label's last bit is in the vectors, its other bit is not.
            values[split][0] += 12 * np.eye(DIM)[labels[split] % 2]
    corpus = made_corpus(labels)
    return made_states(corpus, values), ask(WORD, corpus)


def per_instance(code: Code) -> np.ndarray:
    """Bits of an instance, of each view's only seed."""
    return code.total[:, 0] / code.n


@pytest.mark.slow
def test_random_labels_cost_what_a_uniform_code_costs() -> None:
    (code,) = codelength(*_one("random"))
    assert per_instance(code) == pytest.approx(np.log2(LABELS), rel=0.01)


@pytest.mark.parametrize("probe", ["linear", "mlp", "rank:2"])
def test_random_labels_cost_no_more_where_vectors_are_wide(probe: str) -> None:
    """So wide that a probe can tell most words of a part apart, and learn their labels by heart."""
    states, question = states_of("random", sentences=300, dim=384)
    (code,) = codelength(states, [question], probe=probe)
    assert per_instance(code) == pytest.approx(np.log2(LABELS), rel=0.01)
    assert (code.scores < 0.5).any()  # of what is predicted, not of the uniform code


def test_the_code_of_a_task_does_not_depend_on_the_others() -> None:
    states, question = states_of("planted", sentences=300)
    few = question.splits["train"]
    is_rare = few.groups % 25 == 0
    rare = replace(question, splits={**question.splits, "train": few.take(np.flatnonzero(is_rare))})
    (alone,) = codelength(states, [question])
    together, of_rare = codelength(states, [question, rare])
    assert alone.sentences.tolist() == together.sentences.tolist()
    assert len(of_rare.sentences) < len(alone.sentences)
    assert together.total == pytest.approx(alone.total, rel=1e-4)


@pytest.mark.slow
def test_planted_labels_cost_what_is_sent_before_they_are_learned() -> None:
    (code,) = codelength(*_one("planted"))
    planted, noise = per_instance(code)
    assert noise == pytest.approx(np.log2(LABELS), rel=0.01)
    assert planted < 0.06
    # The first block cannot be learned from anything.
    assert code.total[0, 0] > code.first * np.log2(LABELS)


@pytest.mark.slow
def test_half_of_the_label_costs_half() -> None:
    (code,) = codelength(*_one("half"))
    half = per_instance(code)[0]
    assert half == pytest.approx(1.0, abs=0.08) and half > 1


@pytest.mark.slow
def test_blocks_add_up() -> None:
    states, (question,) = _one("planted")
    (code,) = codelength(states, [question], seeds=(0, 1))
    assert code.bits.shape == code.scores.shape == (2, 2, len(SHARES) - 1)
    first = code.first * np.log2(LABELS)
    assert code.total == pytest.approx(first + code.by_group.sum(-1), rel=1e-5)
    assert code.n == len(question.splits["train"])
    assert code.uniform_bits == pytest.approx(2 * code.n)
    expected = [round(share * 2_000) for share in SHARES[:-1]]
    assert code.sentences.tolist() == expected
    assert code.first == 2 * WORDS
    assert (code.scores[0, :, 3:] > 0.95).all()
    assert code.scores[1, :, -1] == pytest.approx(1 / LABELS, abs=0.03)


@pytest.mark.slow
def test_a_block_is_coded_by_probes_that_have_not_seen_its_labels() -> None:
    """Other labels in the last block change nothing of the blocks before it, and all of its own."""
    states, (question,) = _one("planted")
    (code,) = codelength(states, [question])
    train = question.splits["train"]
    order = np.random.default_rng(SHUFFLE).permutation(2_000)
    is_last = np.isin(train.groups, order[1_000:])
    others = np.where(is_last, (train.labels + 1) % LABELS, train.labels)
    splits = {**question.splits, "train": replace(train, labels=others)}
    (other,) = codelength(states, [replace(question, splits=splits)])
    assert (other.bits[..., :-1] == code.bits[..., :-1]).all()
    assert code.scores[0, 0, -1] > 0.95 and other.scores[0, 0, -1] < 0.05


class Elsewhere:
    """An engine whose work is sent, stack by stack, as to another process."""

    def run(self, work: Online, jobs: Sequence[StackPlan], report: Report) -> list[Any]:
        found: list[Any] = []
        for job in jobs:
            there = pickle.loads(pickle.dumps(work))
            found += there.run([pickle.loads(pickle.dumps(job))], report)
        return found


@pytest.mark.slow
def test_the_work_can_be_sent_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    states, (question,) = _one("half")
    (code,) = codelength(states, [question], seeds=(0, 1))
    monkeypatch.setattr("probekit.probes.codelength.current", Elsewhere)
    (sent,) = codelength(states, [question], seeds=(0, 1))
    np.testing.assert_array_equal(sent.bits, code.bits)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["srl", "ner", "coref"])
def test_every_block_has_instances(sample: Corpus, name: str) -> None:
    """Also where few sentences have one, and where documents are few."""
    task = load_task(name)
    rng = np.random.default_rng(0)
    values = {}
    for split in sample.splits:
        values[split] = rng.normal(size=(1, int(sample.offsets(split)[-1]), 8))
    states = made_states(sample, values)
    object.__setattr__(states, "context", task.context)
    question = ask(task, sample)
    (code,) = codelength(states, [question], settings=FitSettings(words=2_000))
    assert (code.instances > 0).all() and code.n == len(question.splits["train"])
    assert np.isfinite(code.bits).all()


def test_too_little_to_code() -> None:
    states, question = states_of("random", sentences=9)
    with pytest.raises(TaskError, match="90 training instances: a codelength needs 100"):
        codelength(states, [question])


def _one(kind: str) -> tuple[States, list[Question]]:
    states, question = states_of(kind)
    return states, [question]
