"""Instances: a task's spans and labels over one split of a corpus, in columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from probekit import doors
from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import TaskError, nearest, unknown
from probekit.tasks.shapes import SHAPES, Labelled, carries, features
from probekit.tasks.task import Task

MOST_LABELS = 4_000  # a probe compares every instance with each
FEW = 20  # sentences or documents, below which intervals are rough
UNSEEN = (
    -1
)  # a label that training does not have: no probe can give it, so it always counts as wrong


@dataclass(frozen=True)
class Instances:
    """What a probe is trained or evaluated on.

    Attributes: spans: `(n, arity, 2)` first word and word after the last, as positions in the
        split's row of words
            (`Corpus.offsets`); instances stand in the order of their passages.
        labels: `(n,)` index into `classes`, or UNSEEN.
        groups: `(n,)` the unit that is resampled for intervals: the passage's number in the split,
            or the document's for tasks of document context. Never decreases.
        classes: the labels seen in training, sorted.
    """

    spans: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_groups(self) -> int:
        """How many units there are to resample."""
        return len(np.unique(self.groups))


@dataclass(frozen=True)
class Question:
    """A task over a corpus.

    Attributes:
        task: the question.
        splits: instances of train, dev and test, over the same classes.
        warnings: what was left out, and how many.
    """

    task: Task
    splits: dict[Split, Instances]
    warnings: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels seen in training, sorted."""
        return self.splits["train"].classes


def ask(task: Task, corpus: Corpus) -> Question:
    """The instances of `task` in every split of `corpus`.

    Raises TaskError where the corpus lacks the annotation, a split has no instance, or training has
    one label only; with what was reported as the corpus was read.
    """
    doors.of_type("task", task, Task)
    doors.of_type("corpus", corpus, Corpus)
    try:
        return _instances(task, corpus)
    except TaskError as error:
        raise TaskError(corpus.with_warnings(str(error))) from error


def _instances(task: Task, corpus: Corpus) -> Question:
    _require_annotation(task, corpus)
    found = {split: SHAPES[task.shape](task, corpus.splits[split]) for split in SPLITS}
    kinds = {split: set(labelled.labels.kinds()) for split, labelled in found.items()}
    left_out = {label for label in set().union(*kinds.values()) if _excluded(task, label)}
    for split in SPLITS:
        if not corpus.splits[split]:
            raise TaskError(
                f"'{corpus.name}' has no {split} split: probes need train, dev and test, as files so called or one "
                "file that is split by document"
            )
        if left_out.issuperset(kinds[split]):
            raise TaskError(
                f"task '{task.name}' finds no instance of the annotation '{task.annotation}' in the {split} split of "
                f"'{corpus.name}' ({len(corpus.splits[split])} passages)"
            )
    classes = tuple(sorted(kinds["train"] - left_out))
    if len(classes) < 2:
        raise TaskError(
            f"task '{task.name}' has one label only in the training split of '{corpus.name}' "
            f"('{classes[0]}'): there is nothing to tell apart"
        )
    if len(classes) > MOST_LABELS:
        raise TaskError(
            f"task '{task.name}' has {len(classes):,} labels in the training split of '{corpus.name}', and probes take "
            f"{MOST_LABELS:,} at most, since every instance is compared with each: leave rare ones out with `exclude`, "
            "or annotate coarser ones"
        )
    if task.positive and task.positive not in classes:
        raise TaskError(
            f"task '{task.name}': its positive label '{task.positive}' is not in {list(classes)}"
        )
    splits = {
        split: _columns(task, corpus, split, found[split], left_out, classes) for split in SPLITS
    }
    n_found = sum(len(labelled.labels) for labelled in found.values())
    warnings = [*_left_out(task, n_found, splits), *_few(task, corpus, splits["test"])]
    return Question(task, splits, tuple(warnings))


def _require_annotation(task: Task, corpus: Corpus) -> None:
    if not carries(task, corpus):
        annotations = ", ".join(sorted(corpus.word_annotations | corpus.span_annotations)) or "none"
        raise TaskError(
            f"the corpus '{corpus.name}' cannot carry the task '{task.name}': it has no annotation "
            f"'{task.annotation}' for the shape '{task.shape}' (its annotations: {annotations}){_hint(task, corpus)}"
        )


def _hint(task: Task, corpus: Corpus) -> str:
    """What may have been meant by an annotation that the corpus does not have."""
    if task.annotation in corpus.word_annotations:
        return f": '{task.annotation}' has a value for every word, which is the shape 'word'"
    if task.annotation in corpus.span_annotations:
        return f": '{task.annotation}' has labels of spans, which are the shapes 'span', 'arc' and 'pair'"
    column, _, feature = task.annotation.partition(".")
    if task.shape == "word" and feature and column in corpus.word_annotations:
        found = features(column, corpus)
        return (
            f": {unknown('feature', feature, found)}"
            if found
            else f": no word has a feature in '{column}'"
        )
    near = nearest(
        task.annotation,
        corpus.word_annotations if task.shape == "word" else corpus.span_annotations,
    )
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
) -> Instances:
    index = {label: i for i, label in enumerate(classes)}
    kinds = found.labels.vocabulary.to_pylist()
    kept = np.array([label not in left_out for label in kinds], dtype=bool)[found.labels.numbers]
    labels = np.array([index.get(label, UNSEEN) for label in kinds], dtype=np.int64)[
        found.labels.numbers
    ]
    passages = found.passages[kept]
    # Spans may reach into a later passage of the document, but always count from the passage they
    # name.
    spans = found.spans[kept] + corpus.offsets(split)[passages][:, None, None]
    documents = corpus.splits[split].document_numbers()
    return Instances(
        spans=spans,
        labels=labels[kept],
        groups=documents[passages] if task.context == "document" else passages,
        classes=classes,
    )


def _left_out(task: Task, n_found: int, splits: dict[Split, Instances]) -> Iterator[str]:
    left_out = n_found - sum(len(instances) for instances in splits.values())
    if left_out:
        patterns = ", ".join(task.exclude)
        yield f"{task.name}: {left_out:,} of {n_found:,} instances left out, as the task says ({patterns})"
    dev, test = (int((splits[split].labels == UNSEEN).sum()) for split in ("dev", "test"))
    if dev or test:
        yield (
            f"{task.name}: {dev} dev and {test} test instances have a label that training lacks; they stay in and "
            "count as wrong"
        )


def _few(task: Task, corpus: Corpus, test: Instances) -> Iterator[str]:
    """What is to be said of intervals where few sentences or documents are tested."""
    if test.n_groups == 1:
        yield f"{task.name}: all test instances of '{corpus.name}' stand in one {task.context}: there is no interval"
    elif test.n_groups < FEW:
        yield (
            f"{task.name}: the test instances of '{corpus.name}' stand in {test.n_groups} {task.context}s: intervals "
            f"from fewer than {FEW} are rough, and one without width says only that nothing varied among these"
        )
