"""The table of what changed most: the largest first, of each checkpoint in turn, and nothing that
may be chance."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
from rich.console import Console

from probekit.forgetting.comparison import TABLES, Comparison
from probekit.reports.table import LEGENDS, as_rich
from probekit.reports.tables.comparison import MOST_CHANGED, breakdown_table
from probekit.results.run import Run
from tests.results.made import filled

EMPTY = pd.DataFrame()


def comparison(rows: list[tuple[str, str, float, float]]) -> Comparison:
    """Of kinds of instances: checkpoint, label, change, adjusted p-value."""
    kinds = pd.DataFrame(rows, columns=["after", "value", "delta", "p_adjusted"])
    facts = {
        "task": "dep",
        "corpus": "c",
        "kind": "label",
        "layer": 1,
        "n_test": 9,
        "accuracy_before": 0.5,
    }
    kinds = kinds.assign(
        **facts, accuracy_after=0.5 + kinds["delta"], ci_low=kinds["delta"], ci_high=kinds["delta"]
    )
    best = [{"after": "first", "corpus": "c"}, {"after": "second", "corpus": "c"}]
    by_label = filled(TABLES["by_label"], kinds.to_dict("records"))
    return Comparison(EMPTY, filled(TABLES["best"], best), EMPTY, EMPTY, by_label)


def lines(found: Comparison) -> list[str]:
    table = breakdown_table(found)
    assert table is not None
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(as_rich(table))
    return console.export_text().splitlines()


def labels(found: Comparison) -> list[str]:
    return [line.split()[3] for line in lines(found) if " dep " in line]


def test_the_largest_changes_stand_first_and_chance_is_left_out() -> None:
    rows = [
        ("second", "b", -0.4, 0.01),
        ("first", "s", -0.1, 0.05),
        ("first", "l", 0.3, 0.01),
        ("first", "x", -0.9, 0.06),
    ]
    assert labels(comparison(rows)) == ["l", "s", "b"]


def test_abbreviations_are_said_below() -> None:
    below = " ".join(line.strip() for line in lines(comparison([("first", "a", -0.4, 0.01)])))
    assert below.endswith(f"; {LEGENDS['p adj.']}")


def test_there_are_few_and_none_for_nothing() -> None:
    many = [("first", f"v{i}", -0.01 * (20 - i), 0.01) for i in range(20)]
    assert labels(comparison(many)) == [f"v{i}" for i in range(MOST_CHANGED)]
    assert breakdown_table(comparison([("first", "a", -0.4, 0.06)])) is None


def test_p_values_without_correction_are_not_called_adjusted() -> None:
    run = Run(settings={"correction": "none"})
    found = replace(comparison([("first", "a", -0.4, 0.01)]), run=run)
    below = " ".join(line.strip() for line in lines(found))
    assert LEGENDS["p"] in below and "p adj." not in below
