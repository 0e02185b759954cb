"""Results of every kind, made of rows that say little: what tests of files, pictures and tables
need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from probekit.forgetting.comparison import TABLES, Comparison
from probekit.forgetting.gate.gated import GATE, Gated
from probekit.forgetting.monitors.probe_change import PROBE_CHANGE, READINGS, ProbeChange
from probekit.forgetting.trajectory import FELL, STEPS, SUMMARY, Trajectory
from probekit.probes.predictions import INSTANCES, PREDICTIONS
from probekit.probes.score_rows import SCORES
from probekit.probes.scores import Scores
from probekit.replications.replicated import REPLICATION, Replicated
from probekit.results.results import Results
from probekit.results.run import Measurement, Run
from probekit.results.schema import Schema
from probekit.tuning.recipe_scores import CELLS, TRADES, RecipeScores
from probekit.tuning.transferred import CURVES, FACTORS, TRANSFER, Transfer
from probekit.tuning.tuned import HISTORY, TUNED, Tuned
from probekit.usage.attribution import ATTRIBUTION, DECISIONS, Attribution
from probekit.usage.erasure import ERASURE, Erasure
from probekit.usage.neurons_found import CURVE as NEURON_CURVE
from probekit.usage.neurons_found import NEURONS, Neurons
from probekit.usage.use_change import USE, UseChange

LAYERS = 50
CODES = {"labels": "gold", "view": "single", "weights": "", "test_fingerprint": ""}
"""Columns whose values are not any text."""


def only(names: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that have one of these names."""
    return {name: value for name, value in row.items() if name in names}


def filled(schema: Schema, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of rows that may lack columns: there texts are empty, whole numbers 0 and other
    numbers missing."""
    missing = {"str": "", "int64": 0, "Int64": None, "float64": None}
    empty = {column.name: missing[column.kind.dtype] for column in schema.columns}
    empty |= only(schema.names, CODES)
    return schema.table([{**empty, **row} for row in rows])


def table(schema: Schema, value: float) -> pd.DataFrame:
    """A row for each of some layers, with `value` in every column of numbers, and texts of all
    sorts."""
    texts = [
        "NA",
        "",
        "null",
        "007",
        'a "quoted", one',
        "two\nlines\r",
        "\x00",
        "\ufeff",
        "é",
        "True",
    ]
    rows = []
    for number in range(LAYERS):
        row: dict[str, Any] = {}
        for column in schema.columns:
            if column.name in CODES:
                row[column.name] = CODES[column.name]
            elif column.kind.dtype == "str":
                row[column.name] = f"{texts[number % len(texts)]}"
            elif column.kind.dtype == "float64":
                row[column.name] = value
            else:
                row[column.name] = number
        rows.append(row)
    return schema.table(rows)


def run(value: float) -> Run:
    """A run with something in every field."""
    measurement = Measurement(
        model="m",
        step=3,
        corpus="c",
        source="./c",
        modified_files=("a", "b"),
        context="sentence",
        fingerprints={"model": {"weights": "0123"}, "window": None},
        store="/s",
        shards_computed=1,
        shards_reused=2,
        words={"train": 3},
        passages={"train": 1},
        tasks={"pos": {"classes": ("A", "B"), "instances": {"train": 3}}},
        seconds={"extract": value},
    )
    return Run(
        command=("probekit", "probe", "\udc80"),
        versions={"numpy": "2"},
        settings={"value": value, "seeds": (0, 1), "base": "m", "threshold": 0.5},
        counts={"corrected_over": 3},
        seconds={"all": value},
        measurements=(measurement,),
    )


def scores(value: float) -> Scores:
    """Scores with `value` everywhere, one of each layer."""
    names = {"model": "m", "task": "t", "corpus": "c", "probe": "linear", "metric": "accuracy"}
    numbers = dict.fromkeys(("score", "ci_low", "ci_high", "dev_score", "dev_loss"), value)
    rows = [{**names, **numbers, "layer": layer, "epoch": 1} for layer in range(LAYERS)]
    return Scores(filled(SCORES, rows), run=run(value), warnings=("one", "two"))


def comparison(value: float) -> Comparison:
    """A comparison with `value` everywhere."""
    tables = {name: table(schema, value) for name, schema in TABLES.items()}
    return Comparison(**tables, run=run(value), warnings=("one",))


def gated(value: float) -> Gated:
    """Verdicts with `value` everywhere."""
    return Gated(table(GATE, value), run=run(value), warnings=("one",))


def probe_change(value: float) -> ProbeChange:
    """What became of saved probes, with `value` everywhere."""
    tables = (table(schema, value) for schema in (PROBE_CHANGE, READINGS))
    return ProbeChange(*tables, run=run(value), warnings=("one",))


def trajectory(value: float) -> Trajectory:
    """A trajectory with `value` everywhere."""
    return Trajectory(
        table(STEPS, value), table(FELL, value), table(SUMMARY, value), run=run(value)
    )


def tuned(value: float) -> Tuned:
    """A fine-tuned model's scores, with `value` everywhere."""
    return Tuned(table(TUNED, value), table(HISTORY, value), run=run(value), warnings=("one",))


def recipe_scores(value: float) -> RecipeScores:
    """Scores of recipes, with `value` everywhere."""
    return RecipeScores(table(CELLS, value), table(TRADES, value), run=run(value))


def replicated(value: float) -> Replicated:
    """A replication with `value` everywhere."""
    return Replicated(table(REPLICATION, value), run=run(value), warnings=("one",))


def transfer(value: float) -> Transfer:
    """Scores by the number of labels, with `value` everywhere."""
    tables = (table(schema, value) for schema in (TRANSFER, CURVES, FACTORS))
    return Transfer(*tables, run=run(value), warnings=("one",))


def erasure(value: float) -> Erasure:
    """Changes by erasures, with `value` everywhere."""
    return Erasure(table(ERASURE, value), run=run(value), warnings=("one",))


def use_change(value: float) -> UseChange:
    """Changes of what erasures break, with `value` everywhere."""
    return UseChange(table(USE, value), run=run(value), warnings=("one",))


def neurons(value: float) -> Neurons:
    """Rankings of neurons, with `value` everywhere."""
    tables = (table(schema, value) for schema in (NEURONS, NEURON_CURVE))
    return Neurons(*tables, run=run(value), warnings=("one",))


def attribution(value: float) -> Attribution:
    """Attributions, with `value` everywhere."""
    tables = (table(schema, value) for schema in (ATTRIBUTION, DECISIONS))
    return Attribution(*tables, run=run(value), warnings=("one",))


def predicted() -> Scores:
    """Scores with predictions of a task: two layers, two seeds and a baseline.

    The second layer is the best on dev. One gold label is never predicted, and one looks like a
    formula.
    """
    about: dict[str, Any] = {"model": "m", "task": "pos", "corpus": "c", "metric": "accuracy"}
    gold = ["A", "A", "B", "$x_1$", "unseen", "A"]
    said = {
        (0, 0): ["B", "B", "B", "B", "B", "B"],
        (0, 1): ["A", "B", "B", "B", "B", "A"],
        (1, 0): ["A", "A", "B", "$x_1$", "A", "B"],
        (1, 1): ["A", "A", "A", "B", "B", "A"],
    }
    rows: list[dict[str, Any]] = [{**about, "probe": "majority", "layer": None, "score": 0.5}]
    answers = [{**about, "probe": "majority", "layer": None, "seed": 0, "predicted": ["A"] * 6}]
    for (layer, seed), labels in said.items():
        probe = {**about, "probe": "linear", "layer": layer, "seed": seed}
        rows.append({**probe, "score": 0.5, "dev_score": 0.5 + layer / 10, "epoch": 1})
        answers.append({**probe, "predicted": labels})
    instances = []
    for number, label in enumerate(gold):
        place = {"sentence": "s\n", "words": "=w", "start": number, "end": number + 1}
        second = {"sentence_2": "", "words_2": "", "start_2": None, "end_2": None}
        instances.append({"instance": number, "gold": label, **place, **second, **about})
    return Scores(
        filled(SCORES, rows),
        instances=arrow(INSTANCES, instances),
        predicted=arrow(PREDICTIONS, answers),
    )


def arrow(schema: Schema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table of rows in Arrow's form, with empty texts for the fingerprints."""
    found = {}
    for name in schema.names:
        found[name] = [row.get(name, "") for row in rows]
    return pa.table(found)


KINDS: dict[type[Results], Callable[[float], Results]] = {
    Scores: scores,
    Comparison: comparison,
    Gated: gated,
    ProbeChange: probe_change,
    Trajectory: trajectory,
    Tuned: tuned,
    RecipeScores: recipe_scores,
    Replicated: replicated,
    Transfer: transfer,
    Erasure: erasure,
    UseChange: use_change,
    Neurons: neurons,
    Attribution: attribution,
}
"""Every kind of results, and how to make some with a value in them: a new kind is a row."""
