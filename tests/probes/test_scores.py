"""Scores: the best layers, and all that a table of them is compared with."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import probekit as pk
from probekit.probes.score_rows import SCORES
from tests.results.made import filled

NAN = float("nan")


def rows(
    task: str, probe: str, scores: list[float], *, metric: str = "accuracy", seed: int = 0
) -> list[dict[str, Any]]:
    """Rows of layers 2, 1 and so on down, whose dev scores are their test scores upside down; or of
    a baseline."""
    about = {
        "model": "m",
        "task": task,
        "corpus": "c",
        "probe": probe,
        "metric": metric,
        "seed": seed,
    }
    if probe in ("majority", "lexical"):
        return [{**about, "score": scores[0], "layer": None}]
    found = []
    for layer, score in enumerate(scores):
        found.append(
            {
                **about,
                "score": score,
                "ci_low": score,
                "ci_high": score,
                "layer": layer,
                "dev_score": 1 - score,
            }
        )
    return found[::-1]


def test_best_has_what_a_table_of_results_shows() -> None:
    made = [
        *rows("pos", "majority", [0.1]),
        *rows("pos", "lexical", [0.2]),
        *rows("pos", "linear", [0.5, 0.3, 0.6]),
        *rows("pos", "linear", [0.7, 0.5, 0.8], seed=1),
        *rows("coref", "lexical", [0.3], metric="f1"),
        *rows("coref", "mlp", [0.5, 0.4], metric="f1"),
    ]
    scores = pk.Scores(filled(SCORES, made))
    (pos, coref) = scores.best().to_dict("records")
    expected = {
        "task": "pos",
        "probe": "linear",
        "metric": "accuracy",
        "layer": 1,
        "first_layer": 0,
        "last_layer": 2,
    }
    assert {name: pos[name] for name in expected} == expected
    numbers = {
        "score": 0.4,
        "ci_low": 0.4,
        "dev_score": 0.6,
        "score_layer_0": 0.6,
        "score_last_layer": 0.7,
    }
    for name, number in {**numbers, "majority": 0.1, "lexical": 0.2}.items():
        assert pos[name] == pytest.approx(number), name
    assert (coref["metric"], coref["layer"], coref["last_layer"]) == ("f1", 1, 1)
    assert coref["lexical"] == 0.3 and coref["score_last_layer"] == coref["score"] == 0.4
    assert pd.isna(coref["majority"]), "what was not measured is missing"


def test_without_layer_0_its_score_is_missing() -> None:
    made = [row for row in rows("pos", "linear", [0.5, 0.3, 0.6]) if row["layer"]]
    (best,) = pk.Scores(filled(SCORES, made)).best().to_dict("records")
    assert best["first_layer"] == 1 and pd.isna(best["score_layer_0"]) and pd.isna(best["lexical"])


def test_baselines_alone_have_no_best_layer() -> None:
    best = pk.Scores(filled(SCORES, rows("pos", "majority", [0.1]))).best()
    assert best.empty and {"metric", "score_layer_0", "score_last_layer", "majority"} <= set(best)
    assert pk.Scores(pd.DataFrame()).best().empty
