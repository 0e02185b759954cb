"""Transfer: what pre-training buys, as scores by the number of labels."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from probekit import doors
from probekit.paths import path_of
from probekit.probes.arguments import Seeds
from probekit.probes.record import versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.tuning.data import NONE
from probekit.tuning.finetune import PACKAGES, require_packages
from probekit.tuning.kept_cells import KeptCells
from probekit.tuning.learner import Case
from probekit.tuning.nested import nested_order
from probekit.tuning.open_data import open_data
from probekit.tuning.recipe_outcome import LEAST_STEPS
from probekit.tuning.record import training_of
from probekit.tuning.settings import TuningSettings
from probekit.tuning.table_rows import Columns
from probekit.tuning.transfer_arguments import (
    OWN,
    Training,
    methods_of,
    numbers_of_labels,
    sizes,
)
from probekit.tuning.transfer_grid import Grid, checkpoint_fingerprint, with_few_dev
from probekit.tuning.transfer_rows import (
    Measured,
    curve_rows,
    factor_rows,
    transfer_rows,
    warnings_of,
)
from probekit.tuning.transferred import CURVES, FACTORS, TRANSFER, Transfer


@reporting
def transfer(  # noqa: PLR0913 - a public verb
    model: str | Path,
    data: str | Path,
    labels: Sequence[int | Literal["all"]] = (10, 100, 1000, "all"),
    *,
    out: str | Path,
    methods: str | Sequence[str] = (),
    vectors: str | Path | None = None,
    seeds: Seeds = 3,
    text: str | Sequence[str] = (),
    label: str = "",
    regression: bool = False,
    dev: int | None = None,
    settings: TuningSettings | None = None,
    rates: Mapping[str, float | Sequence[float]] | None = None,
    epochs: Mapping[str, int] | None = None,
    overwrite: bool = False,
    progress: Progress | bool = True,
) -> Transfer:
    """Measure how many labels pre-training saves: train with few and many, with and without it.

    The pre-trained model is `frozen` or `full`, whichever is better on dev at each number of
    labels. The factor is how many times fewer labels it needs to reach what `scratch` (and
    `ngrams`, and `static`) reach with the most tried.

    The sample of few labels is part of the sample of more, and each seed has other samples. What a
    trained model says of test is kept in `out`, and it is not trained again: after a kill the same
    call goes on, and labels, methods or seeds can be added later.

    Args:
        model: the pre-trained checkpoint, as for `finetune`.
        data: as for `finetune`.
        labels: numbers of training examples with labels (texts, or sentences whose words have
            labels), and `all`.
        out: a folder for what every model said.
        methods: of `ngrams`, `static`, `frozen`, `full` and `scratch`; none for all that can be.
        vectors: a file of word vectors, for `static`.
        seeds: how many samples of labels, or their seeds.
        text: of tables, as for `finetune`.
        label: of tables, likewise.
        regression: of tables, likewise.
        dev: examples of dev that choose, a fair sample; None for all. They do not count as
            `labels`.
        settings: how models are trained; not its rate, epochs, seed, examples and save_every.
        rates: for a recipe, its learning rate, or several of which dev chooses.
        epochs: for a recipe, how often its examples are read. An epoch has at least 20 steps, for
            which few examples are repeated.
        overwrite: delete a run that is in `out`.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the total.

    Returns the scores, their means over seeds with intervals, and the factors.

    Raises InputError, CorpusError, TaskError or ModelError for what cannot be used, Diverged for
    training whose loss is no longer a number, StoreError where `out` cannot be written.
    """
    started = time.perf_counter()
    require_packages()
    report = doors.function("progress", progress)
    name = str(doors.of_type("model", model, (str, Path)))
    doors.of_type("data", data, (str, Path))
    folder = path_of(str(doors.of_type("out", out, (str, Path))))
    doors.of_type("overwrite", overwrite, bool)
    columns, numbers = Columns.of(text, label, regression), numbers_of_labels(labels)
    samples = doors.seeds("seeds", seeds)
    if dev is not None:
        doors.at_least_one("dev", dev)
    training = Training.of(settings, rates, epochs, vectors)
    wanted = methods_of(methods, training.vectors is not None)
    found = with_few_dev(open_data(data, columns, report), dev)
    orders = {seed: nested_order(found, seed) for seed in samples}
    grid = Grid(name, found, wanted, sizes(numbers, found), orders, training)
    asked = _asked(grid, columns)
    outcomes, computed = grid.outcomes(KeptCells(folder, asked, overwrite), report)
    examples: dict[tuple[int, int], int] = {}
    for seed in samples:
        examples |= {(count, seed): grid.examples(count, seed) for count in grid.labels}
    measured = Measured(name, found, wanted, grid.labels, samples, outcomes, examples)
    curves = measured.curves()
    warnings = [*found.warnings, *_few_classes(grid)]
    for outcome in outcomes.values():
        warnings += outcome.warnings
    run = Run(
        versions={**versions(), **{package: version(package) for package in PACKAGES}},
        settings={**asked, "labels": grid.labels, "methods": wanted, "seeds": samples},
        counts={"cells": len(outcomes), "computed": computed},
        seconds={"all": time.perf_counter() - started},
        measurements=(training_of(Case(name, found, training.settings, report), str(data)),),
    )
    return Transfer(
        TRANSFER.table(transfer_rows(measured, curves)),
        CURVES.table(curve_rows(measured, curves)),
        FACTORS.table(factor_rows(measured, curves)),
        run=run,
        warnings=(*warnings, *warnings_of(measured, curves)),
    )


def _asked(grid: Grid, columns: Columns) -> dict[str, Any]:
    """All that decides an outcome, beside its coordinates."""
    training = grid.training
    settings = {name: one for name, one in asdict(training.settings).items() if name not in OWN}
    return {
        "model": grid.model,
        "weights": checkpoint_fingerprint(grid.model, grid.data, training),
        "data": grid.data.name,
        "dev": len(grid.data.splits["dev"]),
        "examples": grid.data.fingerprint,
        "columns": asdict(columns),
        "vectors": training.vectors and training.vectors.fingerprint()["weights"],
        "rates": training.rates,
        "epochs": training.epochs,
        "least_steps": LEAST_STEPS,
        "settings": settings,
    }


def _few_classes(grid: Grid) -> list[str]:
    """A warning where the smallest samples lack a class."""
    if grid.data.target == "numbers":
        return []
    train = grid.data.splits["train"]
    whole = set(np.concatenate(train.labels).tolist()) - {NONE}
    lacking = []
    for labels in grid.labels:
        for seed in grid.orders:
            few = train.take(grid.rows(labels, seed)).labels
            if whole - set(np.concatenate(few).tolist()):
                lacking.append(labels)
    if not lacking:
        return []
    most = max(lacking)
    return [
        f"{grid.data.name}: some samples, of {most:,} label{'s' * (most > 1)} at most, lack "
        f"one of the {len(whole):,} classes"
    ]
