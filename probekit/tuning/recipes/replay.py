"""Replay: a little of the pre-training objective is mixed into the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from probekit.corpora.load import load_corpus
from probekit.models.files import Files
from probekit.tuning.language_model import (
    language_loss,
    language_model,
    required_objective,
    texts_of,
)
from probekit.tuning.learner import Case, Learner, find_model
from probekit.tuning.recipe import Penalty, Recipe


@dataclass(frozen=True)
class Replay(Recipe):
    """`share` times the loss of the pre-training objective on raw text is added to the loss.

    The objective is that of the language-modelling head that the checkpoint must have. The head
    itself is not trained.

    Attributes:
        share: of the pre-training loss.
        texts: sentences read for it at each step.
        corpus: that they are from; "" for the corpus that the model is fine-tuned on, if it is one
            of probekit's, else `sample`.
    """

    NAME: ClassVar[str] = "replay"
    TITLE: ClassVar[str] = "a share of the pre-training objective is added to the loss"
    SOURCE: ClassVar[str] = "Robins 1995; Scialom et al. 2022 with 1%"
    NEEDS_HEAD: ClassVar[bool] = True

    share: float = 0.01
    texts: int = 8
    corpus: str = ""

    def require(self, files: Files) -> None:
        """Raise InputError for a checkpoint without a language-modelling head."""
        required_objective(self.NAME, files)

    def open(self, case: Case) -> Learner:
        """The model, whose checkpoint has the head."""
        self.require(find_model(case))
        return super().open(case)

    def penalty(self, case: Case, learner: Learner) -> Penalty | None:
        """The share of the loss; None where it is 0."""
        if not self.share:
            return None
        objective = required_objective(self.NAME, learner.files)
        corpus = None if self.corpus else case.data.corpus
        if corpus is None:
            corpus = load_corpus(self.corpus or "sample", progress=case.progress)
        texts = texts_of(corpus, len(corpus.splits["train"]))
        whole = language_model(case, learner.files, objective)
        whole.requires_grad_(False)
        setattr(whole, whole.base_model_prefix, learner.model.base_model)
        whole.tie_weights()
        count, seed = max(1, self.texts), case.settings.seed

        def added(step: int) -> torch.Tensor:
            # Drawn from the step, so that a run that is resumed draws the same.
            random = torch.Generator().manual_seed(seed * 1_000_003 + step)
            drawn = torch.randint(len(texts), (count,), generator=random).tolist()
            chosen = [texts[i] for i in drawn]
            device = next(learner.model.parameters()).device
            loss = language_loss(
                whole.to(device).train(), learner.tokenizer, chosen, objective, random
            )
            return self.share * loss

        return added
