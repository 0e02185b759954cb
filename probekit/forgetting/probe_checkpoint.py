"""Probe a checkpoint: its states are extracted, and probed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from probekit.corpora.passage import Corpus
from probekit.errors import StoreError
from probekit.forgetting.checkpoint_results import CheckpointResults
from probekit.forgetting.trace_settings import TraceSettings
from probekit.models.model import Model
from probekit.places.states import place_of_states
from probekit.probes.answers import AnyQuestion
from probekit.probes.plan import by_context
from probekit.probes.probe_states import probe_states
from probekit.probes.score_rows import SCORES, ScoreRow
from probekit.results.run import Measurement
from probekit.states.reading import read_each
from probekit.states.states import States
from probekit.states.stored import Stored


def probe_checkpoint(
    model: Model, corpus: Corpus, questions: list[AnyQuestion], settings: TraceSettings
) -> CheckpointResults:
    """Read a checkpoint's states, and probe them."""
    present = {one.name for one in place_of_states().listing()}
    rows: list[ScoreRow] = []
    answers: dict[str, Any] = {}
    measurements: list[Measurement] = []
    warnings: list[str] = []
    contexts = by_context(questions)
    every = read_each(model, corpus, [*contexts], settings.extract, settings.progress)
    for states, same_context in zip(every, contexts.values(), strict=True):
        found = probe_states(
            states, same_context, (settings.probe,), settings.seeds, settings.fit, settings.progress
        )
        rows += [answer.about for answer in found.answers]
        for of_trees in found.evidence:  # nothing else was asked for
            rows += of_trees.rows
        measurements.append(found.measurement)
        warnings += found.warnings
        for one in found.trained:
            answers[one.question.task.name] = one.predictions.astype("int32")
        for tree_probes in found.trees:
            answers[tree_probes.question.task.name] = tree_probes.predictions
        if not settings.keep_states:
            _delete(states, present)
    return CheckpointResults(
        SCORES.table(rows, decimals=None), answers, tuple(measurements), tuple(warnings)
    )


def _delete(states: States, present: set[str]) -> None:
    """Delete states, if they were extracted for this alone: their store was not `present`."""
    if not isinstance(states.values, Stored) or states.reused:
        return
    place = states.values.store.place
    if place.name not in present:
        with suppress(StoreError):  # what cannot be deleted stays
            place.remove()
