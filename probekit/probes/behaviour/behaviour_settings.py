"""Behaviour settings: how the behaviour of language models is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probekit import doors
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
    names: list[str | None] = []
    for parameter, given in (("lm_head", lm_head), ("reference", reference)):
        name = None
        if given is not None:
            name = doors.text_of(doors.of_type(parameter, given, (str, Path)))
            require_model(name)
        names.append(name)
    settings = extract_settings or ExtractSettings()
    return BehaviourSettings(*names, settings.encoder, settings.batch_tokens)
