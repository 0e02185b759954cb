"""Control: the same instances with labels that follow from their type alone.

A control task (Hewitt and Liang 2019, section 2) gives every type one label, drawn at random. No
representation can know it: a probe that does well has memorised types. How much better it does on
the task itself is its selectivity.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from probekit import doors
from probekit.corpora.passage import Corpus, Split
from probekit.corpora.texts import Texts
from probekit.errors import TaskError
from probekit.tasks.question import Instances, Question
from probekit.tasks.types import Types, types_of

BITS = 53  # of a double: every number drawn is below 1


def control(question: Question, corpus: Corpus, seed: int = 0) -> Question:
    """The question with a control label for each instance.

    The label of a type is drawn from the label frequencies of the training split, by a hash of the
    seed and the type: it is the same in every split, and in every corpus with these frequencies.

    Args:
        question: a task over `corpus`.
        corpus: its words.
        seed: of the draw.

    Raises:
        TaskError: if no test instance has a type that occurs in training, so that a control label
            can never be known.
    """
    doors.of_type("question", question, Question)
    doors.of_type("corpus", corpus, Corpus)
    types = types_of(question, corpus)
    if not types.share_in_training():
        raise TaskError(
            f"the task '{question.task.name}' has no control on '{corpus.name}': no test instance "
            "has words that occur in training, so nothing about them could be memorised"
        )
    labels = _drawn_labels(question, types, seed)
    splits: dict[Split, Instances] = {}
    for split, instances in question.splits.items():
        drawn = labels[types.numbers[split]]
        gold = Texts.of([question.classes[label] for label in drawn.tolist()])
        splits[split] = replace(instances, labels=drawn, gold=gold)
    return replace(question, splits=splits, labels="control", warnings=())


def _drawn_labels(question: Question, types: Types, seed: int) -> np.ndarray:
    """A label for each type, `(types,)`."""
    counts = np.bincount(question.splits["train"].labels, minlength=len(question.classes))
    upper_ends = np.cumsum(counts / counts.sum())
    upper_ends[-1] = 1.0
    places = np.array([uniform(seed, text) for text in types.texts])
    return np.searchsorted(upper_ends, places, side="right")


def uniform(seed: int, text: str) -> float:
    """A number in [0, 1) that follows from the seed and the text."""
    digest = hashlib.blake2b(f"{seed}\t{text}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> (64 - BITS)) / 2**BITS
