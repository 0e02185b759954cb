"""Reading: the states of a model, kept on disk or computed layer by layer, as settings say."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.corpora.passage import SPLITS, Context, Corpus
from probekit.errors import InputError
from probekit.models.block_by_block import require_block_by_block
from probekit.models.encoder_model import EncoderModel
from probekit.models.model import Model, has_name, open_model
from probekit.progress import Progress, silent
from probekit.states.extract import describe, extract_each, layers_of, plan_shards, units_of
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.states.sweep import Sweep
from probekit.states.texts import Texts


def require_readable(model: Model, settings: ExtractSettings) -> None:
    """Raise InputError or ModelError for a model that cannot be read as settings say."""
    model.reader(settings.subwords, settings.batch_tokens)
    if settings.states == "none":
        require_block_by_block(model)


def read_each(
    model: Model,
    corpus: Corpus,
    contexts: Sequence[Context],
    settings: ExtractSettings,
    progress: Progress,
) -> list[States]:
    """The states of every word in each context, for the training of probes."""
    if settings.states == "stored":
        return extract_each(model, corpus, contexts, settings, progress)
    return [_swept(model, corpus, context, settings, progress) for context in contexts]


def _swept(
    model: Model, corpus: Corpus, context: Context, settings: ExtractSettings, progress: Progress
) -> States:
    """States that are computed when probes are trained.

    They are described as the stored ones are, whose numbers they equal.
    """
    assert isinstance(model, EncoderModel)
    layers = layers_of(settings.layers, model)
    units = {split: units_of(corpus, split, context) for split in SPLITS}
    sweep = Sweep.of(
        model,
        model.reader(settings.subwords, settings.batch_tokens),
        plan_shards(model, corpus, context),
        Texts(corpus, units),
        corpus=corpus,
        context=context,
        layers=layers,
        dtype=settings.store_dtype,
        progress=progress,
    )
    return States(
        model=model.name,
        corpus=corpus,
        layers=layers,
        n_layers=model.n_layers,
        dim=model.dim,
        values=sweep,
        settings=settings,
        context=context,
        manifest=describe(model, corpus, context, settings),
        without_vector=sweep.without_vector(),
        model_warnings=model.warnings,
        module=None if has_name(model) else model,
    )


def of_corpus(states: States, corpus: Corpus, *, progress: Progress = silent) -> States:
    """The states of the same checkpoint for another corpus, read in the same way.

    Raises InputError for the user's own vectors, which cannot be computed elsewhere, and for a
    model that has changed since.
    """
    require_computable(states, corpus)
    model = states.module or open_model(states.model, states.settings.encoder)
    if model.fingerprint() != states.manifest["model"]:
        raise InputError(
            f"'{states.model}' has changed since its states were read: extract them again"
        )
    return read_each(model, corpus, [states.context], states.settings, progress)[0]


def require_computable(states: States, corpus: Corpus) -> None:
    """Raise InputError for the user's own vectors, which cannot be computed for another corpus."""
    if states.is_given:
        raise InputError(
            f"test_corpus='{corpus.name}': '{states.model}' has vectors of "
            f"'{states.corpus.name}' only, and nothing can compute others: give a checkpoint"
        )
