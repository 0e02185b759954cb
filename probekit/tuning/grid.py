"""Grid: recipes, rates and seeds, each fine-tuned once, and compared with the checkpoint before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.engine.current import current, on_engine
from probekit.engine.engine import Threads
from probekit.engine.settings import EngineKind, EngineSettings
from probekit.errors import InputError
from probekit.models.files import find_files
from probekit.paths import path_of
from probekit.probes.arguments import Seeds
from probekit.probes.record import versions
from probekit.probes.refits import checked_resamples
from probekit.progress import Progress, reporting, silent
from probekit.results.folder import make_folder
from probekit.results.run import Measurement, Run
from probekit.tuning.cell_warnings import cell_warnings, in_every_cell
from probekit.tuning.cells import Cell, CellWork
from probekit.tuning.predicted import Answers
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
from probekit.tuning.target_differences import RecipeAtRate

CELLS_FOLDER = "cells"


@reporting
@on_engine
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
    engine: EngineKind | EngineSettings = "threads",
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
        engine: where cells run: after one another with the threads of this process, or side by side
            in the workers of a Ray cluster, which must all see `out` under the same path.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the total.

    Returns the tables, which are also written into `out`. A cell whose training diverged has a row
    that says so, and is in no mean.

    Raises InputError, CorpusError, TaskError or ModelError for what cannot be used, and where no
    cell was trained to its end. A recipe that needs a language-modelling head is refused before the
    first cell is trained.
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
    _require(str(doors.of_type("model", model, (str, Path))), cells, given)
    probing: dict[str, Any] = {
        "tasks": names,
        "corpus": corpus,
        "seeds": doors.seeds("probe_seeds", probe_seeds),
        "resample_train": resample_train,
    }
    make_folder(folder)
    place = current()
    work = CellWork(
        model=model,
        data=data,
        columns={"text": text, "label": label, "regression": regression},
        folder=folder / CELLS_FOLDER,
        settings=given,
        probing=probing,
        overwrite=overwrite,
        progress=report if isinstance(place, Threads) else silent,
    )
    rows: list[CellRow] = []
    said: dict[RecipeAtRate, dict[int, Answers]] = {}
    warned: dict[str, tuple[str, ...]] = {}
    compared: dict[str, tuple[str, ...]] = {}
    lost: list[str] = []
    measurements: dict[tuple[str, ...], Measurement] = {}
    results = place.run(work, cells, lambda done: report("cells", done, len(cells)))
    for cell, result in zip(cells, results, strict=True):
        rows += result.rows
        if result.said is None:
            lost += result.warnings
        else:
            said.setdefault(cell.recipe_at_rate, {})[cell.seed] = result.said
            warned[cell.name] = result.warnings
            compared[cell.name] = result.compared
        for one in result.measurements:  # each cell has the start's
            measurements.setdefault((one.model, one.corpus, one.context), one)
    if all(row.outcome != FINISHED for row in rows):
        raise InputError("no cell was trained to its end: " + "; ".join(lost[:2]))
    table = CELLS.table(rows)
    warnings = [*lost, *cell_warnings(warned), *in_every_cell(compared), *incomparable(table)]
    tradeoff = TRADES.table(trades(table, said))
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
        measurements=tuple(measurements.values()),
    )
    found = RecipeScores(table, tradeoff, run=run, warnings=tuple(warnings))
    found.write(folder)
    return found


def _cells(recipes: Any, rates: Any, seeds: tuple[int, ...]) -> list[Cell]:
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
            cells += [Cell(name, rate, seed) for seed in seeds]
    return cells


def _require(model: str, cells: Sequence[Cell], settings: TuningSettings) -> None:
    """Raise InputError for a checkpoint that lacks what a recipe needs, before any is run."""
    needing = []
    for cell in cells:
        recipe = recipe_of(cell.recipe, {})
        if recipe.NEEDS_HEAD:
            needing.append(recipe)
    if not needing:
        return
    files = find_files(
        model, allow_pickle=settings.allow_pickle, remote_code=settings.trust_remote_code
    )
    for recipe in needing:
        recipe.require(files)
