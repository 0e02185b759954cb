"""Record: what a run says of what it read, and how probes were trained."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from probekit.probes.fit_settings import FitSettings
from probekit.results.run import Measurement
from probekit.states.states import States
from probekit.states.sweep import Sweep
from probekit.tasks.question import Question
from probekit.tasks.trees import TreeQuestion


def measurement_of(
    states: States, questions: Sequence[Question | TreeQuestion], seconds: dict[str, float]
) -> Measurement:
    """What a run records of one checkpoint, corpus and context, with the seconds by stage."""
    corpus = states.corpus
    tasks = {}
    for one in questions:
        instances = {split: len(one.splits[split]) for split in one.splits}
        tasks[one.task.name] = {"classes": one.classes, "instances": instances}
    return Measurement(
        model=states.model,
        corpus=corpus.name,
        source=corpus.source,
        modified_files=corpus.modified,
        context=states.context,
        fingerprints=states.manifest,
        store=states.stored_in,
        shards_computed=states.computed,
        shards_reused=states.reused,
        words={split: int(corpus.offsets(split)[-1]) for split in corpus.splits},
        passages={split: len(passages) for split, passages in corpus.splits.items()},
        tasks=tasks,
        seconds=seconds,
    )


def seconds_of(states: States) -> float:
    """Seconds that reading states took; of a sweep those in which its layers were waited for."""
    if not isinstance(states.values, Sweep):
        return states.seconds
    return sum(taken.loading + taken.running for taken in states.values.taken)


def fit_facts(
    probes: tuple[str, ...], seeds: tuple[int, ...], settings: FitSettings
) -> dict[str, Any]:
    """What a run records of how probes were trained."""
    used = {**vars(settings), "device": str(settings.where())}
    return {"probes": probes, "seeds": seeds, "fit": used}


def versions() -> dict[str, str]:
    """Versions of the packages that a number may depend on."""
    return {name: version(name) for name in ("probekit-nlp", "torch", "transformers", "numpy")}
