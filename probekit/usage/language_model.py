"""Language model: what a checkpoint itself makes of tasks of behaviour, after an erasure."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from probekit.errors import InputError, ModelError
from probekit.models.encoder_model import EncoderModel
from probekit.models.intervene import Blocks, at_position, at_words
from probekit.models.likelihood import Likelihood
from probekit.models.lm_head import open_language_model
from probekit.probes.behaviour.behave import Behaved, behaved, counts_of
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.progress import silent
from probekit.tasks.minimal_pairs import BehaviourQuestion
from probekit.usage.erasure_rows import Target
from probekit.usage.running import Intervention


@dataclass(frozen=True)
class Behaving:
    """A checkpoint's language model, and the tasks of behaviour that it is asked.

    Attributes:
        likelihood: the model with its head, and how it scores sentences.
        blocks: of the model below the head.
        questions: what is asked.
    """

    likelihood: Likelihood
    blocks: Blocks
    questions: tuple[BehaviourQuestion, ...]

    @cached_property
    def clean(self) -> tuple[Behaved, ...]:
        """What it makes of each task, without an erasure."""
        return self._behaved()

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """What is measured."""
        return tuple(_target(one) for one in self.clean)

    def warnings(self) -> list[str]:
        """Warnings where instances are left out, or the head is another model's."""
        name, head = self.likelihood.model.name, self.likelihood.model.head
        found = [warning for one in self.clean for warning in one.warnings(name)]
        if head:
            found.append(
                f"{name}: it has no language-modelling head of its own, that of {head} is borrowed"
            )
        return found

    def after(self, layer: int, changes: Sequence[Intervention]) -> list[np.ndarray]:
        """What is counted of each task after each of some changes, `(changes, n, 2)`.

        Raises ModelError where the model predicts no numbers any more.
        """
        parts = [self._behaved(layer, change) for change in changes]
        found = []
        for before, *of_task in zip(self.clean, *parts, strict=True):
            values = np.stack([one.values for one in of_task])
            if not np.isfinite(values[:, before.is_read]).all():
                raise ModelError(
                    f"'{self.likelihood.model.name}' predicts numbers that are not finite once "
                    f"layer {layer} is changed: leave the tasks of behaviour out"
                )
            found.append(values)
        return found

    def _behaved(self, layer: int = 0, change: Intervention | None = None) -> tuple[Behaved, ...]:
        changed: Any = nullcontext()
        if change is not None:
            changed = self.blocks.changed(layer, change.to(self.likelihood.model.device))
        with changed:
            return tuple(behaved(self.likelihood, one, silent) for one in self.questions)


def open_behaving(
    model: EncoderModel,
    questions: Sequence[BehaviourQuestion],
    settings: BehaviourSettings,
    at_cls: bool,
) -> Behaving | None:
    """The language model of a checkpoint; None where no task of behaviour is asked.

    Args:
        model: the checkpoint, open.
        questions: the tasks of behaviour.
        settings: whose head is borrowed, and how many subwords are read at once.
        at_cls: whether the states of `[CLS]` alone are changed, not those of words.

    Raises InputError for a checkpoint without a language-modelling head, and for an
    encoder-decoder; ModelError where it cannot be loaded.
    """
    if not questions:
        return None
    if model.encoder.config.is_encoder_decoder:
        names = ",".join(question.task.name for question in questions)
        raise InputError(
            f"'{model.name}' is an encoder-decoder: its decoder predicts a text that its encoder "
            f"does not read, so an erasure does not reach it: leave {names} out of tasks"
        )
    opened = open_language_model(model, settings.lm_head)
    where = at_position(0) if at_cls else at_words([*opened.prefix, *opened.suffix])
    body = opened.model.base_model
    blocks = Blocks(model.name, body, opened.model.config, model.encoder.n_blocks, where)
    return Behaving(Likelihood(opened, settings.batch_tokens), blocks, tuple(questions))


def _target(clean: Behaved) -> Target:
    question = clean.question

    def counts(values: np.ndarray) -> np.ndarray:
        cells = values.reshape(-1, *values.shape[-2:])
        found = np.stack([counts_of(question, cell) for cell in cells])
        return found.reshape(*values.shape[:-2], *found.shape[1:])

    chance = clean.measured.chance
    floor = float("nan") if chance is None else chance
    return Target(question.task.name, clean.measured, counts, floor, int(clean.is_read.sum()))
