"""Tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from probekit.probes.scores import Scores

if TYPE_CHECKING:
    import pandas as pd


def score_table(scores: Scores) -> Table:
    """One row a model, task and probe: the best layer, its score and interval, and the baselines beside it."""
    best, frame = scores.best(), scores.table
    several_models, several_probes = frame["model"].nunique() > 1, best["probe"].nunique() > 1
    shown = Table(
        title="Best layer of each task, chosen on dev and scored on test (lexical and majority need no model)",
        title_justify="left",
    )
    if several_models:
        shown.add_column("model")
    shown.add_column("task", style="bold")
    shown.add_column("corpus")
    if several_probes:
        shown.add_column("probe")
    for heading in ("best layer", "score", "95% interval", "layer 0", "lexical", "majority", "metric", "test n"):
        shown.add_column(heading, justify="left" if heading == "metric" else "right")
    for _, row in best.iterrows():
        same = frame[
            (frame["model"] == row["model"]) & (frame["task"] == row["task"]) & (frame["corpus"] == row["corpus"])
        ]
        of_probe = same[same["probe"] == row["probe"]]
        shown.add_row(
            *([escape(row["model"])] if several_models else []),
            escape(row["task"]),
            escape(row["corpus"]),
            *([row["probe"]] if several_probes else []),
            f"{row['layer']} of {of_probe['layer'].max()}",
            f"{row['score']:.3f}",
            f"{row['ci_low']:.3f}–{row['ci_high']:.3f}",
            _mean(of_probe[of_probe["layer"] == 0]),
            _mean(same[same["probe"] == "lexical"]),
            _mean(same[same["probe"] == "majority"]),
            same["metric"].iloc[0],
            f"{same['n_test'].iloc[0]:,}",
        )
    return shown


def _mean(rows: pd.DataFrame) -> str:
    return f"{rows['score'].mean():.3f}" if len(rows) else "–"
