"""Read states: hidden states that another engine computed, proved against transformers."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from probekit import doors
from probekit.corpora.passage import Context, Corpus
from probekit.errors import InputError
from probekit.models.loaded import LoadedModel
from probekit.models.recorded.model import Nearest, RecordedModel
from probekit.models.recorded.recordings import open_recordings
from probekit.paths import path_of
from probekit.progress import Progress, reporting
from probekit.states.extract import extract_from
from probekit.states.prompts import Prompt, checkpoint_of, every_prompt
from probekit.states.settings import ExtractSettings
from probekit.states.states import States


@reporting
def read_states(
    source: str | Path,
    model: str | Path | LoadedModel,
    corpus: Corpus,
    *,
    final_norm: bool = False,
    context: Context = "sentence",
    settings: ExtractSettings | None = None,
    progress: Progress | bool = True,
    **options: Any,
) -> States:
    """States of every word of `corpus` from hidden states that another engine computed.

    Every text of the corpus must be there with exactly the subwords that `model` reads (`prompts`
    gives them). Before any is used, some texts are run through transformers, and every layer is
    compared: for each subword the cosine must be at least 0.999, and the lengths alike. The vectors
    of words are then kept in the cache, as those of `extract` are.

    Args:
        source: a folder. Either of safetensors, one file per text with `token_ids` (subwords) and
            `hidden_states` (subwords, layers, width), as vLLM's ExampleHiddenStatesConnector writes
            them. Or of a data set with these two columns, as `Dataset.save_to_disk` writes it.
        model: the checkpoint that the engine ran: a name, a path, or a loaded transformers model.
        corpus: the corpus.
        final_norm: apply the model's final norm to the last layer, to which vLLM does not apply it.
        context: what was read in one pass: each passage (`sentence`), or each document up to the
            model's limit.
        settings: how words are read; `layers` are the numbers of the layers recorded, in their
            order, by default all. Keyword options (`layers=(0, 6)` …) change single fields.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the number of words done and the number of all words.

    Raises InputError for arguments of another kind and for texts that are not there, ModelError for
    recorded states that cannot be read or are not those of transformers.
    """
    doors.of_type("source", source, (str, Path))
    doors.of_type("corpus", corpus, Corpus)
    doors.of_type("final_norm", final_norm, bool)
    doors.choice("context", context, get_args(Context))
    report = doors.function("progress", progress)
    settings = doors.optional("settings", settings, ExtractSettings) or ExtractSettings()
    doors.options("read_states", options, [one.name for one in fields(ExtractSettings)])
    settings = replace(settings, **options)
    checkpoint = checkpoint_of(model, settings.encoder)
    recordings = open_recordings(path_of(str(source)))
    recorded = RecordedModel(
        checkpoint, recordings, settings.layers, final_norm=final_norm, source=str(source)
    )
    _require_texts(recorded, corpus, context)
    settings = replace(settings, layers=recorded.layers)
    return extract_from(recorded, corpus, context, settings, report)


def _require_texts(recorded: RecordedModel, corpus: Corpus, context: Context) -> None:
    """Raise InputError where the corpus has texts that were not recorded with their subwords."""
    total = missing = 0
    first: Prompt | None = None
    found: set[int] = set()
    for prompt in every_prompt(recorded.checkpoint.encoder, corpus, context):
        total += 1
        number = recorded.find(prompt.ids)
        if number is not None:
            found.add(number)
            continue
        missing += 1
        first = first or prompt
    if first is None:
        return
    text = " ".join(first.words)
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    others = set(range(len(recorded.recordings))) - found
    nearest = recorded.nearest(first.ids, others)
    raise InputError(
        f"'{recorded.source}' lacks {missing:,} of the {total:,} texts of '{corpus.name}' as "
        f"'{recorded.name}' reads them (first: '{shown}', {first.split})"
        + (f": {_differs(nearest, recorded)}" if nearest else "; probekit.prompts gives all")
    )


def _differs(nearest: Nearest, recorded: RecordedModel) -> str:
    """Where the nearest recording differs from a text."""
    decode = recorded.checkpoint.encoder.tokenizer.decode

    def shown(token: int | None) -> str:
        return "its end" if token is None else f"{token} ('{decode([token])}')"

    return (
        f"the nearest, '{nearest.label}', has {shown(nearest.found)} at subword {nearest.at}, "
        f"and must have {shown(nearest.wanted)}"
    )
