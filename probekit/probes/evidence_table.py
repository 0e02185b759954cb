"""Evidence table: what was measured beside scores, at the best layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.probes.mix_rows import can_be_spread
from probekit.probes.score_rows import EXPERIMENT, KEYS

if TYPE_CHECKING:
    import pandas as pd

    from probekit.probes.scores import Scores

_OF_ONE_PROBE = (
    "layer",
    "seed",
    "labels",
    "view",
    "weights",
    "test_corpus",
    "test_fingerprint",
)
IDENTITY = [column for column in EXPERIMENT if column not in _OF_ONE_PROBE]


def evidence_table(scores: Scores) -> pd.DataFrame:
    """The rows of `scores.best()`, with what else was measured there; means over seeds.

    What was not measured has no columns.
    """
    best = scores.best()[[*KEYS, "layer", "score", "ci_low", "ci_high"]]
    names = names_of(scores.table, scores.displayed())
    if len(scores.selectivity):
        best = best.merge(_selectivity(scores.selectivity, names), on=[*KEYS, "layer"], how="left")
    if len(scores.codelengths):
        best = best.merge(_codelengths(scores.codelengths, names), on=[*KEYS, "layer"], how="left")
    if len(scores.mixes):
        best = best.merge(_mixes(scores.mixes, names), on=KEYS, how="left")
    if len(scores.beyond):
        best = best.merge(_beyond(scores.beyond, names), on=[*KEYS, "layer"], how="left")
    return best


def names_of(table: pd.DataFrame, displayed: pd.DataFrame) -> pd.DataFrame:
    """The columns that identify a row of any table, and the display names for them.

    Args:
        table: of scores.
        displayed: `Scores.displayed`, with the same numbers of rows.
    """
    shown = displayed.dropna(subset=["layer"])
    names = table.loc[shown.index, IDENTITY].copy()
    for key in KEYS:
        names[f"shown_{key}"] = shown[key]
    return names.drop_duplicates()


def with_names(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """The table with display names."""
    found = table.merge(names, on=IDENTITY)
    return found.drop(columns=KEYS).rename(columns={f"shown_{key}": key for key in KEYS})


def _selectivity(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    own = ["selectivity", "ci_low", "ci_high", "control_score", "known_types"]
    found = with_names(table, names)[[*KEYS, "layer", *own]]
    return found.rename(columns={"ci_low": "selectivity_low", "ci_high": "selectivity_high"})


def _codelengths(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    gold = table[table["labels"] == "gold"]
    found = with_names(gold, names).assign(
        bits_low=lambda rows: rows["ci_low"] / rows["n_train"],
        bits_high=lambda rows: rows["ci_high"] / rows["n_train"],
    )
    own = ["bits_per_instance", "bits_low", "bits_high", "compression"]
    return found.groupby([*KEYS, "layer"], sort=False)[own].mean().reset_index()


def _mixes(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    own = ["gain", "expected_layer", "expected_low", "expected_high", "centre_of_gravity"]
    found = with_names(table, names)[[*KEYS, "gain_low", *own]]
    is_known = can_be_spread(found["gain"], found["gain_low"])
    found.loc[~is_known, ["expected_layer", "expected_low", "expected_high"]] = float("nan")
    return found.drop(columns="gain_low")


def _beyond(table: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    found = with_names(table, names)[[*KEYS, "layer", "bits", "ci_low", "ci_high", "given"]]
    return found.rename(
        columns={"bits": "bits_beyond", "ci_low": "beyond_low", "ci_high": "beyond_high"}
    )
