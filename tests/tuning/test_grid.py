"""The grid of recipes: cells run once, go on after a kill, and are compared with the start."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError
from probekit.forgetting import probed_together
from probekit.probes.fit import fit_together
from probekit.reports.tables.recipes import tradeoff_table
from probekit.stats.seeds import over_seeds
from probekit.tuning import cells as grid_cells
from probekit.tuning import trainer as trainers
from probekit.tuning.cell_warnings import cell_warnings
from probekit.tuning.finetune import finetune
from probekit.tuning.predicted import Answers
from probekit.tuning.recipe_conclusion import conclusion
from probekit.tuning.recipe_scores import CELLS, FINISHED, TRADES, incomparable
from probekit.tuning.recipe_scores import trades as trades_of
from probekit.tuning.target_differences import RecipeAtRate
from tests.tuning.test_recipes import TINY, corpus_file


def cells(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    """A table of recipe, seed, target and retention, with intervals of 0.02 around them."""
    found = []
    for recipe, seed, target, retention in rows:
        row: dict[str, Any] = {"recipe": recipe, "rate": "2e-05", "seed": seed, "task": "pos"}
        row |= {"corpus": "c", "trained": 5, "seconds": 1.0, "target": target}
        row |= {"metric": "accuracy", "dev": target}
        row |= {"target_low": target - 0.01, "target_high": target + 0.01}
        row |= {"retention": retention, "retention_low": retention - 0.01}
        found.append({**row, "retention_high": retention + 0.01})
    return CELLS.table(found)


TEXTS = 1000


def trades(table: pd.DataFrame) -> list[Any]:
    """The tradeoff of models that reach the targets of a table on 1,000 texts. No two recipes err
    on the same texts, as long as there are texts enough."""
    said: dict[RecipeAtRate, dict[int, Answers]] = {}
    start = 0
    finished = table[table["outcome"] == FINISHED]
    for (recipe, rate), rows in finished.groupby(["recipe", "rate"], sort=False):
        by_seed = said.setdefault(RecipeAtRate(recipe, rate), {})
        for seed, target in zip(rows["seed"], rows["target"], strict=True):
            wrong = (start + np.arange(round((1 - target) * TEXTS))) % TEXTS
            errors = np.zeros(TEXTS, dtype=int)
            errors[wrong] = 1
            by_seed[seed] = Answers(np.zeros(TEXTS, dtype=int), errors, np.arange(TEXTS))
        start += len(wrong) + 10
    return trades_of(table, said)


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
        "below that of full at 2e-05, the best on dev (0.800); that of lora at 2e-05 may be up to "
        "0.039 lower"  # 1.96 * sqrt((0.2 + 0.2) / 1,000)
    )
    loud = [(recipe, seed, target, 0.9 + seed / 20) for recipe, seed, target, _ in rows[:8]]
    assert "do not tell full at 2e-05, lora at 2e-05 apart" in conclusion(
        TRADES.table(trades(cells(loud)))
    )
    alone = [
        (recipe, seed, target - 0.3 * (recipe == "full"), kept)
        for recipe, seed, target, kept in rows
    ]
    assert conclusion(TRADES.table(trades(cells(alone)))) == (
        "lora at 2e-05 is the best on dev, and the target of every other is measurably below its "
        "0.800; it keeps 95.0%"
    )
    assert "one seed" in conclusion(TRADES.table(trades(cells(rows[:3]))))


def test_an_interval_stays_within_the_range_of_the_metric() -> None:
    rows = [("full", seed, 0.95 + seed / 50, 0.9) for seed in range(2)]
    (row,) = trades(cells(rows))
    assert over_seeds(np.array([0.95, 0.97]), np.zeros(2), np.zeros(2))[2] > 1
    assert row.target_high == 1 and row.target_low < 0.9


def test_an_interval_that_the_range_cuts_off_tells_no_more_apart() -> None:
    """Two seeds give full an interval from 0.716 to 1.224, cut off at 1: what is left is half as
    wide, and must not make 0.8 measurably lower."""
    rows = [("full", 0, 0.95, 0.7), ("full", 1, 0.99, 0.7), ("lora", 0, 0.8, 0.9)]
    table = TRADES.table(trades(cells([*rows, ("lora", 1, 0.8, 0.9)])))
    assert table["target_high"][0] == 1 and table["target_low"][0] == pytest.approx(0.716, abs=1e-3)
    assert "2 of 2 whose target is not measurably below" in conclusion(table)


def test_the_possible_loss_is_as_large_as_the_true_one() -> None:
    """Of two recipes the second keeps more and loses 5 points, which 300 texts and three seeds
    seldom show: then the sentence says that as much may be lost. In a few of a hundred grids it
    may say less."""
    random, named, short = np.random.default_rng(0), 0, 0
    for _ in range(100):
        rows, said = [], {}
        for recipe, accuracy, kept in (("full", 0.7, 0.96), ("frozen", 0.65, 1.0)):
            own = {}
            for seed, share in enumerate(accuracy + random.normal(0, 0.01, 3)):
                wrong = (random.random(300) > share).astype(int)
                own[seed] = Answers(np.zeros(300, dtype=int), wrong, np.arange(300))
                rows.append((recipe, seed, 1 - wrong.mean(), kept))
            said[RecipeAtRate(recipe, "2e-05")] = own
        table = cells(rows)
        table["dev"] = np.where(table["recipe"] == "full", 0.7, 0.65)
        sentence = conclusion(TRADES.table(trades_of(table, said)))
        if sentence.startswith("frozen at 2e-05 keeps the most"):
            named += 1
            loss = re.search(r"that of frozen at 2e-05 may be up to (\S+) lower", sentence)
            short += loss is None or float(loss[1]) < 0.05
    assert named > 80 and short <= 5


def test_one_recipe_is_compared_with_none() -> None:
    table = TRADES.table(trades(cells([("full", seed, 0.8, 0.9) for seed in (0, 1)])))
    assert conclusion(table) == (
        "there is nothing to compare full at 2e-05 with: its target is 0.800, and it keeps 90.0%"
    )


def test_a_recipe_with_one_seed_left_hinders_no_other() -> None:
    """Where all seeds of a recipe but one diverged, the others are compared all the same."""
    rows = [(recipe, seed, 0.8, 0.9) for recipe in ("full", "lora") for seed in (0, 1, 2)]
    table = TRADES.table(trades(cells([*rows, ("ewc", 0, 0.99, 0.99)])))
    table.loc[table["recipe"] == "ewc", "diverged"] = 2
    plain = conclusion(table[table["recipe"] != "ewc"])
    assert "do not tell full at 2e-05, lora at 2e-05 apart" in plain
    assert conclusion(table) == (
        f"{plain}; not compared, having no interval: ewc at 2e-05 (1 of 3 seeds); 2 of 9 cells "
        "diverged and are in no mean"
    )


def test_recipes_are_compared_on_the_same_tasks() -> None:
    """A task that one cell has no retention of is in the mean of none."""
    pos = cells([(recipe, seed, 0.8, 0.9) for recipe in ("full", "lora") for seed in (0, 1)])
    dep = pos.assign(task="dep", retention=0.5, retention_low=0.4, retention_high=0.6)
    dep.loc[0, ["retention", "retention_low", "retention_high"]] = np.nan
    table = pd.concat([pos, dep], ignore_index=True)
    assert [row.retention for row in trades(table)] == [0.9, 0.9]
    assert incomparable(pos) == []
    (warning,) = incomparable(table)
    assert warning.startswith("dep: 1 of 4 cells have no retention")
    none = TRADES.table(trades(dep))
    assert (none["on_front"] == 0).all() and none["retention"].isna().all()
    assert "cannot be compared" in conclusion(none)


def test_dev_chooses_what_targets_are_compared_with() -> None:
    """The highest of many targets on test is high by chance too."""
    rows = []
    for seed, noise in enumerate((-0.001, 0.0, 0.001)):
        rows += [("full", seed, 0.80 + noise, 0.7), ("lora", seed, 0.81 + noise, 0.9 + noise)]
    table = cells(rows)
    table["dev"] = np.where(table["recipe"] == "full", 0.9, 0.8)
    assert "below that of full at 2e-05, the best on dev" in conclusion(TRADES.table(trades(table)))


def test_a_recipe_that_cannot_be_run_is_refused_before_any_is(
    tiny_bert: Path, tmp_path: Path
) -> None:
    with pytest.raises(ProbekitError, match="recipe='replay' needs a language-modelling head"):
        pk.recipes(tiny_bert, "sample:pos", ["full", "replay"], "pos", out=tmp_path / "grid")
    assert not (tmp_path / "grid").exists()


@pytest.mark.slow
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

    monkeypatch.setattr(grid_cells, "finetune", stopped)
    with pytest.raises(KeyboardInterrupt):
        pk.recipes(tiny_bert, f"{text}:pos", progress=False, **given)
    monkeypatch.setattr(grid_cells, "finetune", whole)
    first = tmp_path / "grid" / "cells" / "full-0.001-0" / "model.safetensors"
    before = first.stat().st_mtime_ns
    stages: list[str] = []
    cells_done: list[float] = []

    def report(stage: str, done: float, total: float) -> None:
        stages.append(stage)
        if stage == "cells":
            cells_done.append(done)

    trained: list[int] = []

    def counted(checkpoints: Sequence[Any], *given: Any, **more: Any) -> Any:
        trained.append(len(checkpoints))
        return fit_together(checkpoints, *given, **more)

    monkeypatch.setattr(probed_together, "fit_together", counted)
    found = pk.recipes(tiny_bert, f"{text}:pos", progress=report, **given)
    assert cells_done == [1, 2]  # the time left is counted from the first cell that runs
    assert first.stat().st_mtime_ns == before
    assert pk.read(tmp_path / "grid") == found
    read = [(Path(one.model).name, one.context) for one in found.run.measurements]
    start = [(tiny_bert.name, "training"), (tiny_bert.name, "sentence")]
    assert read == [*start, ("full-0.001-0", "sentence"), ("frozen-0.001-0", "sentence")]
    assert set(zip(found.table["recipe"], found.table["seed"], strict=True)) == {
        ("full", 0),
        ("frozen", 0),
    }
    frozen = found.table[found.table["recipe"] == "frozen"]
    assert (frozen["retention"] == 1).all()
    assert any(stage.startswith("2 of 2 (frozen-0.001-0), ") for stage in stages)
    assert not trained  # it has the states of the start, whose probes are kept
    stages.clear()
    assert pk.recipes(tiny_bert, f"{text}:pos", progress=report, **given).table.equals(found.table)
    assert set(stages) == {"cells"}
    figure = pk.tradeoff(found, tmp_path / "t.svg")
    drawn = (tmp_path / "t.svg").read_text()
    assert figure and "full" in drawn and "frozen" in drawn and "0.001" in drawn


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves its processes to their parents
def test_cells_on_workers_are_those_of_threads(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    text = corpus_file(small, tmp_path / "text")

    def run(out: str, engine: Any) -> pk.RecipeScores:
        return pk.recipes(
            tiny_bert, f"{text}:pos", ["full", "frozen"], "pos", out=tmp_path / out, corpus=text,
            seeds=2, probe_seeds=2, resample_train=0, settings=TINY, engine=engine,
            progress=False,
        )  # fmt: skip

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as each worker has
    try:
        expected = run("threads", "threads").table
    finally:
        torch.set_num_threads(threads)
    found = run("ray", pk.EngineSettings("ray", 2)).table
    assert len(found) == 4
    pd.testing.assert_frame_equal(
        found.drop(columns="seconds"), expected.drop(columns="seconds"), rtol=0, atol=1e-6
    )


def diverges_at(rate: float) -> Any:
    """Trainer's compute_loss, which is not a number from the third step on at one rate."""
    whole = trainers.TuningTrainer.compute_loss

    def compute_loss(self: Any, model: Any, inputs: Any, *args: Any, **given: Any) -> Any:
        found = whole(self, model, inputs, *args, **given)
        if model.training and self.args.learning_rate == rate and self.state.global_step == 2:
            return found * float("nan")
        return found

    return compute_loss


@pytest.mark.slow
def test_a_cell_that_diverges_is_kept_and_not_run_again(
    tiny_bert: Path, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = corpus_file(small, tmp_path / "text")
    stages: list[str] = []

    def report(stage: str, done: float, total: float) -> None:
        stages.append(stage)

    def run(*rates: float, **more: Any) -> pk.RecipeScores:
        stages.clear()
        given = {"corpus": text, "out": tmp_path / "grid", "seeds": 1, "probe_seeds": 2, **more}
        given |= {"resample_train": 0, "settings": TINY, "progress": report}
        return pk.recipes(tiny_bert, f"{text}:pos", "full", "pos", rates={"full": rates}, **given)

    monkeypatch.setattr(trainers.TuningTrainer, "compute_loss", diverges_at(0.5))
    with pytest.raises(ProbekitError, match=r"no cell .*full-0.5-0 is in no mean.*training div"):
        run(0.5)
    assert any(", epoch 1 of" in stage for stage in stages)
    found = run(1e-3, 0.5)
    monkeypatch.undo()
    rows = found.table.set_index("rate")
    assert rows["outcome"].to_dict() == {"0.001": "finished", "0.5": "diverged at step 3"}
    assert np.isnan(rows["target"]["0.5"]) and rows["trained"]["0.5"] == rows["trained"]["0.001"]
    trade = found.tradeoff.set_index("rate")
    assert trade["diverged"].to_dict() == {"0.001": 0, "0.5": 1}
    assert trade["seeds"].to_dict() == {"0.001": 1, "0.5": 0}
    assert trade["on_front"].to_dict() == {"0.001": 1, "0.5": 0}
    assert trade["target"]["0.001"] == rows["target"]["0.001"]
    assert "1 of 2 cells diverged" in found.conclusion()
    assert any("full-0.5-0 is in no mean" in warning for warning in found.warnings)
    assert pk.read(tmp_path / "grid") == found
    assert [row[-1] for row in tradeoff_table(found).rows] == ["", "1 of 1"]
    pk.tradeoff(found, tmp_path / "t.svg")
    assert "full at 0.5: diverged" in (tmp_path / "t.svg").read_text()
    # It would come to its end now, but is not run again.
    again = run(1e-3, 0.5)
    assert again.table.equals(found.table) and set(stages) == {"cells"}
    with pytest.raises(ProbekitError, match=r"at step 3 of 10; .*; overwrite=True runs it again"):
        pk.finetune(
            tiny_bert, f"{text}:pos", out=tmp_path / "grid" / "cells" / "full-0.5-0", resume=True,
            settings=replace(TINY, rate=0.5), progress=False,
        )  # fmt: skip
    whole = run(1e-3, 0.5, overwrite=True)
    assert any(", epoch 1 of" in stage for stage in stages)
    assert set(whole.table["outcome"]) == {"finished"} and not whole.tradeoff["diverged"].any()
    pd.testing.assert_series_equal(
        whole.table[whole.table["rate"] == "0.001"]["target"],
        found.table[found.table["rate"] == "0.001"]["target"],
        check_index=False,
    )


def test_diverged_seeds_are_in_no_mean() -> None:
    rows = [("full", seed, 0.8, 0.7) for seed in range(2)] + [("lora", 0, 0.9, 0.9)]
    rows += [("lora", 1, 0.7, 0.7)]
    table = cells(rows)
    nothing = dict.fromkeys(("target", "target_low", "target_high", "retention"), np.nan)
    lost = pd.DataFrame([{**table.iloc[0], **nothing, "seed": 2, "outcome": "diverged at step 7"}])
    with_lost = CELLS.table(pd.concat([table, lost], ignore_index=True))
    plain, found = (TRADES.table(trades(one)) for one in (table, with_lost))
    assert found["diverged"].tolist() == [1, 0] and found["seeds"].tolist() == [2, 2]
    for column in ("target", "target_low", "retention", "retention_high", "on_front"):
        assert found[column].equals(plain[column])
    expected = conclusion(plain).replace("full at 2e-05", "full at 2e-05 (2 of 3 seeds)")
    assert conclusion(found) == f"{expected}; 1 of 5 cells diverged and are in no mean"


def test_warnings_are_told_once() -> None:
    of_data, at_chance = "c: texts are few", "training ended at chance"
    by_cell = {f"full-{seed}": [of_data] for seed in range(4)}
    by_cell["lora-0"] = [of_data, at_chance]
    assert cell_warnings(by_cell) == [of_data, f"lora-0: {at_chance}"]
    by_cell["lora-1"] = [of_data, at_chance]
    assert cell_warnings(by_cell)[1] == f"lora-0 and lora-1: {at_chance}"
    by_cell["lora-2"] = [at_chance]
    assert cell_warnings(by_cell) == [
        f"full-0 and 5 other cells: {of_data}",
        f"lora-0 and 2 other cells: {at_chance}",
    ]
