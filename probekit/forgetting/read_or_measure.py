"""Read or measure: the results of each checkpoint, read back where they were measured before."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.checkpoint_results import CheckpointResults, DamagedError, load, save
from probekit.forgetting.each_checkpoint import each_checkpoint
from probekit.forgetting.probe_checkpoint import probe_checkpoint
from probekit.forgetting.process_lock import process_lock
from probekit.forgetting.trace_settings import TraceSettings
from probekit.models.model import Model
from probekit.probes.answers import AnyQuestion
from probekit.tasks.digest import digest

FORMAT = 3


def measure_all(
    opened: dict[str, Model],
    corpus: Corpus,
    questions: list[AnyQuestion],
    settings: TraceSettings,
    warnings: list[str],
    inferred: bool,
) -> dict[str, CheckpointResults]:
    """The results of each model, as `each_checkpoint` measures them."""

    def measure(_: str, model: Model, own: TraceSettings) -> CheckpointResults:
        found = _measure(model, corpus, questions, own, warnings)
        warnings.extend(found.warnings)
        return found

    return each_checkpoint(measure, opened, settings, warnings, inferred)


def _measure(
    model: Model,
    corpus: Corpus,
    questions: list[AnyQuestion],
    settings: TraceSettings,
    warnings: list[str],
) -> CheckpointResults:
    """The results of a checkpoint and a corpus: read from the folder, or measured now."""
    weights = model.fingerprint()
    key = _key(weights, corpus, questions, settings)
    folder = settings.checkpoints
    found = _load(folder, key, warnings)
    if found:
        return found
    both = json.dumps([weights, corpus.fingerprint], default=str)
    with process_lock(hashlib.sha256(both.encode()).hexdigest()[:24]):
        found = _load(folder, key, [])  # another process may have measured it meanwhile
        if not found:
            measured = probe_checkpoint(model, corpus, questions, settings)
            save(folder, key, measured)
            found = load(folder, key)
    if not found:
        raise InputError(f"{folder / key} was deleted while it was read: run it again")
    return found


def _key(
    weights: dict[str, str], corpus: Corpus, questions: list[AnyQuestion], settings: TraceSettings
) -> str:
    """All that the results depend on, as 16 digits."""
    described = [
        FORMAT,
        version("probekit-nlp"),
        weights,
        corpus.fingerprint,
        [digest(question) for question in questions],
        settings.probe,
        settings.seeds,
        settings.fit,
        settings.extract,
    ]
    text = json.dumps(described, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _load(folder: Path, key: str, warnings: list[str]) -> CheckpointResults | None:
    """The results in the folder, or None; None with a warning where they are damaged."""
    try:
        return load(folder, key)
    except DamagedError as error:
        warnings.append(f"{error}: measured again")
        return None
