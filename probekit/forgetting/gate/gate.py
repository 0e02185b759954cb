"""Gate: may a fine-tuned checkpoint ship, by the limits of a policy?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import InputError
from probekit.forgetting.compare import compare
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.candidates import Candidate, Remedies, candidates
from probekit.forgetting.gate.criteria import Judged, judged
from probekit.forgetting.gate.evidence import Evidence
from probekit.forgetting.gate.gated import Gated, GateFlipRow, GateRow
from probekit.forgetting.gate.policy import Criterion, Policy, read_policy
from probekit.forgetting.gate.remedies import remedy_rows
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.probes.arguments import CorpusNames, ModelOrStates, Seeds, TaskNames
from probekit.probes.fit_settings import FitSettings
from probekit.probes.record import versions
from probekit.progress import Progress
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats.noninferiority import Decision, decide, needed
from probekit.tasks.task import Task

_FLIP = ("instance", "sentence", "text", "words", "gold", "predicted")


def gate(  # noqa: PLR0913 - a public verb
    before: ModelOrStates | None = None,
    after: ModelOrStates | None = None,
    *,
    policy: str | Path,
    comparison: Comparison | str | Path | None = None,
    remedies: Remedies | Sequence[Remedies] | None = None,
    tasks: TaskNames | None = None,
    corpus: CorpusNames | None = None,
    probe: str | None = None,
    seeds: Seeds | None = None,
    resample_train: int | None = None,
    lm_head: str | Path | None = None,
    reference: str | Path | None = None,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Gated:
    """Whether a fine-tuned checkpoint may ship, by limits that were chosen beforehand.

    Each criterion of the policy is a test of non-inferiority on the paired difference that
    `compare` measures: PASS where the whole interval of the change lies above the limit, FAIL where
    it lies below, CANNOT TELL otherwise, with how much data would settle it (see
    `stats.noninferiority`). Holm's steps over all criteria keep the chance of any false verdict at
    5%.

    Args:
        before: the checkpoint before, as for `compare`.
        after: the checkpoint that is to ship.
        policy: a TOML file; `probekit gate --write-policy FILE` writes an example.
        comparison: what `compare` returned or wrote, with one checkpoint after, in place of
            `before` and `after`: nothing is measured again.
        remedies: results of `trace`, `recipes` (their folder) or `compare`, or folders of these:
            where the checkpoint does not pass, the checkpoints in them are judged by the same
            criteria, as far as they were measured.
        tasks: that are measured besides those that criteria name.
        corpus, probe, seeds, resample_train, lm_head, reference: as for `compare`; where not given,
            as the policy says.
        extract_settings: how checkpoints are read; where not given, as the policy says.
        fit_settings, allow_modified, progress, options: as for `compare`.

    Raises InputError for a policy with an unknown key, task, label or layer, or a margin without a
    clear unit, and whatever `compare` raises.
    """
    rules = read_policy(policy)
    others = [] if remedies is None else candidates(remedies)
    if extract_settings is None and rules.reading:
        extract_settings = rules.extract_settings()
    given = {"corpus": corpus, "probe": probe, "seeds": seeds, "resample_train": resample_train}
    given |= {"lm_head": lm_head, "reference": reference}
    asked = list(rules.task_names)
    if tasks is not None:
        asked += doors.several("tasks", tasks, (str, Path, Task))
    settings: dict[str, Any] = {
        **{name: getattr(rules, name) or None for name in ("corpus", "lm_head", "reference")},
        **{name: getattr(rules, name) for name in ("probe", "seeds", "resample_train", "floor")},
        **{name: value for name, value in given.items() if value is not None},
        **options,
    }
    if comparison is not None:
        known = {"before": before, "after": after, "tasks": tasks, **given}
        found = _finished(comparison, [name for name, one in known.items() if one is not None])
    elif asked or any(not one.file for one in rules.criterion):
        found = compare(
            _checkpoint("before", before),
            _checkpoint("after", after),
            _wanted(asked),
            extract_settings=extract_settings,
            fit_settings=fit_settings,
            allow_modified=allow_modified,
            progress=progress,
            **settings,
        )
    else:
        found = None  # every criterion is on a file
    gated = _gated(rules, found, Path(policy), others)
    return gated if comparison is not None else replace(gated, found=found)


def _checkpoint(parameter: str, given: Any) -> ModelOrStates:
    """A checkpoint. Raises InputError where there is none, or several."""
    if given is None:
        raise InputError(
            f"there is no value of {parameter}: give a checkpoint, or a finished comparison"
        )
    found: ModelOrStates = doors.of_type(
        parameter, as_loaded(given), (str, Path, LoadedModel, States)
    )
    return found


def _wanted(asked: Sequence[Any]) -> list[Any]:
    """The tasks, each once. Raises InputError where there are none."""
    if not asked:
        raise InputError(
            "there are no tasks: name some, or let the criteria of the policy name them"
        )
    return list(dict.fromkeys(asked))


def _finished(comparison: Any, given: Sequence[str]) -> Comparison:
    """A comparison that was measured before, of one checkpoint after."""
    kinds = (Comparison, str, Path)
    found: Comparison | str | Path = doors.of_type("comparison", comparison, kinds)
    if given:
        raise InputError(f"comparison was measured already: it takes no value of {given[0]}")
    read = found if isinstance(found, Comparison) else Comparison.read(found)
    names = {*read.best["after"], *read.behaviour["after"]}
    if len(names) != 1:
        raise InputError(
            f"comparison has {len(names)} checkpoints after, but a gate judges one at a time"
        )
    return read


def _gated(
    rules: Policy, comparison: Comparison | None, path: Path, others: Sequence[Candidate]
) -> Gated:
    """The verdicts on all criteria, and on other checkpoints where not all pass."""
    evidence = None if comparison is None else Evidence.of(comparison)
    wanted: list[tuple[Criterion, Judged]] = []
    for number, criterion in enumerate(rules.criterion, 1):
        try:
            wanted += [(criterion, one) for one in judged(criterion, evidence)]
        except InputError as error:
            raise InputError(f"{path}, criterion {number}: {error}") from error
    wanted = _each_once(wanted)
    every = [one for _, one in wanted]
    decisions = decide([one.change for one in every], rules.correction)
    rows = [_row(one, decision) for one, decision in zip(every, decisions, strict=True)]
    settings = {"correction": rules.correction, "policy": path.read_text(encoding="utf-8-sig")}
    measurements = () if comparison is None else comparison.run.measurements
    warnings = [] if comparison is None else list(comparison.warnings)
    if any(row.seeds == 1 and row.at for row in rows):
        warnings.append("with seeds=1 the variation between seeds is not known: give more")
    passes = all(row.verdict == "PASS" for row in rows)
    return Gated(
        rows,
        flips=list(_flips(every)),
        remedies=[] if passes else remedy_rows(wanted, others),
        run=Run(versions=versions(), settings=settings, measurements=measurements),
        warnings=tuple(warnings),
    )


def _each_once(wanted: Sequence[tuple[Criterion, Judged]]) -> list[tuple[Criterion, Judged]]:
    """What is judged, each once: two criteria may say the same of a task."""
    told: dict[tuple[str, str, str], tuple[Criterion, Judged]] = {}
    for criterion, one in wanted:
        about = one.about
        told.setdefault((about["criterion"], about["limit"], about["corpus"]), (criterion, one))
    return list(told.values())


def _flips(every: Sequence[Judged]) -> Iterator[GateFlipRow]:
    """The instances that flipped; those of two limits on the same criterion once."""
    seen = set()
    for one in every:
        about = {"criterion": one.about["criterion"], "corpus": one.about["corpus"]}
        if tuple(about.values()) in seen:
            continue
        seen.add(tuple(about.values()))
        for flip in one.flips or ():
            yield GateFlipRow(**about, **{name: flip[name] for name in _FLIP})


def _row(one: Judged, decision: Decision) -> GateRow:
    """The row of one criterion; its change and interval are after minus before."""
    ends = sorted((one.sign * decision.low, one.sign * decision.high))
    wanted = None
    if decision.verdict == "CANNOT TELL":
        wanted = needed(one.change, decision.level)
    return GateRow(
        **one.about,
        verdict=decision.verdict,
        change=one.sign * one.change.value,
        ci_low=ends[0],
        ci_high=ends[1],
        level=decision.level,
        p_value=decision.p_value,
        needed_groups=wanted.sentences if wanted else None,
        needed_seeds=wanted.seeds if wanted else None,
        needed_times=wanted.times if wanted and wanted.times else float("nan"),
        near_limit=int(wanted.is_near) if wanted else 0,
        flipped=None if one.flips is None else len(one.flips),
    )
