"""Linear probes of all layers at once, against scikit-learn's logistic regression layer by layer."""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import probekit as pk
from probekit.probes.fit import FitSettings, fit
from tests.benchmarks.timing import figure, in_turns


def main() -> None:
    warnings.simplefilter("ignore")  # scikit-learn says so when 200 iterations do not suffice
    corpus = pk.load_corpus("en_ewt")
    states = pk.extract("minilm", corpus)
    data = pk.make_instances(pk.load_task("pos"), corpus)
    gold = {split: instances.labels for split, instances in data.splits.items()}
    (ours,) = in_turns(3, lambda: fit(states, [data], FitSettings()))
    (fitted,) = fit(states, [data], FitSettings())
    mine = (fitted.predictions[:, 0] == gold["test"]).mean(1)
    theirs, seconds = [], 0.0
    for layer in states.layers:
        train, test = (
            states.read(split, 0, int(corpus.offsets(split)[-1]), [layer])[0].astype(np.float32)  # type: ignore[arg-type]
            for split in ("train", "test")
        )
        started = time.perf_counter()
        scaler = StandardScaler().fit(train)
        model = LogisticRegression(max_iter=200).fit(scaler.transform(train), gold["train"])
        theirs.append(float((model.predict(scaler.transform(test)) == gold["test"]).mean()))
        seconds += time.perf_counter() - started
        print(f"  layer {layer}: ours {mine[layer]:.4f}, scikit-learn {theirs[-1]:.4f}", flush=True)
    print(f"  ours {ours:.1f} s, scikit-learn {seconds:.0f} s")
    figure("scikit-learn / ours, all layers", seconds / ours, ">= 30")
    figure("largest shortfall in accuracy", 100 * float((np.array(theirs) - mine).max()), "<= 0.5", "points")
