"""Trees: the dependency tree of each sentence, for tasks that ask for all of it.

Other tasks label spans one by one. A structural probe (Hewitt and Manning 2019) predicts something
of every word, or of every pair of words, of a sentence; so an instance is a sentence here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from probekit import doors
from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.corpora.runs import offsets_of
from probekit.corpora.texts import Texts
from probekit.errors import TaskError
from probekit.tasks.question import FEW, Instances
from probekit.tasks.shapes import Labelled, carries, edges
from probekit.tasks.task import Task

LONGEST = 200  # words: pairs take memory with the square of it
PUNCTUATION = "punct"  # a relation of Universal Dependencies


class SameLength(NamedTuple):
    """Trees of sentences of one length, n words.

    Attributes:
        numbers: `(trees,)` their places among all trees of the split.
        heads: `(trees, n)` the head of each word, from 0; the root is its own head.
        counted: `(trees, n)` whether a word is no punctuation.
    """

    numbers: np.ndarray
    heads: np.ndarray
    counted: np.ndarray

    @property
    def depths(self) -> np.ndarray:
        """Edges from the root to each word, `(trees, n)`."""
        return depths_of(self.heads)

    @property
    def distances(self) -> np.ndarray:
        """Edges between each two words, `(trees, n, n)`."""
        return distances_of(self.heads)


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of a split, in columns.

    Attributes:
        sentences: one instance for each tree: its span is the sentence, its label its number.
        heads: `(words,)` the head of each word, counted from the sentence's first word; the root is
            its own head. Words of all trees, tree after tree.
        punctuation: `(words,)` whether a word is punctuation, by its relation to its head.
    """

    sentences: Instances
    heads: np.ndarray
    punctuation: np.ndarray

    def __len__(self) -> int:
        return len(self.sentences)

    @property
    def groups(self) -> np.ndarray:
        """The unit of each tree that is resampled for intervals, see `Instances`."""
        return self.sentences.groups

    @property
    def read(self) -> np.ndarray:
        """The passage, or the document, that is read for each tree."""
        return self.sentences.read

    @property
    def n_groups(self) -> int:
        """The number of units to resample."""
        return self.sentences.n_groups

    def take(self, rows: np.ndarray) -> Trees:
        """The trees where this is true, numbered anew."""
        sentences = self.sentences.take(rows)
        of_words = np.repeat(rows, self.lengths)
        return Trees(
            replace(sentences, labels=np.arange(len(sentences))),
            self.heads[of_words],
            self.punctuation[of_words],
        )

    @cached_property
    def lengths(self) -> np.ndarray:
        """Words of each tree, `(n,)`."""
        return self.sentences.spans[:, 0, 1] - self.sentences.spans[:, 0, 0]

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where the words of each tree begin in `heads`, `(n + 1,)`."""
        return offsets_of(self.lengths)

    @cached_property
    def depths(self) -> np.ndarray:
        """Edges from the root to each word, `(words,)`, float32."""
        found = np.empty(len(self.heads), dtype=np.float32)
        for same in self.same_length():
            n = same.heads.shape[1]
            found[self.offsets[same.numbers][:, None] + np.arange(n)] = same.depths
        return found

    @cached_property
    def pair_offsets(self) -> np.ndarray:
        """Where the pairs of words of each tree begin in `distances`, `(n + 1,)`."""
        return offsets_of(self.lengths**2)

    @cached_property
    def distances(self) -> np.ndarray:
        """Edges between each two words of each tree, row by row, `(pairs,)`, float32."""
        found = np.empty(int(self.pair_offsets[-1]), dtype=np.float32)
        for same in self.same_length():
            pairs = np.arange(same.heads.shape[1] ** 2)
            places = self.pair_offsets[same.numbers][:, None] + pairs
            found[places] = same.distances.reshape(len(places), -1)
        return found

    def same_length(self) -> Iterator[SameLength]:
        """All trees, in groups of one length."""
        for length in np.unique(self.lengths).tolist():
            yield self.of_same_length(np.flatnonzero(self.lengths == length))

    def of_same_length(self, numbers: np.ndarray) -> SameLength:
        """The trees of these numbers, whose sentences must have one length."""
        words = self.offsets[numbers][:, None] + np.arange(self.lengths[numbers[0]])
        return SameLength(numbers, self.heads[words], ~self.punctuation[words])


@dataclass(frozen=True, eq=False)
class TreeQuestion:
    """A structural task over a corpus.

    Attributes:
        task: what is asked.
        splits: the trees of train, dev and test.
        warnings: one sentence each: how many sentences were left out, and why.
        labels: `gold`, those annotated; `control`, drawn for each type (see `control`).
        draw: of the training sentences (see `resample`); 0 is the training split as it is.
    """

    task: Task
    splits: dict[Split, Trees]
    warnings: tuple[str, ...] = ()
    labels: Literal["gold", "control"] = "gold"
    draw: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """None: trees have no labels."""
        return ()

    @property
    def resampled(self) -> str:
        """What intervals resample: `sentence` or `document`."""
        return self.task.context


def ask_trees(task: Task, corpus: Corpus) -> TreeQuestion:
    """Find the tree of every sentence in each split of `corpus`.

    Sentences whose edges are no tree are left out, with a warning.

    Args:
        task: whose shape is `distance`, `depth` or `head`.
        corpus: the annotated sentences.

    Raises:
        TaskError: if the corpus lacks the annotation, or a split has no tree.
    """
    doors.of_type("task", task, Task)
    doors.of_type("corpus", corpus, Corpus)
    if not carries(task, corpus):
        annotations = ", ".join(sorted(corpus.span_annotations)) or "none"
        raise TaskError(
            corpus.with_warnings(
                f"the corpus '{corpus.name}' cannot carry the task '{task.name}': it has no "
                f"annotation '{task.annotation}' between words (of spans it has: {annotations})"
            )
        )
    splits: dict[Split, Trees] = {}
    n_broken = n_long = n_sentences = 0
    for split in SPLITS:
        found, broken, long = _trees(task, corpus, split)
        splits[split] = found
        n_broken, n_long = n_broken + broken, n_long + long
        n_sentences += len(found) + broken + long
    warnings = []
    if n_broken:
        warnings.append(
            f"{task.name}: {n_broken:,} of {n_sentences:,} sentences left out: their "
            f"{task.annotation} are not a tree (a cycle, several roots, or several heads)"
        )
    if n_long:
        warnings.append(
            f"{task.name}: {n_long:,} of {n_sentences:,} sentences left out: they have more than "
            f"{LONGEST} words"
        )
    n_groups = splits["test"].sentences.n_groups
    if n_groups < FEW:
        warnings.append(
            f"{task.name}: the test trees of '{corpus.name}' are in {n_groups} "
            f"{task.context}{'s' * (n_groups > 1)}: intervals from fewer than {FEW} are rough"
        )
    return TreeQuestion(task, splits, tuple(warnings))


def _trees(task: Task, corpus: Corpus, split: Split) -> tuple[Trees, int, int]:
    """The trees of a split, how many sentences have none, and how many are too long."""
    passages = corpus.splits[split]
    offsets = corpus.offsets(split)
    annotation = passages.edges.get(task.annotation) or passages.no_edges()
    lengths = np.diff(offsets)
    labelled = edges(task, passages)
    heads, is_tree = _heads(labelled, offsets)
    has_edges = annotation.present & (lengths > 0)
    is_taken = has_edges & is_tree & (lengths <= LONGEST)
    taken = np.flatnonzero(is_taken)
    if not len(taken):
        raise TaskError(
            f"task '{task.name}' finds no tree in the {split} split of '{corpus.name}' "
            f"({len(passages)} passages): each needs one root, one head for every other word, no "
            f"cycle, and at most {LONGEST} words"
        )
    punctuation = np.zeros(len(heads), dtype=bool)
    kinds = labelled.labels.vocabulary.to_pylist()
    is_punctuation = np.array([kind.split(":")[0] == PUNCTUATION for kind in kinds], dtype=bool)
    dependents = labelled.spans[:, 1, 0] + offsets[labelled.passages]
    punctuation[dependents] = is_punctuation[labelled.labels.numbers]
    word_is_taken = np.repeat(is_taken, lengths)
    first = np.repeat(offsets[:-1], lengths)
    documents = passages.document_numbers()
    sentences = Instances(
        spans=np.stack([offsets[taken], offsets[taken + 1]], axis=-1)[:, None],
        labels=np.arange(len(taken)),
        groups=documents[taken] if task.context == "document" else taken,
        classes=(),
        gold=Texts.missing(len(taken)),
    )
    trees = Trees(sentences, (heads - first)[word_is_taken], punctuation[word_is_taken])
    too_long = has_edges & is_tree & (lengths > LONGEST)
    return trees, int((has_edges & ~is_tree).sum()), int(too_long.sum())


def _heads(labelled: Labelled, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head of every word of the split `(words,)`, its own where it has none, and whether the
    edges of each passage are a tree `(passages,)`.

    Args:
        labelled: pairs of head and dependent.
        offsets: `(passages + 1,)` position of each passage's first word.
    """
    n_words, lengths = int(offsets[-1]), np.diff(offsets)
    spans = labelled.spans + offsets[labelled.passages][:, None, None]
    head, dependent = spans[:, 0, 0], spans[:, 1, 0]
    heads = np.arange(n_words)
    heads[dependent] = head
    n_heads = np.bincount(dependent, minlength=n_words)
    # From every word to the end of its path: the length of what is followed doubles each time.
    end = heads
    for _ in range(int(lengths.max(initial=1)).bit_length()):
        end = end[end]
    is_broken = (n_heads > 1) | (n_heads[end] > 0)
    passage = np.repeat(np.arange(len(lengths)), lengths)
    n_roots = np.bincount(passage[n_heads == 0], minlength=len(lengths))
    n_broken = np.bincount(passage[is_broken], minlength=len(lengths))
    is_wide = (spans[..., 1] - spans[..., 0] != 1).any(axis=1)
    n_wide = np.bincount(labelled.passages[is_wide], minlength=len(lengths))
    return heads, (n_roots == 1) & (n_broken == 0) & (n_wide == 0)


def depths_of(heads: np.ndarray) -> np.ndarray:
    """Edges from the root to each word, of trees `(…, n)` whose root is its own head.

    >>> depths_of(np.array([1, 1, 1, 2])).tolist()
    [1, 0, 1, 2]
    """
    return _ancestors(heads).sum(axis=-1) - 1


def distances_of(heads: np.ndarray) -> np.ndarray:
    """Edges between each two words, `(…, n, n)`, of trees `(…, n)`.

    >>> distances_of(np.array([1, 1, 1, 2]))[0].tolist()
    [0, 1, 2, 3]
    """
    ancestors = _ancestors(heads).astype(np.float32)
    depth = ancestors.sum(axis=-1)
    shared = ancestors @ np.swapaxes(ancestors, -1, -2)
    return (depth[..., :, None] + depth[..., None, :] - 2 * shared).astype(np.int64)


def _ancestors(heads: np.ndarray) -> np.ndarray:
    """Whether a word is above another, or the same: `(…, n, n)`, a row for each word below."""
    n = heads.shape[-1]
    above = np.broadcast_to(np.arange(n), heads.shape)
    found = np.zeros((*heads.shape, n), dtype=bool)
    while True:
        np.put_along_axis(found, above[..., None], True, axis=-1)
        higher = np.take_along_axis(heads, above, axis=-1)
        if (higher == above).all():
            return found
        above = higher
