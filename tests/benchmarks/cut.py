"""A part of a corpus: fewer training sentences; dev and test are whole."""

from __future__ import annotations

import numpy as np

from probekit.corpora.passage import Corpus, Split
from probekit.corpora.passages import Passages
from probekit.states.part import Part, Taken, part_of
from probekit.states.states import States


def cut(states: States, sentences: int | None) -> Part:
    """About `sentences` training sentences spread evenly over the split, or all; whole documents
    where these are read.

    Raises ValueError where the split has fewer.
    """
    train = states.corpus.splits["train"]
    if sentences is None:
        chosen = np.arange(len(train))
    elif sentences > len(train):
        raise ValueError(
            f"'{states.corpus.name}' has {len(train)} training sentences, not {sentences}"
        )
    elif states.context == "document":
        chosen = _of_documents(train, sentences)
    else:
        chosen = np.linspace(0, len(train) - 1, sentences).round().astype(np.int64)
    taken: dict[Split, Taken] = {"train": Taken("train", chosen)}
    taken["dev"], taken["test"] = _whole(states.corpus, "dev"), _whole(states.corpus, "test")
    return part_of(states, taken)


def _whole(corpus: Corpus, split: Split) -> Taken:
    return Taken(split, np.arange(len(corpus.splits[split])))


def _of_documents(train: Passages, sentences: int) -> np.ndarray:
    """Numbers of the passages of every so manieth document, about `sentences` of them."""
    numbers = train.document_numbers()
    documents = np.arange(numbers[-1] + 1)
    share = sentences / len(train)
    is_chosen = np.floor((documents + 1) * share) > np.floor(documents * share)
    return np.flatnonzero(is_chosen[numbers])
