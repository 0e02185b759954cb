"""Compare: what changed between a checkpoint and those after it, by the same questions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from probekit import doors
from probekit.engine.current import on_engine
from probekit.engine.settings import EngineKind, EngineSettings
from probekit.errors import InputError
from probekit.forgetting.compare_behaviour import compare_behaviour
from probekit.forgetting.compare_on_corpus import compare_on_corpus
from probekit.forgetting.compare_settings import CompareSettings
from probekit.forgetting.comparison import LARGE, OPTIONAL, TABLES, Comparison
from probekit.forgetting.family import correct_together
from probekit.forgetting.findings import Findings
from probekit.forgetting.floor import Floor
from probekit.forgetting.probed_together import Probing
from probekit.forgetting.together import together
from probekit.forgetting.verdict import with_verdicts
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.probes.arguments import (
    CorpusNames,
    ModelOrStates,
    Named,
    Seeds,
    Subject,
    TaskNames,
    check_settings,
    names_of,
    reading,
    subjects_of,
)
from probekit.probes.behaviour.behaviour_settings import behaviour_settings
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.heads import head_of
from probekit.probes.identity import names_of_corpora
from probekit.probes.in_turn import require_single_layers
from probekit.probes.plan import Plan, plan
from probekit.probes.record import fit_facts, versions
from probekit.probes.refits import checked_resamples
from probekit.probes.structural.tree_fit import check_kinds
from probekit.progress import Progress, reporting
from probekit.results import columnar
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats.correction import Correction

SEEDS = (0, 1, 2)
RESAMPLES = 10


@reporting
@on_engine
def compare(  # noqa: PLR0913 - a public verb
    before: ModelOrStates,
    after: Subject,
    tasks: TaskNames = "all",
    *,
    corpus: CorpusNames | None = None,
    probe: str = "linear",
    seeds: Seeds = SEEDS,
    resample_train: int = RESAMPLES,
    correction: Correction = "holm",
    floor: Floor = "majority",
    lm_head: str | Path | None = None,
    reference: str | Path | None = None,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    engine: EngineKind | EngineSettings = "threads",
    progress: Progress | bool = True,
    **options: Any,
) -> Comparison:
    """What the checkpoint before knew and the one after does not, layer by layer.

    Both read the same passages and answer the same instances, with probes of the same seeds, fitted
    together. Differences have intervals and p-values.

    Args:
        before: a checkpoint: a name, a path, a loaded transformers model, or States.
        after: the checkpoint or checkpoints to compare with it.
        tasks: as for `probe`.
        corpus: as for `probe`.
        probe: the kind of probe.
        seeds: one probe per layer and checkpoint for each, as for `probe`; at least two, for
            intervals that cover the spread between seeds.
        resample_train: probes are refitted on so many resamples of the training sentences, paired
            before and after, so that intervals and p-values cover the choice of these: 0, or at
            least two. Each costs as much as a seed.
        correction: of p-values across all cells, see `correction.adjust`.
        floor: the baseline above which retention counts.
        lm_head, reference: for tasks of behaviour, as for `probe`.
        extract_settings: how checkpoints are read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        engine: where shards are read and probes are fitted, as for `probe`.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)`, `subwords="first"` …),
            as for `extract`.

    Raises InputError where states are of different texts or their layers mean different things,
    ModelError where `before`, or every checkpoint after it, cannot be read, and whatever `probe`
    raises.
    """
    before = doors.of_type("before", as_loaded(before), (str, Path, LoadedModel, States))
    first, others = subjects_of("before", before)[0], subjects_of("after", after)
    require_own_memory(first, others)
    tasks, corpus = names_of(tasks, corpus)
    probe = head_of(doors.of_type("probe", probe, str)).name
    doors.choice("correction", correction, get_args(Correction))
    doors.choice("floor", floor, get_args(Floor))
    extract_settings = reading(compare, extract_settings, options)
    require_single_layers(extract_settings, {})
    check_settings(fit_settings, allow_modified)
    report = doors.function("progress", progress)
    asking = behaviour_settings(lm_head, reference, extract_settings)
    seeds, resample_train = doors.seeds("seeds", seeds), checked_resamples(resample_train)
    started = time.perf_counter()
    plans = plan(
        [first, *others], tasks, corpus, extract_settings, allow_modified, report, may_fail=others
    )
    for planned in plans:
        check_kinds(planned.trees, [probe])
    _require_one_corpus(plans, 1 + len(others))
    fit = fit_settings_of(fit_settings, extract_settings)
    n_tasks = sum(len(planned.questions) + len(planned.trees) for planned in plans)
    probing = Probing(probe, seeds, fit, resample_train, report)
    settings = CompareSettings(probing, correction, floor, len(others) * n_tasks)
    found = Findings()
    corpora = names_of_corpora([planned.corpus for planned in plans])
    for planned, name in zip(plans, corpora, strict=True):
        compare_on_corpus(found, planned, name, settings)
        compare_behaviour(found, planned, name, asking, report)
    n_corrected = correct_together(found, correction)
    found.best = with_verdicts(found)
    found.together = list(together(found.best, found.behaviour))
    facts = fit_facts((probe,), seeds, fit)
    run = Run(
        versions=versions(),
        settings={
            **facts,
            "resample_train": resample_train,
            "correction": correction,
            "floor": floor,
        },
        counts={"corrected_over": n_corrected, "probes_trained": found.probes_trained},
        seconds={"all": time.perf_counter() - started, **found.seconds},
        measurements=tuple(found.measurements),
    )
    tables: dict[str, Any] = {name: getattr(found, name) for name in (*TABLES, *OPTIONAL)}
    tables["flipped"] = columnar.from_rows(LARGE["flipped"], found.flipped)
    return Comparison(**tables, run=run, warnings=tuple(found.warnings))


def require_own_memory(first: Named | States, others: Sequence[Named | States]) -> None:
    """Raise InputError where a loaded model is compared with itself, which training changes."""
    if not isinstance(first, LoadedModel):
        return
    for other in others:
        if isinstance(other, LoadedModel) and other.model is first.model:
            raise InputError(
                f"before and after are one loaded model, '{first.name}': before training keep its "
                "states (probekit.extract), or a copy (copy.deepcopy)"
            )


def _require_one_corpus(plans: Sequence[Plan], n_checkpoints: int) -> None:
    """Raise InputError where states are of different corpora, so that each is planned alone."""
    for planned in plans:
        if len(planned.checkpoints) != n_checkpoints:
            raise InputError(
                "the states to compare are of different texts or labels, or some are given as "
                "states and others by name: extract all from one corpus, or give all by name"
            )
