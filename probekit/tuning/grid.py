"""Grid: recipes, rates and seeds, each fine-tuned once, and compared with the checkpoint before."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import InputError
from probekit.forgetting.compare import compare
from probekit.forgetting.comparison import Comparison
from probekit.paths import path_of
from probekit.probes.arguments import Seeds
from probekit.probes.record import versions
from probekit.probes.refits import checked_resamples
from probekit.progress import Progress, reporting
from probekit.results.folder import RECORD, make_folder
from probekit.results.run import Run, plain
from probekit.tuning.diverged import Diverged
from probekit.tuning.finetune import finetune
from probekit.tuning.rates import rates_by_recipe
from probekit.tuning.recipe_scores import (
    CELLS,
    FINISHED,
    TRADES,
    CellRow,
    RecipeScores,
    incomparable,
    trades,
)
from probekit.tuning.recipes import recipe_of
from probekit.tuning.settings import TuningSettings
from probekit.tuning.tuned import Tuned

CELLS_FOLDER = "cells"


@dataclass(frozen=True)
class _Cell:
    """One recipe, rate and seed."""

    recipe: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.recipe}-{self.rate:g}-{self.seed}"


@reporting
def recipes(  # noqa: PLR0913 - a public verb
    model: str | Path,
    data: str | Path,
    recipes: str | Sequence[str],
    tasks: str | Sequence[str],
    *,
    out: str | Path,
    rates: Mapping[str, float | Sequence[float]] | None = None,
    seeds: Seeds = 3,
    corpus: str | Path | Sequence[str | Path] | None = None,
    probe_seeds: Seeds = 3,
    resample_train: int = 10,
    text: str | Sequence[str] = (),
    label: str = "",
    regression: bool = False,
    settings: TuningSettings | None = None,
    overwrite: bool = False,
    progress: Progress | bool = True,
) -> RecipeScores:
    """Fine-tune by several recipes, and measure what each gains and what it forgets.

    Each recipe, rate and seed is a cell: a fine-tuned checkpoint in `out`, compared with `model`
    on probing tasks. Finished cells are not run again, nor those whose training diverged; one that
    was killed goes on.

    Args:
        model: the starting checkpoint, as for `finetune`.
        data: as for `finetune`.
        recipes: names of recipes.
        tasks: the probing tasks, as for `compare`.
        out: the folder of the cells and the tables.
        rates: for a recipe, the learning rate or rates that it is run at; by default its own.
        seeds: of fine-tuning: how many, or which.
        corpus: what the probes read, as for `compare`.
        probe_seeds: of the probes, as `seeds` of `compare`.
        resample_train: as for `compare`.
        text: as for `finetune`.
        label: as for `finetune`.
        regression: as for `finetune`.
        settings: how all are trained; its rate and seed give way to those of the cell.
        overwrite: run every cell of this call again, and delete what is there of it.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the total.

    Returns the tables, which are also written into `out`. A cell whose training diverged has a row
    that says so, and is in no mean.

    Raises InputError, CorpusError, TaskError or ModelError for what cannot be used, and where no
    cell was trained to its end.
    """
    started = time.perf_counter()
    report = doors.function("progress", progress)
    folder = path_of(str(doors.of_type("out", out, (str, Path))))
    given = doors.optional("settings", settings, TuningSettings) or TuningSettings()
    names = doors.several("tasks", tasks, (str,))
    resample_train = checked_resamples(resample_train)
    if corpus is not None:
        corpus = doors.several("corpus", corpus, (str, Path))
    doors.of_type("overwrite", overwrite, bool)
    cells = _cells(recipes, rates, doors.seeds("seeds", seeds))
    data_given: dict[str, Any] = {"text": text, "label": label, "regression": regression}
    probing: dict[str, Any] = {
        "tasks": names,
        "corpus": corpus,
        "seeds": doors.seeds("probe_seeds", probe_seeds),
        "resample_train": resample_train,
    }
    make_folder(folder)
    rows: list[CellRow] = []
    warnings: list[str] = []
    for number, cell in enumerate(cells):
        report("cells", number, len(cells))
        home = folder / CELLS_FOLDER / cell.name
        own = replace(given, rate=cell.rate, seed=cell.seed)
        try:
            tuned = finetune(
                model, data, cell.recipe, out=home, settings=own, overwrite=overwrite,
                resume=home.exists() and not overwrite, progress=report, **data_given,
            )  # fmt: skip
        except Diverged as error:
            warnings.append(f"{cell.name} is in no mean and not on the front: {error}")
            rows.append(_diverged(cell, error))
            continue
        warnings += [f"{cell.name}: {one}" for one in tuned.warnings if "at chance" in one]
        change = _compared(str(model), home, probing, report)
        rows += _rows(cell, tuned, change)
    report("cells", len(cells), len(cells))
    if all(row.outcome != FINISHED for row in rows):
        raise InputError("no cell was trained to its end: " + "; ".join(warnings[:2]))
    table = CELLS.table(rows)
    warnings += incomparable(table)
    run = Run(
        versions=versions(),
        settings={
            "model": str(model),
            "data": str(data),
            "settings": vars(given),
            "probing": {**probing, "corpus": str(corpus)},
        },
        counts={"cells": len(cells)},
        seconds={"all": time.perf_counter() - started},
    )
    found = RecipeScores(table, TRADES.table(trades(table)), run=run, warnings=tuple(warnings))
    found.write(folder)
    return found


def _cells(recipes: Any, rates: Any, seeds: tuple[int, ...]) -> list[_Cell]:
    """All cells. Raises InputError for unknown recipes, and rates that are not numbers."""
    names = list(dict.fromkeys(doors.several("recipes", recipes, (str,))))
    own: dict[str, tuple[float, ...]] = {}
    for name in names:
        recipe = recipe_of(name, {}, "recipes")
        if not recipe.READS_LABELS:
            raise InputError(
                f"recipes: {name} learns raw text, which is no task to be scored on: run "
                f"finetune with recipe='{name}', and compare its output with the checkpoint before"
            )
        own[name] = (recipe.RATE,)
    own |= rates_by_recipe(rates, names)
    cells = []
    for name in names:
        for rate in own[name]:
            cells += [_Cell(name, rate, seed) for seed in seeds]
    return cells


def _compared(model: str, home: Path, probing: Mapping[str, Any], report: Progress) -> Comparison:
    """The comparison of a cell with the starting checkpoint, measured once."""
    asked = json.dumps(plain(dict(probing)), sort_keys=True).encode()
    folder = home / f"compare-{hashlib.sha256(asked).hexdigest()[:8]}"
    if (folder / RECORD).is_file():
        return Comparison.read(folder)
    change = compare(model, str(home), progress=report, **probing)
    change.write(folder)
    return change


def _diverged(cell: _Cell, error: Diverged) -> CellRow:
    """The row of a cell whose training diverged."""
    nothing = float("nan")
    return CellRow(
        recipe=cell.recipe,
        rate=f"{cell.rate:g}",
        seed=cell.seed,
        task="",
        corpus="",
        outcome=f"diverged at step {error.step:,}",
        metric="",
        dev=nothing,
        target=nothing,
        target_low=nothing,
        target_high=nothing,
        retention=nothing,
        retention_low=nothing,
        retention_high=nothing,
        trained=error.trained,
        seconds=error.seconds,
    )


def _rows(cell: _Cell, tuned: Tuned, change: Comparison) -> list[CellRow]:
    test, dev = (tuned.table[tuned.table["split"] == one].iloc[0] for one in ("test", "dev"))
    rows = []
    for _, best in change.best.iterrows():
        rows.append(
            CellRow(
                recipe=cell.recipe,
                rate=f"{cell.rate:g}",
                seed=cell.seed,
                task=best["task"],
                corpus=best["corpus"],
                metric=test["metric"],
                dev=dev["score"],
                target=test["score"],
                target_low=test["ci_low"],
                target_high=test["ci_high"],
                retention=best["retention"],
                retention_low=best["retention_low"],
                retention_high=best["retention_high"],
                trained=test["trained"],
                seconds=tuned.run.seconds["all"],
            )
        )
    return rows
