"""Corpus data: a task over a probekit corpus, or the genre of its sentences, as data."""

from __future__ import annotations

import re

import numpy as np

from probekit.corpora.passage import SPLITS, Corpus, Split
from probekit.errors import InputError
from probekit.tasks.by_document import one_label
from probekit.tasks.question import Instances, ask
from probekit.tasks.task import load_task
from probekit.tuning.data import (
    NONE,
    TEXT_METRICS,
    UNSEEN,
    Data,
    Examples,
    Target,
    raw_text,
)

GENRE = "genre"
MOST_GENRES = 50  # more different beginnings of document names are not genres
_PART = re.compile("[-_]")


def from_corpus(corpus: Corpus, task: str) -> Data:
    """A task that labels words or sentences, or `genre`, over a corpus.

    Raises InputError for a task of another shape, and where documents' names tell no genre;
    TaskError where the corpus does not have the task's annotation.
    """
    name = f"{corpus.name}:{task}"
    if task == GENRE:
        return _genres(corpus, name)
    loaded = load_task(task)
    if loaded.shape not in ("word", "sentence"):
        raise InputError(
            f"data '{name}': the task has the shape '{loaded.shape}', and models are fine-tuned on "
            "tasks that label a word or a sentence, such as pos, or on genre"
        )
    question = ask(loaded, corpus)
    target: Target = "words" if loaded.shape == "word" else "texts"
    splits: dict[str, Examples] = {}
    for split in SPLITS:
        make = _of_words if target == "words" else _of_sentences
        splits[split] = make(corpus, split, question.splits[split])
    metrics = ("accuracy", "macro_f1")
    warnings = (*corpus.warnings, *question.warnings)
    return Data(name, target, splits, question.classes, metrics, warnings, corpus)


def text_of(corpus: Corpus) -> Data:
    """The sentences of a corpus, without labels."""
    splits: dict[str, Examples] = {}
    for split in SPLITS:
        splits[split] = raw_text([(" ".join(passage.words),) for passage in corpus.splits[split]])
    return Data(corpus.name, "subwords", splits, (), TEXT_METRICS, corpus.warnings, corpus)


def _of_words(corpus: Corpus, split: Split, instances: Instances) -> Examples:
    """The sentences with a label on at least one word."""
    passages = corpus.splits[split]
    offsets = passages.offsets
    labels = np.full(int(offsets[-1]), NONE, dtype=np.int64)
    labels[instances.spans[:, 0, 0]] = instances.labels
    words = passages.words.texts()
    texts, own = [], []
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        if (labels[start:stop] != NONE).any():
            texts.append(tuple(words[start:stop]))
            own.append(labels[start:stop])
    return Examples(texts, own)


def _of_sentences(corpus: Corpus, split: Split, instances: Instances) -> Examples:
    passages = corpus.splits[split]
    texts = []
    for start, stop in instances.spans[:, 0].tolist():
        texts.append((" ".join(passages.words.texts(start, stop)),))
    documents = None if instances.passages is None else instances.groups
    return Examples(texts, [np.array([label]) for label in instances.labels], documents)


def _genres(corpus: Corpus, name: str) -> Data:
    genres = {split: genres_of(corpus, split) for split in SPLITS}
    classes = tuple(sorted(set(genres["train"])))
    if not 2 <= len(classes) <= MOST_GENRES:
        raise InputError(
            f"data '{name}': the names of its documents begin in {len(classes):,} ways, which are "
            f"not genres: expected 2 to {MOST_GENRES}, such as answers-1 and reviews-1"
        )
    number = {genre: i for i, genre in enumerate(classes)}
    splits: dict[str, Examples] = {}
    for split, found in genres.items():
        passages = corpus.splits[split]
        texts = [(" ".join(passage.words),) for passage in passages]
        labels = np.array([number.get(genre, UNSEEN) for genre in found])
        own = [np.array([label]) for label in labels]
        splits[split] = Examples(texts, own, passages.document_numbers())
    metrics = ("accuracy", "macro_f1")
    warnings = [*corpus.warnings]
    n_documents, n_texts = len(np.unique(splits["test"].units)), len(splits["test"])
    if n_documents < n_texts:
        warnings.append(f"{name}: {one_label(n_documents, n_texts)}")
    return Data(name, "texts", splits, classes, metrics, tuple(warnings), corpus)


def genres_of(corpus: Corpus, split: Split) -> list[str]:
    """The genre of each sentence: the first part of its document's name in which the documents of
    training differ (`answers` of `answers-1`, `academic` of `GUM_academic_art`)."""
    known = [_PART.split(name) for name in corpus.splits["train"].documents.kinds()]
    shortest = min(map(len, known), default=0)
    place = 0
    while place + 1 < shortest and len({parts[place] for parts in known}) == 1:
        place += 1
    found = []
    for document in corpus.splits[split].documents.texts():
        parts = _PART.split(document)
        found.append(parts[min(place, len(parts) - 1)])
    return found
