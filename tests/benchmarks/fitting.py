"""Linear probes of all layers at once, compared with scikit-learn's regressions layer by layer."""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import probekit as pk
from probekit.corpora.passage import Split
from probekit.probes.fit import fit
from probekit.states.states import States
from probekit.tasks.question import Question
from tests.benchmarks.timing import figure, in_turns

ITERATIONS = 200


def main() -> None:
    warnings.simplefilter("ignore")  # scikit-learn says so when these iterations do not suffice
    corpus = pk.load_corpus("en_ewt")
    states = pk.extract("minilm", corpus)
    data = pk.ask(pk.load_task("pos"), corpus)
    (ours,) = in_turns(3, lambda: fit(states, [data]))
    theirs = sum(_scikit_learn(states, data, layer) for layer in states.layers)
    print(f"  pos: ours {ours:.1f} s, scikit-learn {theirs:.0f} s")
    figure("scikit-learn / ours, all layers", theirs / ours, ">= 30")


def _scikit_learn(states: States, question: Question, layer: int) -> float:
    """Seconds that it takes to fit one layer, and to label the test split."""
    train, test = _words(states, question, "train", layer), _words(states, question, "test", layer)
    started = time.perf_counter()
    scaler = StandardScaler().fit(train)
    model = LogisticRegression(max_iter=ITERATIONS).fit(
        scaler.transform(train), question.splits["train"].labels
    )
    model.predict(scaler.transform(test))
    return time.perf_counter() - started


def _words(states: States, question: Question, split: Split, layer: int) -> np.ndarray:
    """The vector of each instance, which is a word: `(n, dim)`."""
    n_words = int(states.corpus.offsets(split)[-1])
    words = states.read(split, 0, n_words, [layer])[0].astype(np.float32)
    return words[question.splits[split].spans[:, 0, 0]]
