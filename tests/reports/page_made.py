"""Results for tests of pages: a number of its own in every cell, and rows that belong together
where verdicts and pictures need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import probekit as pk
from probekit.forgetting.trajectory import FELL, STEPS, SUMMARY
from probekit.results.columns import CHANGE
from probekit.results.results import Results
from probekit.tuning.transferred import CURVES, FACTORS, TRANSFER
from probekit.usage.attribution import ATTRIBUTION, DECISIONS, POSITIONS
from probekit.usage.erasure import ERASURE
from probekit.usage.neurons_found import CURVE, NEURONS
from probekit.usage.use_change import USE
from tests.results import made

ROWS = 12
ABOUT = {"model": "m", "task": "pos", "corpus": "c", "probe": "linear", "metric": "accuracy"}


def varied(found: Results, seed: int = 0) -> Results:
    """The first ROWS of each table, with a number of its own in every cell of numbers; changes of
    either sign, and ends of intervals around all others."""
    rng = np.random.default_rng(seed)
    tables: dict[str, Any] = {}
    for field, schema in {**found.TABLES, **found.OPTIONAL}.items():
        frame = getattr(found, field).head(ROWS).copy()
        for column in schema.columns:
            if column.kind.dtype == "float64":
                low, high = (-0.8, 0.8) if column.unit == CHANGE else (0.2, 0.8)
                if column.name.endswith(("low", "high")):
                    low, high = (-1.0, low) if column.name.endswith("low") else (high, 1.0)
                frame[column.name] = rng.uniform(low, high, len(frame))
        tables[field] = frame
    for field in found.LARGE:
        tables[field] = getattr(found, field)
    return type(found)(**tables, run=found.run, warnings=found.warnings)


def made_of(kind: type[Results]) -> Results:
    """Results of a kind, with varied numbers."""
    return varied(PLAIN[kind]() if kind in PLAIN else made.KINDS[kind](0.5))


def same_corpus(found: Results, values: dict[str, str]) -> Results:
    """The same results, of one corpus."""
    tables = {}
    for field in {**found.TABLES, **found.OPTIONAL}:
        frame = getattr(found, field).copy()
        for name, value in values.items():
            if name in frame:
                frame[name] = value
        tables[field] = frame
    return type(found)(**tables, run=found.run, warnings=found.warnings)


def _filled(schema: Any, rows: list[dict[str, Any]]) -> Any:
    return made.filled(schema, [made.only(schema.names, {**ABOUT, **row}) for row in rows])


def _use_change() -> Results:
    about = {"before": "b", "after": "a", "erased": "pos", "affected": "pos", "probe": "clean"}
    places = ((1, 6), (1, 1), (3, 6), (3, 3))
    rows = [{**about, "layer": layer, "read_at": read_at} for layer, read_at in places]
    return pk.UseChange(_filled(USE, rows))


def _trajectory() -> Results:
    steps: list[dict[str, Any]] = []
    for step in range(3):
        steps += [{"step": step, "layer": layer} for layer in range(4)]
    fell = [{**row, "step": 1} for row in steps[:4]]
    tables = (_filled(STEPS, steps), _filled(FELL, fell), _filled(SUMMARY, [{}]))
    return pk.Trajectory(*tables, run=made.run(0.5))


def _erasure() -> Results:
    rows: list[dict[str, Any]] = []
    for layer in range(5):
        for erased in ("pos", "random"):
            about = {"erased": erased, "affected": "pos", "probe": "clean"}
            rows.append({**about, "layer": layer, "read_at": 6})
    return pk.Erasure(_filled(ERASURE, rows))


def _neurons() -> Results:
    rows: list[dict[str, Any]] = []
    for layer in (1, 2):
        for method in ("weights", "random"):
            about = {"layer": layer, "method": method}
            rows += [{**about, "neurons": neurons} for neurons in (1, 4, 16)]
    ranking = [{"layer": 1, "ranking_place": place, "neuron": place} for place in range(1, 13)]
    return pk.Neurons(_filled(NEURONS, ranking), _filled(CURVE, rows))


def _transfer() -> Results:
    rows: list[dict[str, Any]] = []
    for method in ("full", "scratch"):
        for examples in (10, 100, 1000):
            about = {"data": "c:pos", "method": method, "train_examples": examples}
            rows += [{**about, "seed": seed, "seeds": 2} for seed in (0, 1)]
    factor = {"data": "c:pos", "reference": "scratch", "train_examples": 1000, "fewest": 10}
    means = [row for row in rows if row["seed"] == 0]
    return pk.Transfer(_filled(TRANSFER, rows), _filled(CURVES, means), _filled(FACTORS, [factor]))


def _attribution() -> Results:
    words = [{"decision": 0, "position": place, "word": f"w{place}"} for place in range(12)]
    decision = {"decision": 0, "label": "NOUN", "baseline": "pad", "layer": 1}
    places: list[dict[str, Any]] = []
    for label in ("", "NOUN"):
        places += [{"label": label, "place": place} for place in ("left 1", "span")]
    tables = (_filled(ATTRIBUTION, words), _filled(DECISIONS, [decision]))
    return pk.Attribution(*tables, positions=_filled(POSITIONS, places))


PLAIN: dict[type[Results], Callable[[], Results]] = {
    pk.UseChange: _use_change,
    pk.Trajectory: _trajectory,
    pk.Erasure: _erasure,
    pk.Neurons: _neurons,
    pk.Transfer: _transfer,
    pk.Attribution: _attribution,
}
"""Kinds of results whose rows must belong together."""
