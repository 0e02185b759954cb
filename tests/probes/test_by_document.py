"""Tasks whose labels are those of whole documents: these are resampled, and sentences are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Edge, Passage, Split
from probekit.probes.codelength import codelength
from probekit.probes.evaluate import task_counts
from probekit.probes.fit import fit
from probekit.states.states import States
from probekit.stats.bootstrap import bootstrap, interval, widened
from probekit.stats.metrics import METRICS
from probekit.tasks.by_document import are_of_documents
from probekit.tasks.part import part_of
from probekit.tasks.question import Question, ask
from probekit.tasks.resample import resample_train
from probekit.tasks.task import Task
from tests.made import made_states

POLARITY = Task(name="polarity", title="", annotation="label", shape="sentence")
PER_DOCUMENT = 5
SIZES: dict[Split, int] = {"train": 80, "dev": 20, "test": 60}  # documents


def corpus_of(labels: Sequence[str], per_document: int) -> Corpus:
    """Sentences of two words with these labels, the same in every split."""
    splits: dict[Split, tuple[Passage, ...]] = {}
    for split in SPLITS:
        passages = []
        for i, label in enumerate(labels):
            edges = {"label": (Edge(((0, 2),), label),)}
            document = f"{split}-{i // per_document}"
            passages.append(Passage(f"{split}-{i}", document, ("a", "b"), {}, edges))
        splits[split] = tuple(passages)
    return Corpus("c", splits)


def planted(seed: int = 0) -> tuple[States, Question]:
    """Documents with one label each, and vectors that tell it of most documents: all sentences of a
    document are right or wrong together."""
    random = np.random.default_rng(seed)
    splits: dict[Split, tuple[Passage, ...]] = {}
    values: dict[Split, np.ndarray] = {}
    for split, documents in SIZES.items():
        passages, vectors = [], []
        for number in range(documents):
            label = int(random.integers(2))
            seen = label if random.random() < 0.75 else 1 - label
            for i in range(PER_DOCUMENT):
                edges = {"label": (Edge(((0, 2),), ["bad", "good"][label]),)}
                name = f"{split}-{number}"
                passages.append(Passage(f"{name}-{i}", name, ("a", "b"), {}, edges))
                vectors += [np.eye(4)[seen] * 3 + random.normal(0, 0.1, 4) for _ in range(2)]
        splits[split] = tuple(passages)
        values[split] = np.stack(vectors)[None]
    corpus = Corpus("c", splits)
    return made_states(corpus, values), ask(POLARITY, corpus)


def over_sentences(question: Question) -> Question:
    """The same, with sentences to resample."""
    splits = {}
    for split, own in question.splits.items():
        splits[split] = replace(own, groups=own.read, passages=None)
    return replace(question, splits=splits)


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ([("aabbaa", [0, 0, 1, 1, 2, 2])], True),
        ([("aaaa", [0, 0, 1, 1])], True),
        ([("aabb", [0, 0, 1, 1])], False),  # each label is that of one document
        ([("aabb", [0, 0, 0, 1])], False),
        ([("abab", [0, 1, 2, 3])], False),
        ([("abab", [0, 0, 0, 0])], False),
        ([("aabbaa", [0, 0, 1, 1, 2, 2]), ("ab", [0, 1])], True),
        ([("aabbaa", [0, 0, 1, 1, 2, 2]), ("ab", [0, 0])], False),
    ],
)
def test_labels_are_of_documents(splits: list[tuple[str, list[int]]], expected: bool) -> None:
    arrays = [(np.array(list(labels)), np.array(documents)) for labels, documents in splits]
    assert are_of_documents(arrays) is expected


def test_documents_with_one_label_are_resampled_and_a_warning_says_so() -> None:
    question = ask(POLARITY, corpus_of(["good", "good", "bad", "bad"] * 10, 2))
    assert question.resampled == "document" and question.splits["test"].n_groups == 20
    assert question.splits["test"].read.tolist() == list(range(40))
    assert question.warnings == (
        "polarity: in 'c' each document has one label, so intervals resample the 20 documents of "
        "test, not its 40 texts",
    )
    drawn = resample_train(question, 1).splits["train"].weights
    assert drawn is not None and (drawn[0::2] == drawn[1::2]).all()


@pytest.mark.parametrize("per_document", [1, 2])
def test_other_sentences_are_resampled_alone(per_document: int) -> None:
    question = ask(POLARITY, corpus_of(["good", "bad"] * 20, per_document))
    assert question.resampled == "sentence" and question.splits["test"].n_groups == 40
    assert not question.warnings


def test_what_is_read_does_not_depend_on_what_is_resampled() -> None:
    states, question = planted()
    settings = pk.FitSettings(words=5_000)
    found = []
    for asked in (question, over_sentences(question)):
        (fitted,) = fit(states, [asked], seeds=(0,), settings=settings)
        found.append(fitted)
    assert (found[0].predictions == found[1].predictions).all()
    widths = []
    for asked in (question, over_sentences(question)):
        counts = task_counts(asked, "test", found[0].predictions)[:, 0]
        low, high = interval(bootstrap(METRICS["accuracy"].score, counts))
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(PER_DOCUMENT), rel=0.2)


@pytest.mark.parametrize("by_document", [True, False])
def test_intervals_cover_the_score_of_other_documents(by_document: bool) -> None:
    """Of 200 corpora; over sentences far too few cover it."""
    random, covered = np.random.default_rng(0), 0
    question = ask(POLARITY, corpus_of(np.repeat(["good", "bad"] * 20, 5).tolist(), 5))
    asked = question if by_document else over_sentences(question)
    gold = question.splits["test"].labels
    for _ in range(200):
        right = np.repeat(random.random(40) < 0.75, 5)
        counts = task_counts(asked, "test", np.where(right, gold, 1 - gold)[None])
        moved = bootstrap(METRICS["accuracy"].score, counts)
        low, high = interval(widened(moved, np.array([right.mean()]), counts.shape[1]))
        covered += bool(low[0] <= 0.75 <= high[0])
    assert covered >= 182 if by_document else covered <= 130


def test_a_code_resamples_documents_whose_sentences_are_in_many_blocks() -> None:
    states, question = planted()
    settings = pk.FitSettings(words=5_000)
    (code,) = codelength(states, [question], settings=settings)
    (alone,) = codelength(states, [over_sentences(question)], settings=settings)
    assert code.by_group.shape[-1] <= SIZES["train"] < alone.by_group.shape[-1]
    assert code.by_group.sum() == pytest.approx(alone.by_group.sum())
    assert code.total == pytest.approx(alone.total)


def test_a_part_keeps_documents_and_reads_its_own_sentences() -> None:
    states, question = planted()
    taken = np.array([3, 4, 5, 11])
    part = part_of(question, states.corpus, {"test": ("test", taken)}).splits["test"]
    assert part.read.tolist() == [0, 1, 2, 3]
    assert part.groups.tolist() == [0, 0, 1, 2]
    assert part.spans[:, 0].tolist() == [[0, 2], [2, 4], [4, 6], [6, 8]]
