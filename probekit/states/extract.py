"""Extraction: one pass of a checkpoint over a corpus yields every word's vector at every layer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from probekit import doors
from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.engine.current import current
from probekit.errors import InputError, ModelError
from probekit.models.loaded import LoadedModel, is_loaded
from probekit.models.model import Model, has_name, open_model
from probekit.progress import Progress, reporting, silent
from probekit.states.extraction import Extraction
from probekit.states.settings import ExtractSettings
from probekit.states.shard import Shard
from probekit.states.states import States
from probekit.states.store import open_store
from probekit.states.store_names import add_names
from probekit.states.stored import Stored

if TYPE_CHECKING:
    import torch

SHARD_WORDS = 16_384  # some seconds of work, and enough sentences to sort by length
SHARD_BYTES = 1 << 29  # upper bound of a shard's vectors of all layers in float32
LONG = 8_192  # sentences and documents of up to this many words are never cut
LEAST_KNOWN = 0.01  # share of words that must have a vector


@reporting
def extract(
    model: str | Path | LoadedModel | torch.nn.Module,
    corpus: Corpus,
    *,
    context: Context = "sentence",
    settings: ExtractSettings | None = None,
    progress: Progress | bool = True,
    **options: Any,
) -> States:
    """Hidden states of every word of `corpus`; those already in the cache are reused.

    Args:
        model: an alias (`bert-base`, `minilm`), a hub id with an optional `@revision`, a folder (of
            a model, a PEFT adapter, a Trainer's output), `random:` followed by one of these, or a
            file of word vectors. Or a loaded transformers model, alone or as a LoadedModel. Or any
            torch module, with `tokenizer=…`, `layers=[…]` (the names of its parts to read) and
            `name=…` for results.
        corpus: the corpus to read.
        context: what the model reads in one pass: each passage (`sentence`), or each document up to
            the model's limit.
        settings: how the corpus is read; keyword options (`subwords="first"`, `layers=(0, 6)` …)
            change single fields.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the number of words done and the number of all words.

    Raises InputError for arguments of another kind and for layers that the model does not have,
    ModelError for a model that cannot be used, and StoreError where states cannot be stored.
    """
    doors.of_type("corpus", corpus, Corpus)
    doors.choice("context", context, get_args(Context))
    report = doors.function("progress", progress)
    settings = doors.optional("settings", settings, ExtractSettings) or ExtractSettings()
    opened, settings = _open(model, settings, options)
    return extract_from(opened, corpus, context, settings, report)


def _open(
    model: Any, settings: ExtractSettings, options: dict[str, Any]
) -> tuple[Model, ExtractSettings]:
    """The model that `extract` was given, and how it is read."""
    names = {one.name for one in fields(ExtractSettings)}
    if is_loaded(model) and not _names_parts(options):
        tokenizer, name = options.pop("tokenizer", None), options.pop("name", "")
        model = LoadedModel(model, tokenizer, name)
    if isinstance(model, str | Path | LoadedModel):
        doors.options("extract", options, names)
        settings = replace(settings, **options)
        subject = model if isinstance(model, LoadedModel) else doors.text_of(model)
        return open_model(subject, settings.encoder), settings
    from probekit.models.module import Module, is_module

    if not is_module(model) or not options.get("layers"):
        what = "a name or a path, a loaded model, or a torch module with tokenizer and layers"
        raise InputError(doors.refusal("model", model, what))
    doors.options("extract", options, {*names, "tokenizer", "layers", "name"})
    name = options.pop("name", type(model).__name__)
    module = Module(model, options.pop("tokenizer", None), options.pop("layers"), name)
    return module, replace(settings, **options)


def _names_parts(options: dict[str, Any]) -> bool:
    """Whether the layers to read are named parts of a module, and not numbers."""
    layers = options.get("layers")
    return isinstance(layers, Sequence) and any(isinstance(layer, str) for layer in layers)


def extract_from(
    model: Model, corpus: Corpus, context: Context, settings: ExtractSettings, progress: Progress
) -> States:
    """Hidden states of every word from an open model: see `extract`."""
    return extract_each(model, corpus, [context], settings, progress)[0]


def extract_each(
    model: Model,
    corpus: Corpus,
    contexts: Sequence[Context],
    settings: ExtractSettings,
    progress: Progress,
) -> list[States]:
    """Hidden states of every word in each context; the weights are loaded at most once."""
    try:
        return [_extract(model, corpus, context, settings, progress) for context in contexts]
    finally:
        model.release()


def _extract(
    model: Model, corpus: Corpus, context: Context, settings: ExtractSettings, progress: Progress
) -> States:
    if settings.states == "none":
        raise InputError(
            f"states='none' reads each layer once, and the states of '{model.name}' are recorded, "
            "or are to be read more than once: use states='stored'"
        )
    layers = layers_of(settings.layers, model)
    engine = current()
    engine.require_name(model.name, has_name(model))
    reader = model.reader(settings.subwords, settings.batch_tokens)
    manifest = describe(model, corpus, context, settings)
    store = open_store(manifest, model.dim, settings.store_dtype)
    add_names(store.place, model.name, corpus.source or corpus.name)
    units = {split: units_of(corpus, split, context) for split in SPLITS}
    shards = plan_shards(model, corpus, context)
    in_order = [shard for split in SPLITS for shard in shards[split]]
    n_words = sum(shard.stop - shard.start for shard in in_order)
    started = time.perf_counter()
    work = Extraction(model.name, reader, corpus, settings, layers, store, units)
    found = engine.run(work, in_order, lambda done: progress("extract", done, n_words))
    computed = sum(one.computed for one in found)
    without_vector: dict[Split, tuple[int, ...]] = dict.fromkeys(SPLITS, ())
    for shard, one in zip(in_order, found, strict=True):
        without_vector[shard.split] += one.no_subword
    _require_vectors(model, corpus, sum(map(len, without_vector.values())), n_words)
    return States(
        model=model.name,
        corpus=corpus,
        layers=layers,
        n_layers=model.n_layers,
        dim=model.dim,
        values=Stored(store, shards),
        settings=settings,
        context=context,
        manifest=manifest,
        without_vector=without_vector,
        seconds=time.perf_counter() - started if computed else 0.0,
        computed=computed,
        reused=len(found) - computed,
        model_warnings=model.warnings,
        module=None if has_name(model) else model,
    )


def _require_vectors(model: Model, corpus: Corpus, lost: int, n_words: int) -> None:
    """Raise ModelError where hardly any word has a vector: there is nothing to probe."""
    if lost > (1 - LEAST_KNOWN) * n_words:
        raise ModelError(
            f"'{model.name}' has no vector for {lost:,} of the {n_words:,} words of "
            f"'{corpus.name}': is it of another language or encoding, or are its words in another "
            "case?"
        )


def in_context(states: States, context: Context, *, progress: Progress = silent) -> States:
    """The states of the same checkpoint and corpus in another context.

    Raises InputError for the user's own vectors, which cannot be computed again, and for a model
    that has changed since.
    """
    if context == states.context:
        return states
    if states.is_given:
        raise InputError(
            f"the words of '{states.model}' were read by {states.context}, and a task needs them "
            f"read by {context}: give vectors of that kind, with States.of(…, context='{context}')"
        )
    model = states.module or open_model(states.model, states.settings.encoder)
    if model.fingerprint() != states.manifest["model"]:
        raise InputError(
            f"'{states.model}' has changed since its states were read by {states.context}, and a "
            f"task needs them read by {context}: extract its states again"
        )
    return extract_from(model, states.corpus, context, states.settings, progress)


def describe(
    model: Model, corpus: Corpus, context: Context, settings: ExtractSettings
) -> dict[str, Any]:
    """The manifest of states: everything that decides their numbers, in codes.

    Equal manifests share a store. Names of models and corpora and texts for people are not in it,
    since they do not change a number.
    """
    return {
        "model": model.fingerprint(),
        "corpus": {"text": corpus.fingerprint},
        "context": context,
        "subwords": settings.subwords,
        **model.facts(),
        "dtype": settings.store_dtype,
        "shard_words": _shard_words(model),
    }


def plan_shards(model: Model, corpus: Corpus, context: Context) -> dict[Split, tuple[Shard, ...]]:
    """The runs of words that are computed and stored together."""
    units = {split: units_of(corpus, split, context) for split in SPLITS}
    return {split: tuple(_shards(split, units[split], _shard_words(model))) for split in SPLITS}


def _shard_words(model: Model) -> int:
    return min(SHARD_WORDS, max(1, SHARD_BYTES // (model.n_layers * model.dim * 4)))


def layers_of(wanted: tuple[int, ...], model: Model) -> tuple[int, ...]:
    """The layers wanted, or all. Raises InputError for a layer that the model does not have."""
    layers = tuple(sorted(set(wanted))) or tuple(range(model.n_layers))
    odd = [layer for layer in layers if not 0 <= layer < model.n_layers]
    if odd:
        name, last = model.name, model.n_layers - 1
        raise InputError(
            f"'{name}' has no layer {odd[-1]}: its layers are 0 (the embeddings) to {last}"
        )
    return layers


def units_of(corpus: Corpus, split: Split, context: Context) -> np.ndarray:
    """Borders of the texts read in one pass, as positions in the split: `(units + 1,)`."""
    offsets = corpus.offsets(split)
    if context == "sentence":
        return offsets
    documents = corpus.splits[split].document_numbers()
    return np.append(offsets[np.flatnonzero(np.diff(documents, prepend=-1))], offsets[-1])


def _shards(split: Split, units: np.ndarray, words: int) -> Iterator[Shard]:
    """Runs of whole units, each but the last of at least `words` words.

    A unit longer than both LONG and `words` is cut into equal parts, which keep its context but
    need not be in memory together.
    """
    longest = max(words, LONG)
    start, number = 0, 0
    for begin, border in pairwise(units.tolist()):
        if border - begin > longest and begin > start:
            yield Shard(split, number, start, begin)
            start, number = begin, number + 1
        if border - start >= words or (border == units[-1] and border > start):
            parts = -(-(border - begin) // longest) if begin == start else 1
            cuts = np.linspace(start, border, parts + 1).astype(int).tolist()
            for one, following in pairwise(cuts):
                yield Shard(split, number, one, following)
                number += 1
            start = border
