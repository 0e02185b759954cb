"""Finetune: a checkpoint is fine-tuned by a recipe, and scored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PrinterCallback

from probekit import doors
from probekit.errors import InputError
from probekit.models.checkpoint import choose_device
from probekit.models.loading.quiet import quiet_loading
from probekit.paths import path_of
from probekit.probes.record import versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.tasks.task import load_task
from probekit.tuning.callback import ForgettingCallback
from probekit.tuning.clock import Clock
from probekit.tuning.data import Data
from probekit.tuning.diverged import Diverged
from probekit.tuning.learner import Case, Learner
from probekit.tuning.metrics import METRICS, score_interval
from probekit.tuning.open_data import open_data
from probekit.tuning.open_text import open_text
from probekit.tuning.output import begin, is_finished, require_free
from probekit.tuning.predicted import Answers, majority
from probekit.tuning.predictions import keep_predictions
from probekit.tuning.recipe import Recipe
from probekit.tuning.recipes import recipe_of
from probekit.tuning.record import training_of
from probekit.tuning.reporter import Reporter
from probekit.tuning.settings import TuningSettings
from probekit.tuning.steps import last_checkpoint
from probekit.tuning.table_rows import Columns
from probekit.tuning.trainer import TuningTrainer
from probekit.tuning.tuned import HISTORY, TUNED, HistoryRow, Tuned, TunedRow

PACKAGES = ("accelerate", "scikit-learn")
"""What fine-tuning needs of the extra `[trainer]`."""


@dataclass(frozen=True)
class Probing:
    """What is probed while a model is trained: see `ForgettingCallback`."""

    every: int
    tasks: tuple[str, ...]
    corpus: str

    @classmethod
    def of(cls, every: Any, tasks: Any, corpus: Any, recipe: Recipe) -> Probing | None:
        """From arguments of a public function; None where nothing is probed. Raises InputError."""
        names = tuple(doors.several("probe_tasks", tasks, (str,)))
        doors.of_type("probe_corpus", corpus, (str, Path))
        if every is None:
            return None
        if not recipe.CHANGES_MODEL:
            raise InputError(
                f"probe_every: recipe='{recipe.NAME}' does not change what the model knows"
            )
        if not recipe.IS_READ_IN_TRAINING:
            raise InputError(
                f"probe_every: what a model computes with a {recipe.NAME} is read from a folder "
                "only: follow its checkpoints with trace afterwards"
            )
        for name in names:
            load_task(name)
        return cls(doors.at_least_one("probe_every", every), names, str(corpus))


@reporting
def finetune(  # noqa: PLR0913 - a public verb
    model: str | Path,
    data: str | Path,
    recipe: str = "full",
    *,
    out: str | Path,
    text: str | Sequence[str] = (),
    label: str = "",
    regression: bool = False,
    settings: TuningSettings | None = None,
    recipe_settings: Mapping[str, Any] | None = None,
    probe_every: int | None = None,
    probe_tasks: str | Sequence[str] = ("pos",),
    probe_corpus: str | Path = "sample",
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | bool = True,
) -> Tuned:
    """Fine-tune a checkpoint by a recipe; the checkpoint is chosen on dev and reported on test.

    Args:
        model: the starting checkpoint: an alias, a folder, a hub id, or `random:NAME`.
        data: `CORPUS:TASK` (a task that labels words or sentences), `CORPUS:genre`, a file or
            folder of tables (CSV, TSV, JSON lines, Parquet), `glue/TASK` or a folder of it, or
            `hf:NAME`. For `mlm` and `clm`: a corpus, or tables, of which texts alone are read.
        recipe: a name in `RECIPES`; `top-2` trains the last two layers.
        out: the folder in which the fine-tuned checkpoint and its scores are written.
        text: of tables, the column of texts, or two of pairs; none for `text` or `sentence`.
        label: of tables, the column of labels; "" for `label`.
        regression: of tables, whether the labels are numbers to predict.
        settings: how it is trained.
        recipe_settings: the recipe's own settings, by name.
        probe_every: steps between two measurements of what the model knows; None for none.
        probe_tasks: what is measured then.
        probe_corpus: on the first sentences of this corpus.
        resume: go on with a run that was killed, with the same result; one that diverged is not
            run again.
        overwrite: delete a run that is in `out`.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the total.

    Returns the scores on test and dev, and the history of training. `out` holds the same, and a
    checkpoint that other tools load.

    Raises InputError, CorpusError, TaskError or ModelError for what cannot be used, Diverged for
    training whose loss is no longer a number, StoreError where `out` cannot be written.
    """
    started = time.perf_counter()
    require_packages()
    report = doors.function("progress", progress)
    name = str(doors.of_type("model", model, (str, Path)))
    doors.of_type("data", data, (str, Path))
    folder = path_of(str(doors.of_type("out", out, (str, Path))))
    chosen = recipe_of(recipe, {} if recipe_settings is None else recipe_settings)
    settings = _complete(doors.optional("settings", settings, TuningSettings), chosen)
    choose_device(settings.device)
    columns = Columns.of(text, label, regression)
    probing = Probing.of(probe_every, probe_tasks, probe_corpus, chosen)
    asked = {
        "model": name,
        "data": str(data),
        "columns": asdict(columns),
        "recipe": recipe,
        "recipe_settings": asdict(chosen),
        "settings": asdict(settings),
        "probing": asdict(probing) if probing else None,
    }
    flags = {"resume": doors.of_type("resume", resume, bool)}
    flags["overwrite"] = doors.of_type("overwrite", overwrite, bool)
    require_free(folder, asked, **flags)
    if resume and is_finished(folder):
        return Tuned.read(folder)
    diverged = Diverged.kept(folder) if resume else None
    if diverged is not None:
        raise diverged
    opened = open_data if chosen.READS_LABELS else open_text
    found = opened(data, columns, report).limited(settings.examples)
    case = Case(name, found, settings, report)
    learner = chosen.open(case)
    begin(folder, asked, overwrite=overwrite)
    with quiet_loading():
        trainer = _trainer(chosen, case, learner, folder, probing)
        clock = Clock(started)
        trainer.add_callback(clock)
        chosen.begin(trainer, learner)
        _train(trainer, folder, clock)
        facts = chosen.finish(trainer, learner)
        said = {split: trainer.answers(split) for split in found.reported}
        rows = _rows(recipe, case, trainer, said)
        chosen.save(trainer, learner, folder)
        checksum = keep_predictions(folder, said)
    warnings = [*found.warnings, *learner.warnings, *_at_chance(rows, found)]
    packages = {name: version(name) for name in PACKAGES}
    run = Run(
        versions={**versions(), **packages},
        settings={
            **asked,
            **facts,
            "classes": found.classes,
            "new": sorted(learner.new),
            "predictions": checksum,
        },
        counts={"steps": trainer.state.global_step, "best_step": trainer.state.best_global_step},
        seconds={"all": clock.seconds},
        measurements=(training_of(case, str(data)),),
    )
    tuned = Tuned(
        TUNED.table(rows), HISTORY.table(_history(case, trainer)), run=run, warnings=tuple(warnings)
    )
    tuned.write(folder)
    return tuned


def require_packages() -> None:
    """Raise InputError where a package is not installed."""
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError as error:
            raise InputError(
                f"fine-tuning needs {name}: pip install 'probekit-nlp[trainer]'"
            ) from error


def _complete(settings: TuningSettings | None, recipe: Recipe) -> TuningSettings:
    """The settings, with the recipe's rate and epochs where they give none."""
    given = settings or TuningSettings()
    return replace(
        given,
        rate=recipe.RATE if given.rate is None else given.rate,
        epochs=recipe.EPOCHS if given.epochs is None else given.epochs,
    )


def _trainer(
    recipe: Recipe, case: Case, learner: Learner, folder: Path, probing: Probing | None
) -> TuningTrainer:
    """The Trainer with its callbacks."""
    trainer = TuningTrainer(recipe, case, learner, recipe.checkpoints(folder))
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Reporter(case.progress, case.data.metrics[0], case.settings.save_every))
    if probing is not None:
        callback = ForgettingCallback(
            trainer, probing.tasks, corpus=probing.corpus, every=probing.every
        )
        callback.measure_start()
        trainer.add_callback(callback)
    return trainer


def _train(trainer: TuningTrainer, folder: Path, clock: Clock) -> None:
    """Train from the last checkpoint on. Training that diverges is kept, so that it is not run
    again."""
    last = last_checkpoint(Path(trainer.args.output_dir))
    try:
        trainer.train(resume_from_checkpoint=str(last) if last else None)
    except Diverged as error:
        error.seconds = clock.seconds
        error.keep(folder)
        raise


def _rows(
    recipe: str, case: Case, trainer: TuningTrainer, said: Mapping[str, Answers]
) -> list[TunedRow]:
    """One row for each metric of test and dev."""
    data, settings = case.data, case.settings
    model: Any = trainer.model
    sizes = [(one.numel(), one.requires_grad) for one in model.parameters()]
    rows = []
    for split, own in said.items():
        has_floor = split != "dev" and data.target != "subwords"
        floor = majority(data, split) if has_floor else None
        for metric in data.metrics:
            score = METRICS[metric].score
            low, high = score_interval(metric, *own)
            rows.append(
                TunedRow(
                    model=case.model,
                    data=data.name,
                    recipe=recipe,
                    rate=f"{settings.rate:g}",
                    epochs=int(settings.epochs or 0),
                    seed=settings.seed,
                    split=split,
                    metric=metric,
                    score=score(own.gold, own.said),
                    ci_low=low,
                    ci_high=high,
                    majority=score(floor.gold, floor.said) if floor else float("nan"),
                    examples=len(data.splits[split]),
                    train_examples=len(data.splits["train"]),
                    parameters=sum(size for size, _ in sizes),
                    trained=sum(size for size, is_trained in sizes if is_trained),
                )
            )
    return rows


def _history(case: Case, trainer: TuningTrainer) -> list[HistoryRow]:
    """One row for each step, with the score on dev where there is one."""
    name = f"eval_{case.data.metrics[0]}"
    scores = {row["step"]: row[name] for row in trainer.state.log_history if name in row}
    rows = []
    for row in trainer.state.log_history:
        if "loss" in row:
            rows.append(
                HistoryRow(
                    step=row["step"],
                    epoch=row["epoch"],
                    loss=row["loss"],
                    rate_share=row["learning_rate"] / trainer.args.learning_rate,
                    dev_score=scores.get(row["step"], float("nan")),
                )
            )
    return rows


def _at_chance(rows: list[TunedRow], data: Data) -> list[str]:
    """A warning where the test score is not above that of the majority."""
    first = rows[0]
    if np.isnan(first.majority) or first.score > first.majority:
        return []
    return [
        f"training ended at chance: the {first.metric} on test, {first.score:.3f}, is not above "
        f"that of the majority, {first.majority:.3f} "
        f"(is the rate, {first.rate}, too high or too low?)"
    ]
