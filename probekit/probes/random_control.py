"""Random control: scores of the same architecture with random weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from probekit.errors import InputError, ModelError
from probekit.models.model import Model, open_model
from probekit.models.names import resolve
from probekit.probes import identity
from probekit.probes.arguments import Named
from probekit.probes.evidence import Found
from probekit.probes.fit_kinds import fit_kinds
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.scoring import scored_probes
from probekit.progress import Progress, as_part
from probekit.states.reading import read_each
from probekit.states.settings import ExtractSettings
from probekit.states.states import States

Models = Mapping[int, Model]
"""The model with random weights for each seed."""


def random_models(
    subjects: Sequence[Named | States], seeds: tuple[int, ...], settings: ExtractSettings
) -> dict[str, Models]:
    """For each checkpoint, its architecture with random weights, once for each seed.

    Raises InputError for what is not given by name, and ModelError for what has no configuration
    from which to make random weights.
    """
    found: dict[str, Models] = {}
    for name in subjects:
        if not isinstance(name, str):
            raise InputError(
                "random_control=True is for checkpoints given by name alone: states, recorded "
                "ones too, and loaded models are not computed again with random weights"
            )
        try:
            resolve(name if name.startswith("random:") else f"random:{name}")
            models = {}
            for seed in seeds:
                models[seed] = open_model(random_name(name, seed), settings.encoder)
                models[seed].reader(settings.subwords, settings.batch_tokens)  # or refused here
        except ModelError as error:
            raise ModelError(f"random_control=True: '{name}' has none: {error}") from error
        found[name] = models
    return found


def random_name(name: str, seed: int) -> str:
    """The name of a checkpoint's architecture with random weights.

    That of a random model is another random model.

    >>> random_name("minilm", 0)
    'random:minilm:0'
    >>> random_name("random:minilm:3", 0)
    'random:minilm:4'
    """
    if not name.startswith("random:"):
        return f"random:{name}:{seed}"
    inner = name.removeprefix("random:")
    given = re.fullmatch("(.+):([0-9]+)", inner)
    base, own = (given[1], int(given[2])) if given else (inner, 0)
    return f"random:{base}:{own + 1 + seed}"


def random_scores(
    states: States,
    trained: Sequence[Fitted],
    settings: FitSettings,
    models: Models,
    progress: Progress,
) -> Found:
    """Scores of probes of random weights, as rows of the checkpoint whose control they are.

    Args:
        states: of the checkpoint.
        trained: probes of single layers on these.
        settings: how they were trained.
        models: the models with random weights.
        progress: called with the stage, the units done and how many there are.
    """
    found = Found()
    of_checkpoint = {"model": states.model, **identity.of_states(states)}
    for number, (seed, model) in enumerate(models.items()):
        (control,) = read_each(model, states.corpus, [states.context], states.settings, progress)
        kinds = list(dict.fromkeys(fitted.head for fitted in trained))
        questions = [fitted.question for fitted in trained if fitted.head in kinds[:1]]
        reported = as_part(progress, "fit random weights", number, whole=len(models))
        for fits, _ in fit_kinds(control, questions, kinds, (seed,), settings, reported):
            for fitted in fits:
                for each in scored_probes(control, fitted, settings):
                    found.rows.append(replace(each.about, weights="random", **of_checkpoint))
    return found
