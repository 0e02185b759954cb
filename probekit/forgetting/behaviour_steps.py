"""Behaviour steps: what each checkpoint of a trajectory finds likely, and what changed since the
first.

Results are kept as those of probes are, under a key of everything they depend on, so that a later
call measures new checkpoints only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.behaviour_change import BehaviourChange, behaviour_change
from probekit.forgetting.checkpoint_results import CheckpointResults, DamagedError, load, save
from probekit.forgetting.each_checkpoint import each_checkpoint
from probekit.forgetting.trace_settings import TraceSettings
from probekit.models.model import Model
from probekit.probes.behaviour.behave import Behaved, behave
from probekit.probes.behaviour.behaviour_rows import found_of
from probekit.probes.behaviour.pair_rows import BEHAVIOUR, HEAD_OF
from probekit.probes.score_rows import SCORES
from probekit.results import columns
from probekit.results.schema import Means, Precedes, schema_of
from probekit.stats.bootstrap import RESAMPLES
from probekit.tasks.minimal_pairs import BehaviourQuestion

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class BehaviourStepRow(BehaviourChange):
    """One checkpoint and task of behaviour, compared with the first checkpoint."""

    model: Annotated[str, Means("the checkpoint, as the user named it"), Precedes("metric")]
    step: Annotated[int, Means("of training, as in trajectory.csv", "from 0"), Precedes("metric")]
    task: Annotated[columns.TaskName, Precedes("metric")]
    corpus: Annotated[columns.CorpusName, Precedes("metric")]
    head: Annotated[str, Means("the model whose head the checkpoint borrows; empty for its own")]
    model_fingerprint: columns.ModelFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint


BEHAVIOUR_STEPS = schema_of(
    "behaviour_steps",
    "a checkpoint and a task of behaviour",
    BehaviourStepRow,
    (
        "model",
        "model_fingerprint",
        "step",
        "task",
        "task_fingerprint",
        "corpus",
        "corpus_fingerprint",
        "metric",
    ),
)


class Measured(NamedTuple):
    """What a checkpoint makes of every task, and the fingerprints of each."""

    behaved: list[Behaved]
    fingerprints: list[dict[str, Any]]


def measure_behaviour(
    opened: Mapping[str, Model],
    corpus: Corpus,
    questions: Sequence[BehaviourQuestion],
    settings: TraceSettings,
    warnings: list[str],
    inferred: bool,
) -> dict[str, Measured]:
    """What each model makes of the tasks, as `each_checkpoint` measures it."""
    if not questions:
        return {}

    def measure(name: str, model: Model, own: TraceSettings) -> Measured:
        results = _results(name, model, corpus, questions, own, warnings)
        warnings.extend(results.warnings)
        return _measured(questions, results)

    return each_checkpoint(measure, opened, settings, warnings, inferred)


def behaviour_step_rows(
    measured: Mapping[str, Measured], corpus: str, steps: Mapping[str, int]
) -> Iterator[BehaviourStepRow]:
    """A row for each checkpoint, task and metric; changes count from the first checkpoint."""
    first = next(iter(measured.values()), None)
    for model, found in measured.items():
        assert first is not None
        for number, one in enumerate(found.behaved):
            changed = behaviour_change(first.behaved[number], one, RESAMPLES)
            yield BehaviourStepRow(
                **vars(changed),
                **found.fingerprints[number],
                model=model,
                step=steps[model],
                task=one.question.task.name,
                corpus=corpus,
                head=one.head,
            )


def _results(
    name: str,
    model: Model,
    corpus: Corpus,
    questions: Sequence[BehaviourQuestion],
    settings: TraceSettings,
    warnings: list[str],
) -> CheckpointResults:
    """The results of a checkpoint: read from the folder, or measured now."""
    key, folder = _key(model, corpus, questions, settings), settings.checkpoints
    try:
        found = load(folder, key)
    except DamagedError as error:
        warnings.append(f"{error}: measured again")
        found = None
    if found is None:
        behaved = behave(model, questions, settings.behaviour, settings.progress)
        rows = found_of(name, model, corpus, settings.behaviour, behaved)
        values = {str(number): one.values for number, one in enumerate(behaved)}
        table = SCORES.table(rows.rows, decimals=None)
        save(folder, key, CheckpointResults(table, values, (), tuple(rows.warnings)))
        found = load(folder, key)
    if found is None:
        raise InputError(f"{folder / key} was deleted while it was read: run it again")
    return found


def _measured(questions: Sequence[BehaviourQuestion], results: CheckpointResults) -> Measured:
    """What was kept of a checkpoint."""
    by_name = {question.task.name: question for question in questions}
    rows = results.scores[results.scores["probe"] == BEHAVIOUR]
    names = ("model_fingerprint", "corpus_fingerprint", "task_fingerprint")
    behaved, fingerprints = [], []
    for number, (_, row) in enumerate(rows.iterrows()):
        weights = str(row["weights"])
        head = weights.removeprefix(HEAD_OF) if weights.startswith(HEAD_OF) else ""
        values = results.answers[str(number)]
        behaved.append(Behaved(by_name[row["task"]], row["metric"], values, head=head))
        fingerprints.append({column: str(row[column]) for column in names})
    return Measured(behaved, fingerprints)


def _key(
    model: Model,
    corpus: Corpus,
    questions: Sequence[BehaviourQuestion],
    settings: TraceSettings,
) -> str:
    """All that the results depend on, as 16 digits."""
    asked = [(question.task, question.pairs, question.texts) for question in questions]
    described = [
        "behaviour",
        FORMAT,
        version("probekit-nlp"),
        model.fingerprint(),
        corpus.fingerprint,
        hashlib.sha256(repr(asked).encode()).hexdigest(),
        settings.behaviour,
    ]
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
