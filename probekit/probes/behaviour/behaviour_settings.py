"""Behaviour settings: how the behaviour of language models is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import ModelError
from probekit.models.checkpoint import EncoderSettings
from probekit.models.model import require_model
from probekit.states.settings import ExtractSettings


@dataclass(frozen=True)
class BehaviourSettings:
    """How behaviour is measured.

    Attributes:
        lm_head: the model whose language-modelling head is borrowed where a checkpoint has none.
        reference: the model from whose predictions the divergence of `kl` counts, if any.
        encoder: how checkpoints are loaded and run.
        batch_tokens: subwords per batch, padding included; None for a default by device.
    """

    lm_head: str | None = None
    reference: str | None = None
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    batch_tokens: int | None = None


def behaviour_settings(
    lm_head: Any, reference: Any, extract_settings: ExtractSettings | None
) -> BehaviourSettings:
    """The settings of a verb's parameters. Raises InputError for anything but names and paths,
    ModelError for a name without a model."""
    settings = extract_settings or ExtractSettings()
    return BehaviourSettings(
        _name("lm_head", lm_head),
        _name("reference", reference),
        settings.encoder,
        settings.batch_tokens,
    )


def _name(parameter: str, given: Any) -> str | None:
    """The name of a model that exists, or None where none is given."""
    if given is None:
        return None
    name = doors.text_of(doors.of_type(parameter, given, (str, Path)))
    try:
        require_model(name)
    except ModelError as error:
        raise ModelError(f"{parameter}='{name}': {error}") from error
    return name
