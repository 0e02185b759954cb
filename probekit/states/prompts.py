"""Prompts: what a model reads in one pass, as subwords, for an engine that runs it elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from probekit import doors
from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.errors import InputError
from probekit.models.align import align, windows
from probekit.models.checkpoint import EncoderSettings
from probekit.models.encoder import Encoder
from probekit.models.encoder_model import EncoderModel
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.model import open_model
from probekit.states.extract import units_of

TEXTS = 1_000  # that are aligned at once


class Prompt(NamedTuple):
    """What is read in one pass.

    Attributes:
        split: the split that it is from.
        words: the words of its text.
        ids: its subwords, special tokens included, `(n,)`.
    """

    split: Split
    words: list[str]
    ids: np.ndarray


def prompts(
    model: str | Path | LoadedModel,
    corpus: Corpus,
    *,
    context: Context = "sentence",
    settings: EncoderSettings | None = None,
) -> list[list[int]]:
    """What a model reads of a corpus, each once: ids of subwords, special tokens included.

    An engine that reads these computes states that `read_states` can use. Texts beyond the model's
    limit are cut into overlapping windows.

    Args:
        model: a checkpoint: a name, a path, or a loaded transformers model.
        corpus: the corpus to read.
        context: what is read in one pass: each passage (`sentence`), or each document up to the
            model's limit.
        settings: how the checkpoint is loaded.

    Raises InputError for arguments of another kind, ModelError for a model that cannot be used.
    """
    doors.of_type("corpus", corpus, Corpus)
    doors.choice("context", context, get_args(Context))
    settings = doors.optional("settings", settings, EncoderSettings) or EncoderSettings()
    encoder = checkpoint_of(model, settings).encoder
    every = every_prompt(encoder, corpus, context)
    distinct = dict.fromkeys(tuple(prompt.ids.tolist()) for prompt in every)
    return [list(ids) for ids in distinct]


def checkpoint_of(model: str | Path | LoadedModel, settings: EncoderSettings) -> EncoderModel:
    """The checkpoint of a name, or a loaded one. Raises InputError for anything else."""
    given: str | Path | LoadedModel = as_loaded(model)
    doors.of_type("model", given, (str, Path, LoadedModel))
    opened = open_model(given if isinstance(given, LoadedModel) else doors.text_of(given), settings)
    if not isinstance(opened, EncoderModel):
        raise InputError(
            f"'{opened.name}' holds word vectors, which no engine computes: give a checkpoint"
        )
    return opened


def every_prompt(encoder: Encoder, corpus: Corpus, context: Context) -> Iterator[Prompt]:
    """The prompts of all splits, in the order of the texts."""
    for split in SPLITS:
        units = units_of(corpus, split, context)
        for start in range(0, len(units) - 1, TEXTS):
            borders = units[start : start + TEXTS + 1].tolist()
            words = corpus.splits[split].words
            texts = [words.texts(a, b) for a, b in pairwise(borders)]
            for number, subwords in enumerate(align(texts, encoder.tokenizer)):
                for window in windows(number, subwords, encoder.limit):
                    ids = subwords.ids[window.start : window.stop]
                    if len(ids):
                        yield Prompt(split, texts[number], encoder.inputs.around(ids))
