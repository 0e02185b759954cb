"""Compare use: did fine-tuning stop using what it still has?

Each task's subspace is erased in turn from layers of two checkpoints while they run, and what that
breaks in the one is compared with what it breaks in the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.compare import require_own_memory
from probekit.forgetting.compared_states import check_layers, names_of_compared
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.lost_words import common_questions
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.model import open_model
from probekit.probes import identity
from probekit.probes.arguments import (
    Named,
    Seeds,
    TaskNames,
    check_settings,
    models_of,
    names_of,
    reading,
)
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.record import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats.correction import Correction
from probekit.tasks.question import Question
from probekit.tasks.task import Task, load_task
from probekit.usage.asked import Asked, Request, asked_of, is_linear, require_running
from probekit.usage.head import Head
from probekit.usage.outcomes import Measured, outcomes, own_head
from probekit.usage.use_change import USE, UseChange
from probekit.usage.use_change_rows import Broken, UsePair, broken, use_change_rows

SEEDS = (0, 1, 2)
After = str | Path | LoadedModel | Sequence[str | Path | LoadedModel]


@reporting
def compare_use(  # noqa: PLR0913 - a public verb
    before: str | Path | LoadedModel,
    after: After,
    tasks: TaskNames,
    *,
    corpus: str | Path | Corpus | None = None,
    data: str | Path | None = None,
    seeds: Seeds = SEEDS,
    correction: Correction = "holm",
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> UseChange:
    """Whether a checkpoint after uses less, or more, of what a checkpoint before used.

    As `erase` does, each task's subspace (LEACE, fitted for each checkpoint by itself) is erased
    from a layer while the model runs, and beside it as many random dimensions. The drop of every
    score that follows is compared between the checkpoints, sentence by sentence.

    Args:
        before: a checkpoint: a name, a path, or a loaded transformers model.
        after: the checkpoint or checkpoints to compare with it, with as many layers.
        tasks: what is erased, one after another; all of them are measured. Those without a linear
            subspace are measured only.
        corpus: the text: a name, a path or a Corpus; by default that of the first task that is
            erased.
        data: what the checkpoints' classification heads label, as for `erase`. Heads are compared
            where both have one for the same data.
        seeds: of probes and random subspaces: their number, or the seeds; at least two, for
            intervals that cover the spread between seeds.
        correction: of p-values across all rows, see `correction.adjust`.
        extract_settings: how checkpoints are read; `layers` are those that are erased, by default
            all.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)` …).

    Returns the drops before and after and their change, with intervals over test sentences.

    Raises InputError for models with other layers or without layers that compute one another, tasks
    none of which has a linear subspace, and a layer that is not there; TaskError where the corpus
    cannot carry a task.
    """
    started = time.perf_counter()
    before = doors.of_type("before", as_loaded(before), (str, Path, LoadedModel))
    (first,), others = models_of("before", before), models_of("after", after)
    require_own_memory(first, others)
    named, _ = names_of(tasks, None)
    if data is not None:
        doors.of_type("data", data, (str, Path))
    numbers = doors.seeds("seeds", seeds)
    doors.choice("correction", correction, get_args(Correction))
    settings = reading(compare_use, extract_settings, options) or ExtractSettings()
    check_settings(fit_settings, allow_modified)
    how = fit_settings_of(fit_settings, settings)
    report = doors.function("progress", progress)
    request = _request(first, named, corpus)
    asked = _asked([first, *others], request, settings, allow_modified, report)
    warnings = list(asked[0].warnings)
    heads = _heads(asked, data, warnings, report)
    states = [one.states(report) for one in asked]
    check_layers(states, warnings)
    names = names_of_compared(states)
    questions = common_questions(asked[0].questions, states, warnings)
    erased = [question for question in questions if is_linear(question.task)]
    broken_in = []
    for one, own, head in zip(asked, states, heads, strict=True):
        measured = Measured(own, questions, head, numbers, how, with_control=False)
        said = outcomes(one, erased, measured, warnings, report)
        broken_in.append([broken(of_task) for of_task in said])
    pairs = _pairs(names, states, erased, broken_in)
    rows = use_change_rows(list(pairs), correction)
    run = Run(
        versions=versions(),
        settings={
            **fit_facts(("linear",), numbers, how),
            "layers": asked[0].layers,
            "correction": correction,
        },
        counts={"corrected_over": len(rows)},
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(
            measurement_of(one, questions, {"extract": one.seconds}) for one in states
        ),
    )
    return UseChange(USE.table(rows), run=run, warnings=tuple(warnings))


def _request(first: Named, named: Sequence[str | Path | Task], corpus: Any) -> Request:
    """The first checkpoint, the first task that can be erased, the others, and the text.

    Raises InputError where none has a linear subspace.
    """
    if "all" in named:
        raise InputError("'all' does not say which subspaces to erase: name the tasks, such as pos")
    tasks = [one if isinstance(one, Task) else load_task(one) for one in named]
    linear = [task for task in tasks if is_linear(task)]
    if not linear:
        names = ", ".join(task.name for task in tasks)
        raise InputError(
            f"tasks: no linear subspace of the words' vectors holds {names}, so that nothing can "
            "be erased: add a task of words or of their means, such as pos"
        )
    return Request(first, linear[0], [task for task in tasks if task != linear[0]], corpus)


def _asked(
    models: Sequence[Named],
    request: Request,
    settings: ExtractSettings,
    allow_modified: bool,
    progress: Progress,
) -> list[Asked]:
    """What each checkpoint is asked, of one text.

    Raises InputError where a checkpoint has another number of blocks than the first.
    """
    first = asked_of(request, settings, allow_modified, progress)
    n_blocks = first.model.n_layers - 1
    found = [first]
    for model in models[1:]:
        opened = require_running(open_model(model, settings.encoder))
        if opened.n_layers - 1 != n_blocks:
            raise InputError(
                f"'{first.model.name}' has {n_blocks} blocks and '{opened.name}' "
                f"{opened.n_layers - 1}, so that what is erased at a layer passes through others "
                "above it: erase from each by itself, with probekit erase"
            )
        same = request._replace(model=model, corpus=first.corpus)
        found.append(asked_of(same, settings, allow_modified, progress))
    return found


def _heads(
    asked: Sequence[Asked], data: str | Path | None, warnings: list[str], progress: Progress
) -> list[Head | None]:
    """The head of each checkpoint; None for all where they do not label the same data."""
    heads = []
    for one in asked:
        head, of_head = own_head(one, data, progress)
        heads.append(head)
        warnings += of_head
    labelled = {head.data.name for head in heads if head is not None}
    if labelled and (None in heads or len(labelled) > 1):
        warnings.append(
            "heads are not compared: not every checkpoint has one for the same data "
            f"({', '.join(sorted(labelled))})"
        )
        return [None] * len(heads)
    return heads


def _pairs(
    names: Sequence[str],
    states: Sequence[States],
    erased: Sequence[Question],
    broken_in: Sequence[Sequence[Broken]],
) -> Iterator[UsePair]:
    """Each checkpoint after with the first, for each task erased."""
    models = [identity.of_states(one)["model_fingerprint"] for one in states]
    corpus = states[0].corpus
    for number in range(1, len(states)):
        about = Compared(
            before=names[0],
            after=names[number],
            corpus=identity.name_of(corpus),
            before_fingerprint=models[0],
            after_fingerprint=models[number],
            corpus_fingerprint=identity.of_corpus(corpus)["corpus_fingerprint"],
        )
        for question, first, second in zip(erased, broken_in[0], broken_in[number], strict=True):
            fingerprint = identity.of_task(question.task)["task_fingerprint"]
            yield UsePair(about, fingerprint, first, second)
