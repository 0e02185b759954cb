"""Probes against referees of the same shape that were fitted to convergence, with the best penalty
on dev.

Linear probes against multinomial logistic regression, MLP probes against an equal perceptron and
against the linear probe. All of it takes hours; `python -m tests.benchmarks accuracy --tasks
srl,ner --sentences 1500 --layers 3` runs a part.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import probekit as pk
from probekit.corpora.passage import Split
from probekit.probes.fit import fit
from probekit.probes.fitted import Fitted
from probekit.probes.view import single_layers
from probekit.states.states import States
from probekit.tasks.question import Question
from tests.benchmarks import logistic, perceptron
from tests.benchmarks.answers import best_on_dev, score_of
from tests.benchmarks.cut import cut
from tests.benchmarks.standardised import standardised
from tests.benchmarks.timing import figure

TASKS = ("pos", "dep", "srl", "const", "ner", "coref")
SENTENCES = ("1500", "4000", "all")
PROBES: tuple[str, ...] = ("linear", "mlp")
MODEL = "minilm"
# Constants are chosen on dev: test must not have been looked at.
SCORED: tuple[Split, ...] = ("dev", "test")

Predictions = dict[Split, np.ndarray]  # (n,) of dev and of test


@dataclass(frozen=True)
class Selection:
    """What one call of `_rows` measures.

    Attributes:
        task: its name.
        sentences: how many of training, or `all`.
        layers: which.
        probes: which; the linear one is there in any case.
        device: of the referees.
    """

    task: str
    sentences: str
    layers: Sequence[int]
    probes: Sequence[str]
    device: str


@dataclass(frozen=True)
class Row:
    """Scores at one layer.

    Attributes:
        where: the task and how many training sentences.
        pair: what is compared with what.
        layer: the layer.
        ours, theirs: scores of dev and test, in [0, 1].
        c: of the referee, the best on dev; None where there is no referee.
    """

    where: str
    pair: str
    layer: int
    ours: dict[Split, float]
    theirs: dict[Split, float]
    c: float | None = None

    def points(self, split: Split) -> float:
        """By how much ours is better."""
        return 100 * (self.ours[split] - self.theirs[split])

    def __str__(self) -> str:
        columns = [f"{self.where}, layer {self.layer}, {self.pair}:"]
        for split in SCORED:
            ours, theirs = 100 * self.ours[split], 100 * self.theirs[split]
            columns.append(f"{split} {ours:.2f} - {theirs:.2f} = {self.points(split):+.2f}")
        if self.c is not None:
            columns.append(f"best C {self.c:g}")
        return "  ".join(columns)


def main(arguments: Sequence[str] = ()) -> None:
    """Print a row for each layer, and the largest shortfalls at the end."""
    options = _options(arguments)
    rows: list[Row] = []
    for name in options.tasks:
        states = _states(name)
        layers = options.layers or states.layers
        for sentences in options.sentences:
            part = Selection(name, sentences, layers, options.probes, options.device)
            for row in _rows(states, part):
                print(f"  {row}", flush=True)
                rows.append(row)
    for where, pair in dict.fromkeys((row.where, row.pair) for row in rows):
        for split in SCORED:
            shortfalls = [
                -row.points(split) for row in rows if (row.where, row.pair) == (where, pair)
            ]
            figure(
                f"largest shortfall, {where}, {pair}, {split}", max(shortfalls), "<= 0.5", "points"
            )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks accuracy")
    parser.add_argument("--tasks", type=_one_of(TASKS), default=TASKS)
    parser.add_argument("--sentences", type=_sizes, default=SENTENCES, help="numbers, or all")
    parser.add_argument("--layers", type=_numbers, help="all by default")
    parser.add_argument("--probes", type=_one_of(PROBES), default=PROBES)
    parser.add_argument("--device", default="cpu", help="of the referees, such as cuda")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _sizes(text: str) -> list[str]:
    return [part if part == "all" else str(int(part)) for part in text.split(",")]


def _one_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads a list with commas between."""

    def names(text: str) -> list[str]:
        for name in text.split(","):
            if name not in choices:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(choices)}")
        return text.split(",")

    return names


def _states(name: str) -> States:
    task = pk.load_task(name)
    corpus = pk.load_corpus(task.corpus, allow_modified=True)
    return pk.extract(MODEL, corpus, context=task.context)


def _rows(states: States, part: Selection) -> Iterator[Row]:
    vectors = cut(states, None if part.sentences == "all" else int(part.sentences))
    data = pk.ask(pk.load_task(part.task), vectors.corpus)
    where = f"{part.task}, {part.sentences} sentences"
    n_sentences, n_instances = len(vectors.corpus.splits["train"]), len(data.splits["train"])
    print(f"  {where}: {n_sentences:,}, with {n_instances:,} instances")
    # The linear probe is there in any case: the MLP probe is compared with it.
    views = single_layers(part.layers)
    fitted = {}
    for probe in dict.fromkeys(("linear", *part.probes)):
        (fitted[probe],) = fit(vectors, [data], probe=probe, views=views)
    for number, layer in enumerate(part.layers):
        built = standardised(vectors, data, layer)
        x = {split: rows.to(part.device) for split, rows in built.items()}
        linear = _scores(data, _predictions(fitted["linear"], number))
        labels = data.splits["train"].labels
        if "linear" in part.probes:
            best = best_on_dev(data, logistic.answers(x, labels, len(data.classes)))
            yield Row(
                where,
                "linear - logistic regression",
                layer,
                linear,
                _scores(data, best.predictions),
                best.c,
            )
        if "mlp" in part.probes:
            mlp = _scores(data, _predictions(fitted["mlp"], number))
            yield Row(where, "mlp - linear", layer, mlp, linear)
            best = best_on_dev(data, perceptron.answers(x, labels, len(data.classes)))
            yield Row(
                where, "mlp - perceptron", layer, mlp, _scores(data, best.predictions), best.c
            )


def _predictions(fitted: Fitted, number: int) -> Predictions:
    """Of one layer, by its number."""
    return {"dev": fitted.dev_predictions[number, 0], "test": fitted.predictions[number, 0]}


def _scores(question: Question, predictions: Predictions) -> dict[Split, float]:
    return {split: score_of(question, split, predictions[split]) for split in SCORED}
