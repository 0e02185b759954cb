"""Floor: the score of the baseline above which retention counts."""

from __future__ import annotations

from typing import Literal

from probekit.corpora.passage import Corpus
from probekit.probes.answers import AnyQuestion, mean_scores
from probekit.probes.baselines import BASELINES
from probekit.probes.structural.tree_rows import best_baseline
from probekit.tasks.trees import TreeQuestion

Floor = Literal["majority", "lexical"]


def floor_score(question: AnyQuestion, corpus: Corpus, floor: Floor) -> float:
    """The baseline's score on test; of a structural task that of its best baseline."""
    if isinstance(question, TreeQuestion):
        return best_baseline(question)
    predictions = BASELINES[floor](question, corpus)
    (score,) = mean_scores(question, "test", predictions[None, None])
    return float(score)
