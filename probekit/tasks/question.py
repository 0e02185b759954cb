"""Question: a task over a corpus, with its instances in each split, in columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from probekit import doors
from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.corpora.texts import Texts
from probekit.errors import TaskError, nearest, unknown
from probekit.tasks.by_document import are_of_documents, one_label
from probekit.tasks.shapes import SHAPES, Labelled, carries, features
from probekit.tasks.syntactic_head import head_words
from probekit.tasks.task import Task

MOST_LABELS = 4_000  # a probe scores every instance for each label
FEW = 20  # intervals from fewer sentences or documents are rough
MOST_SHOWN = 5  # labels that a warning lists
UNSEEN = -1  # a label not in training: no probe can predict it, so it always counts as wrong


@dataclass(frozen=True)
class Instances:
    """What a probe is trained or evaluated on.

    Attributes:
        spans: `(n, arity, 2)` first word and word after the last, as positions among all words of
            the split (`Corpus.offsets`); instances are in the order of their passages.
        labels: `(n,)` index into `classes`, or UNSEEN.
        groups: `(n,)` the unit that is resampled for intervals: the passage's number in the split,
            or the document's for tasks with document context, and where each document has one label
            (see `by_document`). Never decreases.
        classes: the labels in the training split, sorted.
        gold: `(n,)` the labels as texts, also those that training lacks.
        weights: `(n,)` float32, how often each instance counts in training, 1 on average; None for
            once each.
        heads: `(n, arity)` the syntactic head of each span, as a position among all words of the
            split, where probes read that word alone; None where they read all words.
        passages: `(n,)` the number of the passage that is read, where each document has one label;
            None where what is read is what is resampled.
    """

    spans: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    gold: Texts
    weights: np.ndarray | None = None
    heads: np.ndarray | None = None
    passages: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Instances:
        """The instances of these numbers, or where this is true."""
        return replace(
            self,
            spans=self.spans[rows],
            labels=self.labels[rows],
            groups=self.groups[rows],
            gold=self.gold.take(rows),
            weights=None if self.weights is None else self.weights[rows],
            heads=None if self.heads is None else self.heads[rows],
            passages=None if self.passages is None else self.passages[rows],
        )

    @property
    def read(self) -> np.ndarray:
        """`(n,)` the number of the passage, or the document, that is read for each."""
        return self.groups if self.passages is None else self.passages

    @property
    def read_spans(self) -> np.ndarray:
        """What probes read of the spans, `(n, arity, 2)`: all of them, or their heads alone."""
        if self.heads is None:
            return self.spans
        return np.stack([self.heads, self.heads + 1], axis=-1)

    @property
    def n_groups(self) -> int:
        """The number of units to resample."""
        return len(np.unique(self.groups))


@dataclass(frozen=True)
class Question:
    """A task over a corpus.

    Attributes:
        task: what is asked.
        splits: instances of train, dev and test, over the same classes.
        warnings: one sentence each: how many instances were left out, and why.
        labels: `gold`, those annotated; `control`, drawn for each type (see `control`).
        draw: of the training sentences (see `resample`); 0 is the training split as it is.
    """

    task: Task
    splits: dict[Split, Instances]
    warnings: tuple[str, ...] = ()
    labels: Literal["gold", "control"] = "gold"
    draw: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the training split, sorted."""
        return self.splits["train"].classes

    @property
    def resampled(self) -> str:
        """What intervals resample: `sentence` or `document`."""
        return self.task.context if self.splits["test"].passages is None else "document"


def ask(task: Task, corpus: Corpus) -> Question:
    """Find the instances of `task` in every split of `corpus`.

    Raises:
        TaskError: if the corpus lacks the annotation, a split has no instance, or training has one
            label only; with the warnings of reading the corpus.
    """
    doors.of_type("task", task, Task)
    doors.of_type("corpus", corpus, Corpus)
    if task.is_behaviour:
        raise TaskError(
            f"the task '{task.name}' asks a language model, not a probe: see `ask_behaviour`"
        )
    if task.is_structural:
        raise TaskError(
            f"the task '{task.name}' asks for trees, not for labels of spans: see `ask_trees`"
        )
    try:
        return _instances(task, corpus)
    except TaskError as error:
        raise TaskError(corpus.with_warnings(str(error))) from error


def _instances(task: Task, corpus: Corpus) -> Question:
    _check_annotation(task, corpus)
    found = {split: SHAPES[task.shape](task, corpus.splits[split]) for split in SPLITS}
    kinds = {split: set(labelled.labels.kinds()) for split, labelled in found.items()}
    left_out = {label for label in set().union(*kinds.values()) if _excluded(task, label)}
    for split in SPLITS:
        _check_split(task, corpus, split, kinds[split] - left_out)
    classes = tuple(sorted(kinds["train"] - left_out))
    _check_classes(task, corpus, classes)
    by_document = _have_documents_labels(task, corpus, found, left_out)
    splits: dict[Split, Instances] = {}
    for split in SPLITS:
        splits[split] = _columns(task, corpus, split, found[split], left_out, classes, by_document)
    n_found = sum(len(labelled.labels) for labelled in found.values())
    question = Question(task, splits)
    warnings = [*_left_out(task, n_found, splits), *_few(question, corpus)]
    return replace(question, warnings=tuple(warnings))


def ask_elsewhere(question: Question, corpus: Corpus) -> Question:
    """The question with the test instances of another corpus; what is trained on stays.

    Raises:
        TaskError: if that corpus lacks the annotation, or its test split has no instance.
    """
    task = question.task
    _check_annotation(task, corpus)
    found = SHAPES[task.shape](task, corpus.splits["test"])
    kinds = set(found.labels.kinds())
    left_out = {label for label in kinds if _excluded(task, label)}
    _check_split(task, corpus, "test", kinds - left_out)
    by_document = _have_documents_labels(task, corpus, {"test": found}, left_out)
    test = _columns(task, corpus, "test", found, left_out, question.classes, by_document)
    there = replace(question, splits={**question.splits, "test": test})
    if (test.labels == UNSEEN).all():
        known, theirs = _named(question.classes), _named(sorted(set(test.gold.texts())))
        raise TaskError(
            f"no test label of '{corpus.name}' for '{task.name}' is one that training has: it has "
            f"{theirs}, and training {known}; give both corpora the same names of labels"
        )
    warnings = [*_unknown_there(task, corpus, test), *_few(there, corpus)]
    return replace(there, warnings=tuple(warnings))


def _unknown_there(task: Task, corpus: Corpus, test: Instances) -> Iterator[str]:
    """A warning about labels of another corpus that training lacks."""
    is_unknown = test.labels == UNSEEN
    if is_unknown.any():
        shown = _named(sorted(set(test.gold.take(is_unknown).texts())))
        yield (
            f"{task.name}: {is_unknown.mean():.1%} of the {len(test):,} test instances of "
            f"'{corpus.name}' have a label that training lacks ({shown}); they count as wrong"
        )


def _named(labels: Sequence[str]) -> str:
    """The first few labels."""
    return ", ".join(labels[:MOST_SHOWN]) + (", …" if len(labels) > MOST_SHOWN else "")


def _check_annotation(task: Task, corpus: Corpus) -> None:
    if not carries(task, corpus):
        annotations = ", ".join(sorted(corpus.word_annotations | corpus.span_annotations)) or "none"
        raise TaskError(
            f"the corpus '{corpus.name}' cannot carry the task '{task.name}': it has no annotation "
            f"'{task.annotation}' for the shape '{task.shape}' (its annotations: {annotations})"
            f"{_hint(task, corpus)}"
        )


def _check_split(task: Task, corpus: Corpus, split: Split, labels: set[str]) -> None:
    passages = corpus.splits[split]
    if not passages:
        raise TaskError(
            f"'{corpus.name}' has no {split} split: probes need train, dev and test, "
            "as files with these names or as one file that is split by document"
        )
    if not labels:
        raise TaskError(
            f"task '{task.name}' finds no instance of the annotation '{task.annotation}' "
            f"in the {split} split of '{corpus.name}' ({len(passages)} passages)"
        )


def _check_classes(task: Task, corpus: Corpus, classes: tuple[str, ...]) -> None:
    if len(classes) < 2:
        raise TaskError(
            f"task '{task.name}' has one label only in the training split of '{corpus.name}' "
            f"('{classes[0]}'): there is nothing to tell apart"
        )
    if len(classes) > MOST_LABELS:
        raise TaskError(
            f"task '{task.name}' has {len(classes):,} labels in the training split of "
            f"'{corpus.name}', but probes take {MOST_LABELS:,} at most, since every instance is "
            "scored for each: leave rare ones out with `exclude`, or annotate coarser ones"
        )
    if task.positive and task.positive not in classes:
        raise TaskError(
            f"task '{task.name}': its positive label '{task.positive}' is not in {list(classes)}"
        )


def _hint(task: Task, corpus: Corpus) -> str:
    """The end of a message about a missing annotation: what may have been meant instead."""
    if task.annotation in corpus.word_annotations:
        return f": '{task.annotation}' labels words: the shape is 'word'"
    if task.annotation in corpus.span_annotations:
        shapes = "'span', 'arc', 'pair' or 'sentence'"
        return f": '{task.annotation}' labels spans: the shape is {shapes}"
    column, _, feature = task.annotation.partition(".")
    if task.shape == "word" and feature and column in corpus.word_annotations:
        found = features(column, corpus)
        if not found:
            return f": no word has a feature in '{column}'"
        return f": {unknown('feature', feature, found)}"
    possible = corpus.word_annotations if task.shape == "word" else corpus.span_annotations
    near = nearest(task.annotation, possible)
    return f": did you mean '{near}'?" if near else ""


def _excluded(task: Task, label: str) -> bool:
    return any(fnmatchcase(label, pattern) for pattern in task.exclude)


def _columns(
    task: Task,
    corpus: Corpus,
    split: Split,
    found: Labelled,
    left_out: set[str],
    classes: tuple[str, ...],
    by_document: bool,
) -> Instances:
    index = {label: i for i, label in enumerate(classes)}
    kinds = found.labels.vocabulary.to_pylist()
    class_of = np.array([index.get(label, UNSEEN) for label in kinds], dtype=np.int64)
    is_used = _used(found, left_out)
    labels = class_of[found.labels.numbers]
    passages = found.passages[is_used]
    # A span may lie in a later passage of the document; offsets count from the passage it names.
    spans = found.spans[is_used] + corpus.offsets(split)[passages][:, None, None]
    documents = corpus.splits[split].document_numbers()
    reads_heads = task.span == "head" and task.shape != "word"
    resamples_documents = by_document or task.context == "document"
    return Instances(
        spans=spans,
        labels=labels[is_used],
        groups=documents[passages] if resamples_documents else passages,
        classes=classes,
        gold=found.labels.take(is_used),
        heads=head_words(spans, task, corpus, split) if reads_heads else None,
        passages=passages if by_document and task.context == "sentence" else None,
    )


def _used(found: Labelled, left_out: set[str]) -> np.ndarray:
    """Which instances are not left out, `(n,)`."""
    kinds = found.labels.vocabulary.to_pylist()
    used = np.array([label not in left_out for label in kinds], dtype=bool)
    return np.asarray(used[found.labels.numbers])


def _have_documents_labels(
    task: Task, corpus: Corpus, found: Mapping[Split, Labelled], left_out: set[str]
) -> bool:
    """Whether the labels of sentences are those of their documents."""
    if task.shape != "sentence":
        return False
    splits = []
    for split, labelled in found.items():
        is_used = _used(labelled, left_out)
        documents = corpus.splits[split].document_numbers()[labelled.passages[is_used]]
        splits.append((labelled.labels.numbers[is_used], documents))
    return are_of_documents(splits)


def _left_out(task: Task, n_found: int, splits: dict[Split, Instances]) -> Iterator[str]:
    left_out = n_found - sum(len(instances) for instances in splits.values())
    if left_out:
        patterns = ", ".join(task.exclude)
        yield (
            f"{task.name}: {left_out:,} of {n_found:,} instances left out, "
            f"as the task says ({patterns})"
        )
    dev = int((splits["dev"].labels == UNSEEN).sum())
    test = int((splits["test"].labels == UNSEEN).sum())
    if dev or test:
        yield (
            f"{task.name}: {dev} dev and {test} test instances have a label that training lacks; "
            "they stay in and count as wrong"
        )


def _few(question: Question, corpus: Corpus) -> Iterator[str]:
    """Warnings about intervals: few sentences or documents are tested, or sentences are alike."""
    name, test = question.task.name, question.splits["test"]
    if test.n_groups == 1:
        yield (
            f"{name}: all test instances of '{corpus.name}' are in one {question.resampled}: "
            "there is no interval"
        )
    elif test.n_groups < FEW:
        yield (
            f"{name}: the test instances of '{corpus.name}' are in {test.n_groups} "
            f"{question.resampled}s: with fewer than {FEW} intervals are rough, "
            "and one without width means only that all of these scored alike"
        )
    if test.passages is not None and test.n_groups < len(test):
        yield f"{name}: in '{corpus.name}' {one_label(test.n_groups, len(test))}"
