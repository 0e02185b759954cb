"""Elsewhere table: the best layers, scored on other corpora than the one trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.probes.baselines import BASELINES
from probekit.probes.evidence_table import names_of, with_names
from probekit.probes.score_rows import KEYS

if TYPE_CHECKING:
    import pandas as pd

    from probekit.probes.scores import Scores

_WHERE = ["test_corpus", "test_fingerprint"]
_QUESTION = ["model_fingerprint", "task_fingerprint", "corpus_fingerprint", "test_fingerprint"]


def elsewhere_table(scores: Scores) -> pd.DataFrame:
    """The rows of `scores.best()`, once for each corpus tested; means over seeds."""
    best = scores.best()[[*KEYS, "layer", "score"]]
    elsewhere = scores.table[scores.table["test_fingerprint"] != ""]
    probed = with_names(elsewhere, names_of(scores.table, scores.displayed()))
    values = ["score", "ci_low", "ci_high"]
    own = [*KEYS, "layer", *_WHERE]
    means = probed.groupby(own, sort=False)[values].mean().reset_index()
    baselines = _baselines(probed, elsewhere)
    means = means.merge(baselines, on=[*KEYS, *_WHERE], how="left")
    means = means.rename(columns={"score": "test_score"}).drop(columns="test_fingerprint")
    return best.merge(means, on=[*KEYS, "layer"])


def _baselines(probed: pd.DataFrame, elsewhere: pd.DataFrame) -> pd.DataFrame:
    """The baselines beside each probe: by their names, with its display names."""
    found = probed[[*KEYS, "test_corpus", *_QUESTION]].drop_duplicates()
    for name in BASELINES:
        mine = elsewhere[elsewhere["probe"] == name][[*_QUESTION, "score"]].drop_duplicates()
        found = found.merge(mine.rename(columns={"score": name}), on=_QUESTION, how="left")
    return found[[*KEYS, *_WHERE, *BASELINES]].drop_duplicates()
