"""Whether intervals and p-values of a difference hold when the training sentences are chance too:
with `--resample-train`, and without.

Two experiments. *Made*: states, labels and sentences are drawn anew in each run, and probes are
fitted for real; the true difference is the mean over runs of the difference on many more test
sentences. *Disjoint*: probes of one model are trained on two disjoint samples of 500 sentences of
en_ewt, and no difference between them is one of the model.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import probekit as pk
from probekit.corpora.passage import Corpus, Passage, Split
from probekit.probes.evaluate import task_counts
from probekit.probes.fit import fit, fit_together
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.refits import with_refits
from probekit.states.arrays import Arrays
from probekit.states.part import Part, Taken, part_of
from probekit.stats import paired
from probekit.stats.metrics import METRICS
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.benchmarks.timing import figure

ACCURACY = METRICS["accuracy"]
RUNS, RESAMPLES = 200, 10
# One: the few values of several seeds enter as Student t variates, which widen every interval.
SEEDS = (0,)
TASK = Task(name="made", title="", annotation="upos", shape="word")
DIM, LABELS, WORDS = 16, 4, 8
SIZES: dict[Split, int] = {"train": 150, "dev": 40, "test": 100}  # sentences
MANY = 600  # more test sentences, for the true difference
BEFORE = 0.7  # deviation of the noise on states before; those after have as much, or more
QUICK = FitSettings(words=6_000)
SENTENCES, LAYER = 500, 3
SHOWN_EVERY = 50  # pairs
ALARMS = {"with_refits": "<= 0.06", "without": "more"}


@dataclass(frozen=True)
class Outcome:
    """One run: the difference, whether with refits or without, and the true one as measured."""

    truth: float
    with_refits: paired.Difference
    without: paired.Difference


def main(arguments: Sequence[str] = ()) -> None:
    """Print the coverage of intervals and the rate of false alarms."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks coverage")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    parser.add_argument(
        "--experiments", default="made,disjoint", help="either, or both with a comma between"
    )
    options = parser.parse_args(arguments)
    experiments = options.experiments.split(",")
    if "made" in experiments:
        _show_made(options.runs, options.resamples)
    if "disjoint" in experiments:
        _show_disjoint(options.runs, options.resamples)


def _show_made(runs: int, resamples: int) -> None:
    for after in (BEFORE, 1.0):
        outcomes = [_made(run, after, resamples) for run in range(runs)]
        truth = float(np.mean([outcome.truth for outcome in outcomes]))
        print(f"  made, true difference {truth:+.4f}, {runs} runs", flush=True)
        for name, target in (("with_refits", "0.92 to 0.98"), ("without", "less")):
            found = [getattr(outcome, name) for outcome in outcomes]
            covered = np.mean([one.low[0] <= truth <= one.high[0] for one in found])
            figure(f"intervals that cover it, {name}", float(covered), target, "")
            if after == BEFORE:
                figure(f"p <= 0.05, {name}", _alarms(found), ALARMS[name], "")


def _show_disjoint(pairs: int, resamples: int) -> None:
    disjoint: list[Outcome] = []
    for outcome in _disjoint(pairs, resamples):
        disjoint.append(outcome)
        # Pairs take seconds each, and a run may be stopped.
        if len(disjoint) % SHOWN_EVERY and len(disjoint) != pairs:
            continue
        print(f"  disjoint samples of {SENTENCES} sentences, pos, layer {LAYER}: ", end="")
        print(f"{len(disjoint)} pairs", flush=True)
        for name, target in ALARMS.items():
            found = [getattr(outcome, name) for outcome in disjoint]
            figure(f"p <= 0.05, {name}", _alarms(found), target, "")


def _alarms(found: Sequence[paired.Difference]) -> float:
    return float(np.mean([one.p_value[0] <= 0.05 for one in found]))


def _made(run: int, noise: float, resamples: int) -> Outcome:
    """The difference between two states of one made corpus."""
    rng = np.random.default_rng(1_000 + run)
    directions = np.linalg.qr(np.random.default_rng(99).normal(size=(DIM, LABELS)))[0]
    splits: dict[Split, tuple[Passage, ...]] = {}
    values: list[dict[Split, np.ndarray]] = [{}, {}]
    for split, sentences in SIZES.items():
        n = sentences + (MANY if split == "test" else 0)
        # Words of a sentence are alike.
        topics = np.repeat(rng.normal(size=(n, DIM)), WORDS, axis=0)
        told = rng.normal(size=(n * WORDS, DIM)) + 0.6 * topics
        labels = (told @ directions + 0.8 * rng.normal(size=(n * WORDS, LABELS))).argmax(axis=1)
        splits[split] = _passages(split, labels.reshape(n, WORDS))
        for of_states, deviation in zip(values, (BEFORE, noise), strict=True):
            noisy = told + deviation * rng.normal(size=told.shape)
            of_states[split] = noisy[None].astype(np.float32)
    corpus = Corpus("made", splits)
    states = [Arrays(corpus, (0,), of_states) for of_states in values]
    fits = fit_together(states, [ask(TASK, corpus)], seeds=SEEDS, settings=QUICK)
    refitted = with_refits(fits, states, resamples, QUICK)
    return _outcome(refitted[0][0], refitted[1][0], SIZES["test"])


def _passages(split: str, labels: np.ndarray) -> tuple[Passage, ...]:
    words = tuple(f"w{place}" for place in range(WORDS))
    passages = []
    for number, of_sentence in enumerate(labels):
        name = f"{split}-{number}"
        passages.append(Passage(name, name, words, {"upos": tuple(map(str, of_sentence))}))
    return tuple(passages)


def _disjoint(pairs: int, resamples: int) -> Iterator[Outcome]:
    """The difference between probes of one model, trained on disjoint samples of sentences."""
    states = pk.extract("minilm", pk.load_corpus("en_ewt"), layers=(LAYER,))
    n_train = len(states.corpus.splits["train"])
    rng = np.random.default_rng(0)
    settings = FitSettings()
    for _ in range(pairs):
        order = rng.permutation(n_train)[: 2 * SENTENCES].reshape(2, SENTENCES)
        probes = []
        for chosen in order:
            part = _with_train(states, np.sort(chosen))
            question = pk.ask(pk.load_task("pos"), part.corpus)
            fits = fit(part, [question], seeds=SEEDS, settings=settings)
            ((refitted,),) = with_refits([fits], [part], resamples, settings)
            probes.append(refitted)
        before, after = probes
        yield _outcome(before, after, before.question.splits["test"].n_groups)


def _with_train(states: pk.States, chosen: np.ndarray) -> Part:
    taken: dict[Split, Taken] = {"train": Taken("train", chosen)}
    others: tuple[Split, ...] = ("dev", "test")
    for split in others:
        taken[split] = Taken(split, np.arange(len(states.corpus.splits[split])))
    return part_of(states, taken)


def _outcome(before: Fitted, after: Fitted, n_test: int) -> Outcome:
    """The difference on the first `n_test` groups, and that on all others."""
    counts = [_counts(fitted, fitted.predictions) for fitted in (before, after)]
    refits = [_counts(fitted, fitted.refits) for fitted in (before, after)]
    own, others = slice(n_test), slice(n_test, None)
    shared = paired.resampling(n_test)
    first, second = (of_side[:, :, own] for of_side in counts)
    of_refits = paired.Refits(*(of_side[:, :, own] for of_side in refits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # there may be no others
        scores = [ACCURACY.score(of_side[:, :, others].sum(axis=2)).mean() for of_side in counts]
    return Outcome(
        float(scores[1] - scores[0]),
        paired.difference(ACCURACY, first, second, shared, refits=of_refits),
        paired.difference(ACCURACY, first, second, shared),
    )


def _counts(fitted: Fitted, predictions: np.ndarray | None) -> np.ndarray:
    assert predictions is not None
    return task_counts(fitted.question, "test", predictions)
