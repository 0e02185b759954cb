"""Whatever things are called is drawn as it is: in every picture, and whatever someone's own
settings are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest

import probekit as pk
from probekit.forgetting.comparison import PARTS, TABLES, Comparison
from probekit.forgetting.trajectory import STEPS, Trajectory
from probekit.probes.score_rows import COLUMNS, MORE_COLUMNS
from tests.reports.test_use_bars import use_change
from tests.results.made import filled, only

NAMES = ["a$b", r"$x^$ $\frac{1}$ a_b^c{d}%&#~", r"back\slash <&> naïve"]
EMPTY = pd.DataFrame()


def scores(name: str) -> pk.Scores:
    rows = []
    for corpus in (name, f"{name}2"):
        rows.append(
            [
                name,
                name,
                corpus,
                "majority",
                None,
                "accuracy",
                0.1,
                0.1,
                0.1,
                9,
                9,
                0,
                None,
                None,
                None,
            ]
        )
        for layer in (0, 1):
            rows.append(
                [name, name, corpus, "linear", layer, "accuracy", 0.5, 0.4, 0.6, 9, 9, 0, 0.5, 1, 1]
            )
    return pk.Scores(
        pd.DataFrame(rows, columns=[*COLUMNS, *MORE_COLUMNS]).astype({"layer": "Int64"})
    )


def comparison(name: str) -> Comparison:
    rows = []
    for corpus in (name, f"{name}2"):
        for layer in (0, 1):
            about: dict[str, object] = {
                "before": name,
                "after": f"{name}+",
                "task": name,
                "corpus": corpus,
                "layer": layer,
            }
            parts: dict[str, object] = {
                f"{part}{end}": 0.1 for part in PARTS for end in ("", "_low", "_high")
            }
            rows.append({**about, "delta": 0.1, "p_adjusted": 0.01, **parts})
            rows[-1] |= {"ci_low": 0.05, "ci_high": 0.15, "seeds": 2}
    changes = [only(TABLES["comparison"].names, row) for row in rows]
    drops = [only(TABLES["decomposition"].names, row) for row in rows]
    tables = (
        filled(TABLES["comparison"], changes),
        EMPTY,
        filled(TABLES["decomposition"], drops),
        EMPTY,
        EMPTY,
    )
    return Comparison(*tables)


def trajectory(name: str) -> Trajectory:
    rows = []
    for corpus in (name, f"{name}2"):
        for step in (1, 2):
            about = {
                "model": name,
                "step": step,
                "task": name,
                "corpus": corpus,
                "layer": 0,
                "metric": name,
            }
            rows.append({**about, "score": 0.5, "ci_low": 0.4, "ci_high": 0.6, "retention": 0.5})
    return Trajectory(filled(STEPS, rows), EMPTY, EMPTY)


PICTURES: dict[str, Callable[[str, Path], Any]] = {
    "heatmap": lambda name, path: pk.heatmap(scores(name), path),
    "lines": lambda name, path: pk.lines(scores(name), path),
    "changes": lambda name, path: pk.lines(comparison(name), path),
    "forgetting": lambda name, path: pk.heatmap(comparison(name), path),
    "decomposition": lambda name, path: pk.bars(comparison(name), path),
    "use": lambda name, path: pk.bars(use_change(name), path),
    "curves": lambda name, path: pk.lines(trajectory(name), path),
    "retention": lambda name, path: pk.heatmap(trajectory(name), path),
}


@pytest.mark.parametrize("picture", PICTURES)
def test_every_text_is_drawn_as_it_is(picture: str, tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    for name in NAMES:
        # Text as text, so that it can be read back, although a user's settings say the worst.
        with mpl.rc_context(
            {"svg.fonttype": "path", "text.parse_math": True, "axes.formatter.use_mathtext": True}
        ):
            PICTURES[picture](name, path)
        drawn = " ".join(
            "".join(text.itertext())
            for text in ElementTree.parse(path).iter()
            if text.tag.endswith("text")
        )
        assert name in drawn, drawn


@pytest.mark.parametrize("ending", ["png", "pdf"])
@pytest.mark.parametrize("picture", PICTURES)
def test_every_format_takes_it(picture: str, ending: str, tmp_path: Path) -> None:
    PICTURES[picture]("$x^$", tmp_path / f"x.{ending}")
    assert (tmp_path / f"x.{ending}").stat().st_size > 1000
