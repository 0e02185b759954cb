"""Compare behaviour: what language models found likely before, and what after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from probekit.errors import InputError, ModelError
from probekit.forgetting.behaviour_change import BehaviourRow, behaviour_change
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.findings import Findings
from probekit.forgetting.flipped import flipped_pairs
from probekit.models.model import Model
from probekit.probes.behaviour.behave import Behaved, behave
from probekit.probes.behaviour.behaviour_rows import about_behaviour
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.probes.display import told_apart
from probekit.probes.plan import Plan
from probekit.progress import Progress
from probekit.stats import paired


class _Measured(NamedTuple):
    """What one checkpoint makes of every task, and the columns that identify it in each."""

    name: str
    behaved: list[Behaved]
    about: list[dict[str, str]]


def compare_behaviour(
    found: Findings,
    plan: Plan,
    corpus: str,
    settings: BehaviourSettings,
    progress: Progress,
) -> None:
    """Add a row for each checkpoint after and each task of behaviour.

    Args:
        found: what was found so far.
        plan: the checkpoints, the first before and the others after, and the tasks.
        corpus: the corpus' name in results.
        settings: how behaviour is measured.
        progress: called with the stage, the units done and how many there are.

    Raises InputError for a checkpoint without a language-modelling head, or one given twice;
    ModelError where the first or all others cannot be read.
    """
    if not plan.behaviour:
        return
    with found.timed("behaviour"):
        measured = _measured(found, plan, settings, progress)
    first, *others = measured
    names = told_apart(
        [one.name for one in measured],
        [{"model_fingerprint": one.about[0]["model_fingerprint"]} for one in measured],
    )
    if len(set(names[1:])) < len(others):
        raise InputError("one of the checkpoints after is given twice")
    n_rows = len(others) * len(first.behaved)
    permutations = paired.permutations_for(len(found.comparison) + len(found.best) + n_rows)
    for name, other in zip(names[1:], others, strict=True):
        for number, (before, after) in enumerate(zip(first.behaved, other.behaved, strict=True)):
            changed = behaviour_change(before, after, permutations)
            about = Compared(
                before=names[0],
                after=name,
                corpus=corpus,
                before_fingerprint=first.about[number]["model_fingerprint"],
                after_fingerprint=other.about[number]["model_fingerprint"],
                corpus_fingerprint=other.about[number]["corpus_fingerprint"],
            )
            task_fingerprint = other.about[number]["task_fingerprint"]
            row = BehaviourRow(
                **vars(changed),
                **vars(about),
                task=before.question.task.name,
                p_adjusted=float("nan"),  # all cells are corrected together
                head_before=before.head,
                head_after=after.head,
                task_fingerprint=task_fingerprint,
            )
            found.behaviour.append(row)
            found.flipped += flipped_pairs(about, task_fingerprint, before, after)


def _measured(
    found: Findings, plan: Plan, settings: BehaviourSettings, progress: Progress
) -> list[_Measured]:
    """What each checkpoint makes of the tasks. One that fails is left out, with a warning."""
    measured: list[_Measured] = []
    failed: ModelError | None = None
    for number, (name, model) in enumerate(plan.models):
        try:
            behaved = behave(_opened(model), plan.behaviour, settings, progress)
        except ModelError as error:
            if not number:
                raise
            failed = error
            found.warnings.append(f"{name} is left out: {error}")
            continue
        about = _about(name, _opened(model), plan, settings, behaved)
        measured.append(_Measured(name, behaved, about))
        for one in behaved:
            found.warnings += one.warnings(name)
    if len(measured) < 2 and failed is not None:
        raise failed
    return measured


def _opened(model: Model | ModelError) -> Model:
    if isinstance(model, ModelError):
        raise model
    return model


def _about(
    name: str, model: Model, plan: Plan, settings: BehaviourSettings, behaved: Sequence[Behaved]
) -> list[dict[str, str]]:
    return [about_behaviour(name, model, plan.corpus, settings, one) for one in behaved]
