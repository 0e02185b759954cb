"""The grid of recipes: cells run once, go on after a kill, and are compared with the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError
from probekit.stats.seeds import over_seeds
from probekit.tuning import grid
from probekit.tuning.finetune import finetune
from probekit.tuning.recipe_scores import CELLS, TRADES, conclusion, trades
from probekit.tuning.trainer import Diverged
from tests.tuning.test_recipes import TINY, corpus_file


def cells(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    """A table of recipe, seed, target and retention, with intervals of 0.02 around them."""
    found = []
    for recipe, seed, target, retention in rows:
        row: dict[str, Any] = {"recipe": recipe, "rate": "2e-05", "seed": seed, "task": "pos"}
        row |= {"corpus": "c", "trained": 5, "seconds": 1.0, "target": target}
        row |= {"target_low": target - 0.01, "target_high": target + 0.01}
        row |= {"retention": retention, "retention_low": retention - 0.01}
        found.append({**row, "retention_high": retention + 0.01})
    return CELLS.table(found)


def test_an_interval_over_seeds_has_both_parts() -> None:
    values, low, high = np.array([0.5, 0.6, 0.7]), np.full(3, 0.0), np.full(3, 0.2)
    mean, lower, upper = over_seeds(values, low, high)
    alone = stats.t.interval(0.95, 2, loc=0.6, scale=stats.sem(values))
    assert mean == pytest.approx(0.6)
    assert upper - mean == pytest.approx(np.hypot((alone[1] - alone[0]) / 2, 0.1))
    assert mean - lower == pytest.approx(upper - mean)
    assert np.isnan(over_seeds(values[:1], low[:1], high[:1])[1])


def test_the_conclusion_names_what_keeps_the_most_at_no_loss() -> None:
    rows = []
    for seed, noise in enumerate((-0.001, 0.0, 0.001)):
        rows += [
            ("full", seed, 0.80 + noise, 0.70 + noise),
            ("lora", seed, 0.80 + noise, 0.95 + noise),
            ("frozen", seed, 0.60 + noise, 1.0),
        ]
    table = TRADES.table(trades(cells(rows)))
    assert table.set_index("recipe")["on_front"].to_dict() == {"full": 0, "lora": 1, "frozen": 1}
    assert conclusion(table) == (
        "lora at 2e-05 keeps the most (95.0%) among the 2 of 3 whose target is not measurably "
        "below the highest (0.800)"
    )
    loud = [(recipe, seed, target, 0.9 + seed / 20) for recipe, seed, target, _ in rows[:8]]
    assert "cannot tell full at 2e-05, lora at 2e-05 apart" in conclusion(
        TRADES.table(trades(cells(loud)))
    )
    assert "one seed" in conclusion(TRADES.table(trades(cells(rows[:3]))))


def test_cells_are_run_once_and_go_on_after_a_kill(
    tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = corpus_file(small, tmp_path / "text")
    given: dict[str, Any] = {
        "recipes": ["full", "frozen"],
        "tasks": "pos",
        "corpus": text,
        "out": tmp_path / "grid",
        "rates": {"full": 1e-3, "frozen": [1e-3]},
        "seeds": 1,
        "probe_seeds": 2,
        "resample_train": 0,
        "settings": TINY,
    }
    calls: list[str] = []
    whole = finetune

    def stopped(*args: Any, **more: Any) -> Any:
        calls.append(Path(more["out"]).name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*args, **more)

    monkeypatch.setattr(grid, "finetune", stopped)
    with pytest.raises(KeyboardInterrupt):
        pk.recipes(tiny_bert, f"{text}:pos", progress=False, **given)
    monkeypatch.setattr(grid, "finetune", whole)
    first = tmp_path / "grid" / "cells" / "full-0.001-0" / "model.safetensors"
    before = first.stat().st_mtime_ns
    stages: list[str] = []

    def report(stage: str, done: float, total: float) -> None:
        stages.append(stage)

    found = pk.recipes(tiny_bert, f"{text}:pos", progress=report, **given)
    assert first.stat().st_mtime_ns == before
    assert pk.read(tmp_path / "grid") == found
    assert set(zip(found.table["recipe"], found.table["seed"], strict=True)) == {
        ("full", 0),
        ("frozen", 0),
    }
    frozen = found.table[found.table["recipe"] == "frozen"]
    assert (frozen["retention"] == 1).all()
    assert any(stage.startswith("epoch") for stage in stages)
    stages.clear()
    assert pk.recipes(tiny_bert, f"{text}:pos", progress=report, **given).table.equals(found.table)
    assert set(stages) == {"cells"}
    figure = pk.tradeoff(found, tmp_path / "t.svg")
    drawn = (tmp_path / "t.svg").read_text()
    assert figure and "full" in drawn and "frozen" in drawn and "0.001" in drawn


def test_a_cell_that_diverges_is_left_out(
    tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = corpus_file(small, tmp_path / "text")

    def diverges(*args: Any, **more: Any) -> Any:
        raise Diverged("training diverged")

    monkeypatch.setattr(grid, "finetune", diverges)
    with pytest.raises(
        ProbekitError, match=r"no cell .*full-0.001-0 is left out: training diverge"
    ):
        pk.recipes(
            tiny_bert,
            f"{text}:pos",
            "full",
            "pos",
            out=tmp_path / "grid",
            rates={"full": 1e-3},
            seeds=1,
            progress=False,
        )
