"""Baselines against a plain dictionary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from probekit.corpora.passage import Corpus, Split
from probekit.probes.baselines import lexical, majority
from probekit.tasks.question import ask
from probekit.tasks.task import load_task


def naive_keys(texts: list[tuple[str, ...]], shape: str) -> list[tuple]:
    """Keys as the documentation lists them, the most particular first."""
    if len(texts) == 1:
        return [(0, texts[0]), (1, texts[0][0], texts[0][-1])]
    if shape == "pair":
        return [(0, *texts), (1, texts[0] == texts[1])]
    return [(0, *texts), (1, texts[1]), (2, texts[1][0], texts[1][-1]), (3, texts[0])]


def naive(name: str, corpus: Corpus) -> np.ndarray:
    data = ask(load_task(name), corpus)
    table: dict[tuple, Counter] = {}

    def keys(split: Split) -> list[list[tuple]]:
        words = [word.lower() for passage in corpus.splits[split] for word in passage.words]
        found = []
        for spans in data.splits[split].spans.tolist():
            texts = [tuple(words[start:end]) for start, end in spans]
            found.append(naive_keys(texts, data.task.shape))
        return found

    for found, label in zip(keys("train"), data.splits["train"].labels.tolist(), strict=True):
        for key in found:
            table.setdefault(key, Counter())[label] += 1
    fallback = majority(data, corpus)[0]
    best = {}
    for key, counts in table.items():
        most = max(counts.values())
        best[key] = min(label for label, count in counts.items() if count == most)
    predicted = []
    for found in keys("test"):
        known = [best[key] for key in found if key in best]
        predicted.append(known[0] if known else fallback)
    return np.array(predicted)


@pytest.mark.parametrize("name", ["pos", "dep", "const", "srl", "ner", "coref"])
def test_lexical_is_the_plain_dictionary(name: str, sample: Corpus) -> None:
    found = lexical(ask(load_task(name), sample), sample)
    np.testing.assert_array_equal(found, naive(name, sample))


def test_majority(sample: Corpus) -> None:
    data = ask(load_task("pos"), sample)
    counts = Counter(tag for passage in sample.splits["train"] for tag in passage.tags["upos"])
    assert data.classes[majority(data, sample)[0]] == counts.most_common(1)[0][0]


def test_a_tie_goes_to_the_label_whose_f1_is_asked_for(sample: Corpus) -> None:
    data = ask(load_task("coref"), sample)
    labels = data.splits["train"].labels
    assert np.bincount(labels)[0] == np.bincount(labels)[1]
    assert data.classes[majority(data, sample)[0]] == "same"
