"""Compare probes: do saved probes still read a checkpoint that has changed since?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.foreign import shortened
from probekit.forgetting.compare import require_own_memory
from probekit.forgetting.compared_states import check_layers, names_of_compared, read_checkpoints
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.gate.margin import Margin, loss
from probekit.forgetting.lost_words import common_questions
from probekit.forgetting.mapped_states import fitted_maps
from probekit.forgetting.monitors.change_rows import Judged, change_tables
from probekit.forgetting.monitors.chosen import (
    Saved,
    chosen_probes,
    corpus_of,
    require_fitting,
)
from probekit.forgetting.monitors.probe_change import ProbeChange, ProbeChangeRow
from probekit.forgetting.monitors.readings import ANEW, CONTROL, FIXED, readings
from probekit.forgetting.monitors.repair import repaired
from probekit.forgetting.monitors.retrain import key_of, retrained
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.probes import identity
from probekit.probes.arguments import (
    ModelOrStates,
    Subject,
    TaskNames,
    check_settings,
    reading,
    subjects_of,
)
from probekit.probes.plan import Plan, plan
from probekit.probes.record import measurement_of, versions
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats.noninferiority import FamilyWise

MARGIN = "1 point"


class _Found(NamedTuple):
    """What was found so far."""

    judged: list[Judged]
    measurements: list[Measurement]
    warnings: list[str]


@reporting
def compare_probes(  # noqa: PLR0913 - a public verb
    before: ModelOrStates,
    after: Subject,
    saved: Saved,
    tasks: TaskNames | None = None,
    *,
    corpus: str | Path | Corpus | None = None,
    margin: str = MARGIN,
    correction: FamilyWise = "holm",
    extract_settings: ExtractSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> ProbeChange:
    """Whether saved probes still read a checkpoint after fine-tuning, quantisation or an adapter.

    Each is still valid; stale, but repaired by a linear map that is learned without labels; in need
    of retraining; or lost (see `monitors.outcome` for the rules). Where the data do not settle it,
    that is the outcome.

    Args:
        before: the checkpoint that the probes were trained on, or its states.
        after: the checkpoint or checkpoints that have changed since, with as many layers of the
            same width.
        saved: the folder that `probe` wrote them into (`save_probes`), a SavedProbe, or several.
        tasks: names of the tasks whose probes are judged; None for all.
        corpus: the text and labels that they are judged by: a name, a path or a Corpus; by default
            the shipped corpus that they were trained on.
        margin: how much of its score a probe may lose, such as `1 point`.
        correction: `holm`, so that any false verdict among all has a chance of at most 5%; or
            `none`.
        extract_settings: how checkpoints are read, as when the probes were trained; with `layers`,
            only probes of these layers are judged.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings`, as for `extract`.

    Returns the outcomes, the tests behind them, and the repaired probes. Intervals cover other test
    sentences alone: a saved probe is the one it is.

    Raises InputError for files that are not probes, probes of another width, number of layers or
    checkpoint, and labels that the corpus does not have; TaskError where it cannot carry a task;
    ModelError where checkpoints cannot be read.
    """
    started = time.perf_counter()
    before = doors.of_type("before", as_loaded(before), (str, Path, LoadedModel, States))
    (first,), others = subjects_of("before", before), subjects_of("after", after)
    require_own_memory(first, others)
    limit = _margin(margin)
    doors.choice("correction", correction, get_args(FamilyWise))
    settings = reading(compare_probes, extract_settings, options)
    check_settings(None, allow_modified)
    report = doors.function("progress", progress)
    probes = chosen_probes(saved, tasks, settings.layers if settings else ())
    by_name = any(not isinstance(one, States) for one in (first, *others))
    if by_name:
        layers = tuple(sorted({probe.layer for probe in probes}))
        settings = replace(settings or ExtractSettings(), layers=layers)
    asked = {identity.of_task(one.task)["task_fingerprint"]: one.task for one in probes}
    text = corpus_of(probes, corpus) if by_name else corpus
    plans = plan(
        [first, *others],
        list(asked.values()),
        text,
        settings,
        allow_modified,
        report,
        may_fail=others,
    )
    if len(plans) != 1:
        raise InputError(
            "the states to compare are of different texts or labels: extract both from one corpus"
        )
    found = _Found([], [], [])
    _judge(found, plans[0], probes, report)
    tables = change_tables(found.judged, limit, correction)
    found.warnings.extend(_without_knowledge(tables["table"]))
    run = Run(
        versions=versions(),
        settings={"margin": margin, "correction": correction},
        counts={"corrected_over": len(tables["readings"])},
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(found.measurements),
    )
    return ProbeChange(**tables, run=run, warnings=tuple(found.warnings))


def _margin(given: Any) -> float:
    """How much may be lost, as a share of the score. Raises InputError for another unit."""
    text: str = doors.of_type("margin", given, str)
    found: Margin | None = None
    with suppress(InputError):
        found = loss(text)
    if found is None or found.unit != "points":
        raise InputError(
            f"margin takes points above 0, such as '{MARGIN}' (a hundredth of the score), not "
            f"'{shortened(text)}'"
        )
    return found.most


def _without_knowledge(rows: Sequence[ProbeChangeRow]) -> Iterator[str]:
    """A warning for each probe that reads no more than the majority baseline before."""
    for row in rows:
        if row.score_before <= row.majority:
            yield (
                f"{row.task}, layer {row.layer}: before, the probe scores {row.score_before:.3f} "
                f"and the majority baseline {row.majority:.3f}: there is nothing to lose"
            )


def _judge(found: _Found, planned: Plan, probes: Sequence[SavedProbe], progress: Progress) -> None:
    """Add what is read of each probe, on each checkpoint after."""
    found.warnings.extend(planned.warnings)
    contexts = planned.contexts()
    read = read_checkpoints(planned, [*contexts], found.warnings)
    for checkpoints, asked in zip(read, contexts.values(), strict=True):
        check_layers(checkpoints, found.warnings)
        questions = common_questions(asked, checkpoints, found.warnings)
        by_task = {identity.of_task(one.task)["task_fingerprint"]: one for one in questions}
        mine = [probe for probe in probes if key_of(probe)[0] in by_task]
        for probe in mine:
            require_fitting(probe, by_task[key_of(probe)[0]], checkpoints)
        layers = sorted({probe.layer for probe in mine})
        anew = retrained(mine, questions, checkpoints, progress)
        for number, about in enumerate(_compared(checkpoints), 1):
            both = (checkpoints[0], checkpoints[number])
            lost = {word for states in both for word in states.without_vector["train"]}
            maps = fitted_maps(*both, [(layer, layer) for layer in layers], lost)
            for probe in mine:
                question = by_task[key_of(probe)[0]]
                name, fixed = repaired(probe, maps[probe.layer], both, question)
                key = key_of(probe)
                forms = {FIXED: fixed, ANEW: anew[number][key], CONTROL: anew[0][key]}
                is_same = about.before_fingerprint == about.after_fingerprint
                of_probe = readings(probe, forms, both, question, is_same)
                majority = of_probe.majority(both[0].corpus)
                found.judged.append(Judged(about, of_probe, name, fixed, majority))
        for states in checkpoints:
            taken = {"extract": states.seconds}
            found.measurements.append(measurement_of(states, questions, taken))


def _compared(checkpoints: Sequence[States]) -> Iterator[Compared]:
    """Each checkpoint after, beside the first."""
    names = names_of_compared(checkpoints)
    models = [identity.of_states(one)["model_fingerprint"] for one in checkpoints]
    corpus = checkpoints[0].corpus
    for name, model in zip(names[1:], models[1:], strict=True):
        yield Compared(
            before=names[0],
            after=name,
            corpus=identity.name_of(corpus),
            before_fingerprint=models[0],
            after_fingerprint=model,
            corpus_fingerprint=identity.of_corpus(corpus)["corpus_fingerprint"],
        )
