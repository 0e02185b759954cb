"""Random table: the best layers of models with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.probes.evidence_table import names_of, with_names
from probekit.probes.score_rows import KEYS

if TYPE_CHECKING:
    import pandas as pd


def random_means(table: pd.DataFrame, displayed: pd.DataFrame) -> pd.DataFrame:
    """Scores of every layer of each random control; means over seeds.

    Args:
        table: of scores.
        displayed: `Scores.displayed`.

    Returns display names, `layer`, `score` and `dev_score`.
    """
    random = with_names(table[table["weights"] == "random"], names_of(table, displayed))
    values = ["score", "dev_score"]
    return random.groupby([*KEYS, "layer"], sort=False)[values].mean().reset_index()


def best_random(table: pd.DataFrame, displayed: pd.DataFrame) -> pd.DataFrame:
    """The layer with the best dev score of each random control: a row of `random_means`."""
    means = random_means(table, displayed)
    return means.loc[means.groupby(KEYS, sort=False)["dev_score"].idxmax()]
