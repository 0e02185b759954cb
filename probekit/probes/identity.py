"""Identity: the columns that tell one experiment from another, whatever their names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from probekit.corpora.passage import Corpus
from probekit.models.encoder_model import EncoderModel
from probekit.probes.display import told_apart
from probekit.probes.fit_settings import FitSettings
from probekit.states.states import States
from probekit.tasks.task import Task

DIGITS = 12  # of a fingerprint in a table: 48 bits
_FOR_PEOPLE = ("name", "title", "description", "corpus")  # of a task: they change no instance


def names_of_states(several: Sequence[States]) -> list[str]:
    """Display names of checkpoints; where two have one name, what differs is added."""
    return told_apart(
        [states.model for states in several], [of_states(states) for states in several]
    )


def names_of_corpora(several: Sequence[Corpus]) -> list[str]:
    """Display names of corpora, likewise; `*` marks one with modified files."""
    names = [name_of(corpus) for corpus in several]
    if len(set(names)) == len(names):
        return names  # without reading labels
    return told_apart(names, [of_corpus(corpus) for corpus in several])


def name_of(corpus: Corpus) -> str:
    """What results call a corpus: `*` marks one with modified files."""
    return corpus.name + ("*" if corpus.modified else "")


def of_states(states: States) -> dict[str, str]:
    """The columns of how words became vectors, without the corpus and the context."""
    elsewhere = ("corpus", "context", "shard_words")
    model = {key: value for key, value in states.manifest.items() if key not in elsewhere}
    layers, bits = states.manifest["layers"], states.manifest.get("weight_bits")
    return {
        "site": layers["site"],
        "stack": layers.get("stack", ""),
        "pooling": states.settings.subwords,
        "adapter": "on" if states.settings.encoder.adapter else "off",
        "dtype": f"int{bits}" if bits else states.manifest.get("computed_in", ""),
        "store_dtype": states.dtype,
        "model_fingerprint": _digest(model),
    }


def of_language_model(
    model: EncoderModel, dtype: str, head: str, reference: str | None
) -> dict[str, str]:
    """The columns of a language model whose behaviour is measured.

    Args:
        model: the checkpoint or the loaded model.
        dtype: type of its computation.
        head: the model whose head is borrowed, or empty.
        reference: the model that a divergence counts from, if any.
    """
    described = {**model.fingerprint(), "dtype": dtype, "head": head, "reference": reference or ""}
    return {"dtype": dtype, "model_fingerprint": _digest(described)}


def of_corpus(corpus: Corpus) -> dict[str, str]:
    """The columns of what was read, and of its labels."""
    return {
        "corpus_source": corpus.source,
        "corpus_fingerprint": _digest([corpus.fingerprint, corpus.annotation]),
    }


def of_task(task: Task) -> dict[str, str]:
    """The columns of the task."""
    defining = {key: value for key, value in vars(task).items() if key not in _FOR_PEOPLE}
    return {"span": task.span, "context": task.context, "task_fingerprint": _digest(defining)}


def of_fit(settings: FitSettings) -> dict[str, str]:
    """The column of how probes were trained, on whatever device.

    The kind of probe and the seed have their own columns.
    """
    used = {key: value for key, value in vars(settings).items() if key != "device"}
    return {"fit_fingerprint": _digest(used)}


def _digest(described: Any) -> str:
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
