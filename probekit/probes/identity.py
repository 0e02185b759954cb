"""Identity: what makes a row of scores another experiment than the next one, whatever both are
called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from probekit.corpora.passage import Corpus
from probekit.probes.display import told_apart
from probekit.probes.fit import FitSettings
from probekit.states.states import States
from probekit.tasks.task import Task

DIGITS = 12  # of a fingerprint in a table: 48 bits
_FOR_PEOPLE = ("name", "title", "description", "corpus")  # of a task: they change no instance


def names_of_states(several: Sequence[States]) -> list[str]:
    """Display names of checkpoints; where two are called alike, the names say what differs."""
    return told_apart(
        [states.model for states in several], [of_states(states) for states in several]
    )


def names_of_corpora(several: Sequence[Corpus]) -> list[str]:
    """Display names of corpora, likewise; `*` marks one with modified files."""
    names = [name_of(corpus) for corpus in several]
    if len(set(names)) == len(names):
        return names  # and labels need not be read
    return told_apart(names, [of_corpus(corpus) for corpus in several])


def name_of(corpus: Corpus) -> str:
    """What results call a corpus: `*` marks one with modified files."""
    return corpus.name + ("*" if corpus.modified else "")


def of_states(states: States) -> dict[str, str]:
    """The columns of how words became vectors. The corpus and the context have columns of their
    own."""
    kept = {
        key: value
        for key, value in states.manifest.items()
        if key not in ("corpus", "context", "shard_words")
    }
    layers, bits = states.manifest["layers"], states.manifest.get("weight_bits")
    return {
        "site": layers["site"],
        "stack": layers.get("stack", ""),
        "pooling": states.settings.subwords,
        "adapter": "on" if states.settings.encoder.adapter else "off",
        "dtype": f"int{bits}" if bits else states.manifest.get("computed_in", ""),
        "store_dtype": states.dtype,
        "model_fingerprint": _digest(kept),
    }


def of_corpus(corpus: Corpus) -> dict[str, str]:
    """The columns of what was read, and of its labels."""
    return {
        "corpus_source": corpus.source,
        "corpus_fingerprint": _digest([corpus.fingerprint, corpus.annotation]),
    }


def of_task(task: Task) -> dict[str, str]:
    """The columns of what was asked."""
    asked = {key: value for key, value in vars(task).items() if key not in _FOR_PEOPLE}
    return {"span": task.span, "context": task.context, "task_fingerprint": _digest(asked)}


def of_fit(settings: FitSettings) -> dict[str, str]:
    """The column of how probes were trained, wherever that was. The kind and the seed have columns
    of their own."""
    return {"fit_fingerprint": _digest({k: v for k, v in vars(settings).items() if k != "device"})}


def _digest(described: Any) -> str:
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
