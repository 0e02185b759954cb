"""Prefix: trained keys and values stand before every text in every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from probekit.errors import InputError, first_line
from probekit.tuning.adapter import adapted
from probekit.tuning.learner import Case, Learner, open_learner
from probekit.tuning.recipe import Recipe


@dataclass(frozen=True)
class Prefix(Recipe):
    """In every layer, words also attend to `length` trained keys and values before the text;
    everything but these and the head is frozen.

    The output is an adapter, as that of `lora`. The paper's reparametrisation by a network is left
    out.

    Attributes:
        length: positions of the prefix; texts have so many fewer.
    """

    NAME: ClassVar[str] = "prefix"
    TITLE: ClassVar[str] = "trained keys and values precede the text in every layer"
    SOURCE: ClassVar[str] = "Li and Liang 2021"
    RATE: ClassVar[float] = 1e-2
    IS_READ_IN_TRAINING: ClassVar[bool] = False

    length: int = 20

    def __post_init__(self) -> None:
        """Raise InputError for a prefix of nothing."""
        if self.length < 1:
            raise InputError("recipe_settings: length takes a whole number from 1 on, not 0")

    def open(self, case: Case) -> Learner:
        """The model with its prefix, which has read one example."""
        learner = open_learner(case, before=self.length)
        config = learner.model.config
        if config.is_encoder_decoder:
            raise InputError(
                f"recipe='prefix': '{case.model}' is an encoder-decoder ({config.model_type}), and "
                "what it computes with a prefix could not be read: give an encoder or a decoder"
            )
        try:
            given = {"num_virtual_tokens": self.length}
            learner.model = adapted(self.NAME, case, learner, "PrefixTuningConfig", given)
            _read_one(learner)
        except InputError:
            raise
        except Exception as error:  # of any type: peft finds out only when a text is read
            what = "words" if case.data.target == "words" else "texts"
            raise InputError(
                first_line(
                    f"recipe='prefix': peft cannot put a prefix before '{case.model}' "
                    f"({config.model_type}) with a head for {what}; bert and gpt2 can have one, "
                    "with transformers below 5.24",
                    error,
                )
            ) from error
        return learner


def _read_one(learner: Learner) -> None:
    """Let the model read one example, drawing nothing of what training will draw."""
    batch = learner.collator([learner.data["train"][0]])
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        learner.model(**batch)
