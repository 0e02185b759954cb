"""Recipe outcome: what a recipe of fine-tuning comes to with a sample of labels, without keeping a
checkpoint."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import PrinterCallback

from probekit.models.loading.quiet import quiet_loading
from probekit.tuning.encoded import Encoded
from probekit.tuning.learner import Case
from probekit.tuning.outcome import Outcome
from probekit.tuning.recipes import recipe_of
from probekit.tuning.reporter import Reporter
from probekit.tuning.trainer import TuningTrainer
from probekit.whole import part_of

LEAST_STEPS = 20
"""Steps of an epoch: few examples are repeated within it, or a model would hardly be trained."""


def recipe_outcome(
    name: str, case: Case, rows: Sequence[int], rates: Sequence[float], out: Path
) -> Outcome:
    """Train by a recipe at each rate, and predict test with the rate that scores best on dev.

    Args:
        name: of the recipe.
        case: with all examples that any sample has, and the number of epochs.
        rows: the numbers of the training examples of this sample.
        rates: learning rates; none for the recipe's own.
        out: a folder in which checkpoints may lie while training runs.

    Raises Diverged, ModelError and StoreError as finetune does.
    """
    best: Outcome | None = None
    started = time.perf_counter()
    for rate in rates or [recipe_of(name, {}).RATE]:
        found = _trained(name, case, rows, rate, part_of(out / "training"))
        if best is None or found.dev_score > best.dev_score:
            best = found
    assert best is not None
    return replace(best, seconds=time.perf_counter() - started)


def _trained(name: str, case: Case, rows: Sequence[int], rate: float, folder: Path) -> Outcome:
    recipe = recipe_of(name, {})
    epochs = case.settings.epochs or recipe.EPOCHS
    case = replace(case, settings=replace(case.settings, rate=rate, epochs=epochs))
    learner = recipe.open(case)
    repeated = list(rows) * math.ceil(LEAST_STEPS * case.settings.batch / len(rows))
    learner.data = {**learner.data, "train": _taken(learner.data["train"], repeated)}
    train = case.data.splits["train"].take(repeated)
    few = replace(case.data, splits={**case.data.splits, "train": train})
    case = replace(case, data=few)
    try:
        with quiet_loading():
            trainer = TuningTrainer(recipe, case, learner, folder)
            trainer.args.save_only_model, trainer.args.save_total_limit = True, 1
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(Reporter(case.progress, few.metrics[0], None))
            trainer.train()
            recipe.finish(trainer, learner)
            said = np.asarray(trainer.answers("test").said)
            return Outcome(said, trainer.dev_score(), rate, 0.0, learner.warnings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _taken(encoded: Encoded, rows: Sequence[int]) -> Encoded:
    """The encoded examples with these numbers, in this order."""
    places = encoded.places
    return replace(
        encoded,
        items=[encoded.items[i] for i in rows],
        places=None if places is None else [places[i] for i in rows],
        lengths=[encoded.lengths[i] for i in rows],
    )
