"""Floor: the score of the baseline above which retention counts."""

from __future__ import annotations

from typing import Literal

from probekit.corpora.passage import Corpus
from probekit.forgetting.probe_pair import mean_scores
from probekit.probes.baselines import BASELINES
from probekit.tasks.question import Question

Floor = Literal["majority", "lexical"]


def floor_score(question: Question, corpus: Corpus, floor: Floor) -> float:
    """The baseline's score on test."""
    predictions = BASELINES[floor](question, corpus)
    (score,) = mean_scores(question, "test", predictions[None, None])
    return float(score)
