"""Probe: from hidden states and tasks to scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.engine.current import on_engine
from probekit.engine.settings import EngineKind, EngineSettings
from probekit.errors import ModelError
from probekit.probes.arguments import (
    CorpusNames,
    Named,
    Seeds,
    Subject,
    TaskNames,
    check_settings,
    listed_corpora,
    names_of,
    reading,
    subjects_of,
)
from probekit.probes.behaviour.behaviour_rows import behaviour_of
from probekit.probes.behaviour.behaviour_settings import behaviour_settings
from probekit.probes.capacity import SWEEP
from probekit.probes.elsewhere import corpora_of
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.further import settle
from probekit.probes.heads import head_of
from probekit.probes.in_turn import require_single_layers
from probekit.probes.plan import Plan, plan
from probekit.probes.predictions import Answers, tables_of
from probekit.probes.probe_states import probe_states, require_restricting
from probekit.probes.record import fit_facts, versions
from probekit.probes.refits import checked_resamples
from probekit.probes.saved.keeping import Keeping
from probekit.probes.scores import Scores, make_scores
from probekit.probes.structural.tree_fit import check_kinds
from probekit.probes.unmeasured import unmeasured, wanted_of
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States


@reporting
@on_engine
def probe(  # noqa: PLR0913 - a public verb
    model: Subject,
    tasks: TaskNames = "all",
    *,
    corpus: CorpusNames | None = None,
    probes: str | Sequence[str] = ("linear",),
    seeds: Seeds = 1,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    control: bool = False,
    codelength: bool = False,
    mix: bool = False,
    beyond: int | None = None,
    capacity: bool = False,
    test_corpus: CorpusNames | None = None,
    random_control: bool = False,
    resample_train: int = 0,
    save_probes: str | Path | None = None,
    lm_head: str | Path | None = None,
    reference: str | Path | None = None,
    allow_modified: bool = False,
    engine: EngineKind | EngineSettings = "threads",
    progress: Progress | bool = True,
    **options: Any,
) -> Scores:
    """Train probes on every layer and score them on the test split.

    Args:
        model: a checkpoint (a name, a path, or a loaded transformers model, alone or as a
            LoadedModel), or states that were extracted from one. Or several of these.
        tasks: names, paths of TOML files or Tasks; `"all"` takes every shipped task that the corpus
            can carry.
        corpus: what checkpoints read: names, paths or Corpora, each for every task.
            By default each task reads the corpus that its file names.
        probes: kinds of probe: `linear`, `mlp` (64 hidden units), `mlp:32` and `rank:8` of any
            size, `edge`, or several.
        seeds: one probe per layer for each: their number (2 is seeds 0 and 1), or the seeds
            themselves.
        extract_settings: how checkpoints are read.
        fit_settings: how probes are trained.
        control: also train probes on control tasks, for `Scores.selectivity` (Hewitt and Liang
            2019).
        codelength: measure the online code of the training labels, for `Scores.codelengths` and
            `Scores.learning_curves` (Voita and Titov 2020).
        mix: train mixes of layers 0 to k, for `Scores.mixes`, `Scores.differential` and
            `Scores.mix_shares` (Tenney et al. 2019).
        beyond: a layer, such as 0: measure how many bits of the labels every other layer adds to
            it, for `Scores.beyond` (Hewitt et al. 2021).
        capacity: also train the smaller and larger probes of `capacity.SWEEP`, for
            `Scores.capacity` (Pimentel et al. 2020); of structural tasks those of its ranks
            (Hewitt and Manning 2019, section 4.3).
        test_corpus: other corpora whose test splits the same probes are also scored on: names,
            paths or Corpora. All of a single file is tested.
        random_control: also probe each checkpoint's architecture with random weights, one for each
            seed, for the column `random_weights` of `Scores.best`.
        resample_train: also refit the probes on so many resamples of the training sentences (at
            least 2), so that the intervals of single layers cover these and the seeds too, for
            `Scores.intervals`; each costs about as much as the fit with one seed.
        save_probes: a folder that the trained probes of single layers are written into, for
            `compare_probes` (see `load_probes`).
        lm_head: for tasks of behaviour, the model whose language-modelling head is borrowed where a
            checkpoint has none; the results are marked.
        reference: for the task `bits`, a model: also measure how far predictions are from its own.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        engine: where shards are read and probes are fitted: `threads` of this process, or the
            workers of a `ray` cluster; EngineSettings say how many.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)`, `subwords="first"` …),
            as for `extract`.

    Raises InputError for arguments of another type, TaskError where the corpus cannot carry a named
    task, and whatever loading and extracting raise.
    """
    subjects = subjects_of("model", model)
    tasks, corpus = names_of(tasks, corpus)
    named = [head_of(name, "probes").name for name in doors.several("probes", probes, (str,))]
    swept = SWEEP if doors.of_type("capacity", capacity, bool) else ()
    kinds = tuple(dict.fromkeys([*named, *swept]))
    extract_settings = reading(probe, extract_settings, options)
    check_settings(fit_settings, allow_modified)
    doors.of_type("random_control", random_control, bool)
    others = listed_corpora("test_corpus", test_corpus)
    report = doors.function("progress", progress)
    asking = behaviour_settings(lm_head, reference, extract_settings)
    seeds = doors.seeds("seeds", seeds)
    settings = fit_settings_of(fit_settings, extract_settings)
    asked = _evidence(control=control, codelength=codelength, mix=mix, capacity=capacity)
    evidence: dict[str, Any] = {"seen": True, **asked, **_numbered(beyond, resample_train)}
    require_single_layers(extract_settings, evidence)
    keeping = Keeping(save_probes)
    answers: list[Answers] = []
    found: list[Found] = []
    measurements: list[Measurement] = []
    warnings: list[str] = []
    started = time.perf_counter()
    plans = plan(subjects, tasks, corpus, extract_settings, allow_modified, report)
    wanted = wanted_of(
        evidence, random_control=random_control, test_corpus=others, save_probes=save_probes
    )
    _require_kinds(plans, subjects, named)
    for planned in plans:
        warnings += unmeasured(planned.trees, planned.behaviour, wanted)
    settled = settle(
        plans,
        subjects,
        corpora_of(others, allow_modified, report),
        skips="all" in tasks,
        random_seeds=seeds if random_control else (),
        settings=extract_settings or ExtractSettings(),
    )
    for planned, further in zip(plans, settled, strict=True):
        warnings += [*planned.warnings, *further.warnings()]
        for of_model in behaviour_of(planned, asking, report):
            found.append(of_model)
            warnings += of_model.warnings
        contexts = planned.everything()
        for name, read in planned.checkpoints if contexts else ():
            for states, questions in zip(read([*contexts]), contexts.values(), strict=True):
                used = tuple(kind for kind in kinds if head_of(kind).restricts(states.dim))
                probed = probe_states(states, questions, used, seeds, settings, report, evidence)
                answers += probed.answers
                found += probed.evidence
                measurements.append(probed.measurement)
                warnings += probed.warnings
                keeping.add(states, probed.trained, settings)
                for more in further.measured(name, states, probed.trained, settings, report):
                    found.append(more)
                    warnings += more.warnings
    warnings += keeping.write()
    run = Run(
        versions=versions(),
        settings={**fit_facts(kinds, seeds, settings), "evidence": evidence},
        seconds={"all": time.perf_counter() - started},
        measurements=tuple(measurements),
    )
    instances, predicted = tables_of(answers)
    rows = [answer.about for answer in answers]
    tables: dict[str, list[Any]] = {}
    for of_kind in found:
        rows += of_kind.rows
        for name, new_rows in of_kind.tables.items():
            tables.setdefault(name, []).extend(new_rows)
    return make_scores(rows, run, warnings, instances=instances, predicted=predicted, **tables)


def _require_kinds(
    plans: Sequence[Plan], subjects: Sequence[Named | States], kinds: Sequence[str]
) -> None:
    """Raise InputError for kinds of probe that a task does not have, or vectors are too narrow
    for."""
    for states in subjects:
        if isinstance(states, States):
            require_restricting(states.model, states.dim, kinds)
    for planned in plans:
        check_kinds(planned.trees, kinds)
        for name, model in planned.models:
            if not isinstance(model, ModelError):
                require_restricting(name, model.dim, kinds)


def _numbered(beyond: int | None, resample_train: int) -> dict[str, int]:
    """The kinds of evidence that take a number, where they are wanted."""
    found = {}
    if beyond is not None:
        doors.of_type("beyond", beyond, int)
        found["beyond"] = beyond
    if checked_resamples(resample_train):
        found["resample_train"] = resample_train
    return found


def _evidence(**chosen: bool) -> dict[str, Any]:
    """The kinds of evidence that are wanted."""
    for name, wanted in chosen.items():
        doors.of_type(name, wanted, bool)
    return {name: wanted for name, wanted in chosen.items() if wanted}
