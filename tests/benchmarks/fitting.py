"""Linear probes of all layers at once, against scikit-learn's logistic regression layer by layer."""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import probekit as pk
from probekit.corpora.passage import Corpus, Split
from probekit.probes.fit import fit
from probekit.states.extract import States
from probekit.tasks.instances import TaskData
from tests.benchmarks.timing import figure, in_turns

ITERATIONS = {"pos": 200, "const": 50}  # const has reached its best accuracy by then


def main() -> None:
    warnings.simplefilter("ignore")  # scikit-learn says so when these iterations do not suffice
    corpus = pk.load_corpus("en_ewt")
    states = pk.extract("minilm", corpus)
    for task, iterations in ITERATIONS.items():
        data = pk.make_instances(pk.load_task(task), corpus)
        (ours,) = in_turns(3, lambda data=data: fit(states, [data]))  # type: ignore[misc]
        theirs = _referee(states, corpus, data, iterations)
        print(f"  {task}: ours {ours:.1f} s, scikit-learn {theirs[0]:.0f} s")
        if task == "pos":
            figure("scikit-learn / ours, all layers", theirs[0] / ours, ">= 30")
        figure(f"largest shortfall in accuracy, {task}", 100 * theirs[1], "<= 0.5", "points")


def _referee(states: States, corpus: Corpus, data: TaskData, iterations: int) -> tuple[float, float]:
    """Seconds that scikit-learn takes for all layers, and by how much we fall short of its accuracy at most."""
    (fitted,) = fit(states, [data])
    gold = {split: instances.labels for split, instances in data.splits.items()}
    seconds, shortfalls = 0.0, []
    for layer in states.layers:
        train, test = (_vectors(states, corpus, data, split, layer) for split in ("train", "test"))
        started = time.perf_counter()
        scaler = StandardScaler().fit(train)
        model = LogisticRegression(max_iter=iterations).fit(scaler.transform(train), gold["train"])
        theirs = float((model.predict(scaler.transform(test)) == gold["test"]).mean())
        seconds += time.perf_counter() - started
        mine = float((fitted.predictions[layer, 0] == gold["test"]).mean())
        shortfalls.append(theirs - mine)
        print(f"  {data.task.name}, layer {layer}: ours {mine:.4f}, scikit-learn {theirs:.4f}", flush=True)
    return seconds, max(shortfalls)


def _vectors(states: States, corpus: Corpus, data: TaskData, split: Split, layer: int) -> np.ndarray:
    """The mean of each instance's span, `(n, dim)`."""
    words = states.read(split, 0, int(corpus.offsets(split)[-1]), [layer])[0].astype(np.float32)
    spans = data.splits[split].spans[:, 0]
    return np.stack([words[start:end].mean(axis=0) for start, end in spans])
