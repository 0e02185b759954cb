"""Record: what a run says of the checkpoint and the data that it trained with."""

from __future__ import annotations

from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.results.run import Measurement
from probekit.tuning.data import NONE, Data
from probekit.tuning.learner import Case

TRAINING = "training"
"""The context of what was trained on, not probed."""


def training_of(case: Case, given: str) -> Measurement:
    """What a run records of training: the starting checkpoint, and the data with its labels.

    Args:
        case: what was trained on what.
        given: the data, as the user named it.

    Raises ModelError where the checkpoint cannot be read.
    """
    data = case.data
    corpus = data.corpus
    text = data.fingerprint if corpus is None else corpus.fingerprint
    return Measurement(
        model=case.model,
        context=TRAINING,
        fingerprints={"model": _checkpoint(case), "corpus": {"text": text}},
        tasks=_task(data),
        **(_of_table(data, given) if corpus is None else _of_corpus(corpus)),
    )


def _checkpoint(case: Case) -> dict[str, str]:
    """Fingerprints of weights and tokenizer: those that probing records."""
    settings = EncoderSettings(
        device="cpu",
        allow_pickle=case.settings.allow_pickle,
        trust_remote_code=case.settings.trust_remote_code,
    )
    return Checkpoint(case.model, settings).fingerprint()


def _of_corpus(corpus: Corpus) -> dict[str, Any]:
    return {
        "corpus": corpus.name,
        "source": corpus.source,
        "modified_files": corpus.modified,
        "words": {split: int(corpus.offsets(split)[-1]) for split in corpus.splits},
        "passages": {split: len(passages) for split, passages in corpus.splits.items()},
    }


def _of_table(data: Data, given: str) -> dict[str, Any]:
    """Of texts in no corpus; their words are not counted."""
    texts = {split: len(examples) for split, examples in data.splits.items()}
    return {"corpus": data.name, "source": given, "passages": texts}


def _task(data: Data) -> dict[str, Any]:
    """The classes, and labels by split; none of raw text."""
    if data.target == "subwords":
        return {}
    labels = {}
    for split, examples in data.splits.items():
        labels[split] = sum(int(np.sum(own != NONE)) for own in examples.labels)
    return {data.name: {"classes": data.classes, "instances": labels}}
