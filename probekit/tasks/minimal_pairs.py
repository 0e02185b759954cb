"""Minimal pairs: two sentences, of which a language model should find the first more likely.

They are listed in the corpus (annotation `pairs`), or made from a treebank (see `agreement`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from probekit import doors
from probekit.corpora.passage import Corpus, Split
from probekit.errors import TaskError, unknown
from probekit.tasks.agreement import agreement_pairs
from probekit.tasks.pair import Pair
from probekit.tasks.question import FEW
from probekit.tasks.shapes import carries
from probekit.tasks.task import Task

SPLIT: Split = "test"


@dataclass(frozen=True, eq=False)
class BehaviourQuestion:
    """A task about a language model's behaviour, over the test split of a corpus.

    Attributes:
        task: what is asked.
        pairs: of shape `minimal-pair`, the pairs.
        texts: of shape `text`, the words of each sentence.
        groups: `(n,)` the passage of each pair or text, which is resampled for intervals.
        warnings: one sentence each.
    """

    task: Task
    pairs: tuple[Pair, ...]
    texts: tuple[tuple[str, ...], ...]
    groups: np.ndarray
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def resampled(self) -> str:
        """What intervals resample."""
        return "sentence"


class _Found(NamedTuple):
    pairs: list[Pair]
    warnings: list[str]


def ask_behaviour(task: Task, corpus: Corpus) -> BehaviourQuestion:
    """Find the minimal pairs or the sentences of a corpus' test split.

    Args:
        task: of shape `minimal-pair` or `text`.
        corpus: the sentences.

    Raises:
        TaskError: if the corpus lacks the annotation, or its test split has no instance.
    """
    doors.of_type("task", task, Task)
    doors.of_type("corpus", corpus, Corpus)
    if task.shape == "minimal-pair" and task.annotation not in SOURCES:
        raise TaskError(f"task '{task.name}': {unknown('annotation', task.annotation, SOURCES)}")
    if not carries(task, corpus):
        raise TaskError(
            corpus.with_warnings(
                f"the corpus '{corpus.name}' cannot carry the task '{task.name}': it has no "
                f"annotation '{task.annotation}'{_hint(task)}"
            )
        )
    passages = corpus.splits[SPLIT]
    found = _Found([], [])
    texts: tuple[tuple[str, ...], ...] = ()
    groups = np.arange(len(passages))
    if task.shape == "text":
        texts = tuple(passage.words for passage in passages)
    else:
        found = SOURCES[task.annotation](corpus)
        groups = np.array([pair.passage for pair in found.pairs], dtype=np.int64)
    if not len(groups):
        raise TaskError(
            corpus.with_warnings(
                f"task '{task.name}' finds nothing to ask in the test split of '{corpus.name}' "
                f"({len(passages)} passages){_hint(task)}"
            )
        )
    warnings = [f"{task.name}: {warning}" for warning in found.warnings]
    n_groups = len(np.unique(groups))
    if n_groups < FEW:
        warnings.append(
            f"{task.name}: the test instances of '{corpus.name}' are in {n_groups} "
            f"sentence{'s' * (n_groups > 1)}: intervals from fewer than {FEW} are rough"
        )
    return BehaviourQuestion(task, tuple(found.pairs), texts, groups, tuple(warnings))


def _hint(task: Task) -> str:
    if task.annotation == "feats.Number":
        return (
            ": it needs present-tense verbs with Number in FEATS, and lemmas, upos and the other "
            "form of a verb in the same treebank"
        )
    if task.annotation == "pairs":
        return ": give JSON lines with sentence_good and sentence_bad"
    return ""


def _listed(corpus: Corpus) -> _Found:
    """The pairs that the corpus lists."""
    passages = corpus.splits[SPLIT]
    found = []
    for number, passage in enumerate(passages):
        paradigms = [edge.label for edge in passage.edges.get("paradigm", ())]
        kind = paradigms[0] if paradigms else ""
        for edge in passage.edges.get("pairs", ()):
            found.append(Pair(number, passage.id, passage.words, tuple(edge.label.split()), kind))
    return _Found(found, [])


def _made(corpus: Corpus) -> _Found:
    return _Found(*agreement_pairs(corpus, SPLIT))


SOURCES: dict[str, Callable[[Corpus], _Found]] = {"pairs": _listed, "feats.Number": _made}
"""Where the pairs of a task come from, by its annotation."""
