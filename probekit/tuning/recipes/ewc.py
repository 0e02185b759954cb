"""Ewc: weights that matter for what the checkpoint was trained for are drawn towards where they
began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from probekit.corpora.load import load_corpus
from probekit.tuning.fisher import fisher_of_checkpoint
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Penalty, Recipe
from probekit.tuning.starting import distance, starting_weights


@dataclass(frozen=True)
class Ewc(Recipe):
    """As `l2sp`, with each weight's squared distance multiplied by its Fisher information.

    The information is divided by its mean, so that strengths can be compared with those of `l2sp`.

    Attributes:
        strength: lambda in the paper.
        sentences: on which the information is estimated.
        corpus: that they are from; "" for the corpus that the model is fine-tuned on, if it is one
            of probekit's, else `sample`.
        task: whose likelihood is taken where the checkpoint has no language-modelling head.
    """

    NAME: ClassVar[str] = "ewc"
    TITLE: ClassVar[str] = "the same, weighted by the diagonal Fisher information"
    SOURCE: ClassVar[str] = "Kirkpatrick et al. 2017"

    strength: float = 0.1
    sentences: int = 200
    corpus: str = ""
    task: str = "pos"

    def penalty(self, case: Case, learner: Learner) -> Penalty | None:
        """The penalty; None where its strength is 0."""
        if not self.strength:
            return None
        corpus = None if self.corpus else case.data.corpus
        if corpus is None:
            corpus = load_corpus(self.corpus or "sample", progress=case.progress)
        case.progress("Fisher information", 0, 1)
        fisher, what = fisher_of_checkpoint(case, learner, corpus, self.task, self.sentences)
        case.progress("Fisher information", 1, 1)
        learner.warnings = (*learner.warnings, f"ewc: the Fisher information is of {what}")
        start = starting_weights(learner)
        weights = _divided_by_mean(fisher)
        model = learner.model

        def added(step: int) -> torch.Tensor:
            return self.strength / 2 * distance(model, start, weights)

        return added


def _divided_by_mean(fisher: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    total = sum(float(one.sum()) for one in fisher.values())
    mean = total / max(1, sum(one.numel() for one in fisher.values()))
    if mean == 0:
        return fisher
    return {name: one / mean for name, one in fisher.items()}
