"""What a prompt and a notebook show of an object: a line, and HTML whose text is escaped."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import probekit as pk
from probekit.forgetting.comparison import TABLES
from probekit.forgetting.trajectory import SUMMARY
from probekit.replications.replicated import REPLICATION
from tests.reports.test_heatmap import scores
from tests.reports.test_lines_and_bars import comparison, trajectory
from tests.results.made import filled

EVIL = "<script>alert(1)</script>&amp;\n\x1b[31m"
EMPTY = pd.DataFrame()


class Page(HTMLParser):
    """Collects tags and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def states(model: Path) -> pk.States:
    words = ("one", "two")
    splits: Any = {}
    for split in ("train", "dev", "test"):
        splits[split] = (pk.Passage(f"{split}1", f"{split}1", words, {}, {}),)
    return pk.extract(model, pk.Corpus(EVIL, splits))


OBJECTS: dict[str, Callable[[Path], Any]] = {
    "States": states,
    "Corpus": lambda model: states(model).corpus,
    "Scores": lambda _: pk.Scores(scores().table.assign(task=EVIL), warnings=(EVIL,)),
    "Scores of an older version": lambda _: pk.Scores(
        pd.concat([scores().table, scores().table.assign(score=0.1)]).assign(task=EVIL)
    ),
    "Comparison": lambda _: pk.Comparison(
        comparison(0.1).comparison.assign(task=EVIL),
        filled(TABLES["best"], [{"task": EVIL}]),
        *[EMPTY] * 3,
    ),
    "Trajectory": lambda _: pk.Trajectory(
        trajectory().table, EMPTY, filled(SUMMARY, [{"task": EVIL}])
    ),
    "Replicated": lambda _: pk.Replicated(filled(REPLICATION, [{"task": EVIL}])),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_line_and_a_page(kind: str, tiny_bert: Path) -> None:
    shown = OBJECTS[kind](tiny_bert)
    assert repr(shown).startswith(f"{kind.split(maxsplit=1)[0]}(") and repr(shown).isprintable()
    page = Page(shown._repr_html_())
    assert not page.open and set(page.tags) <= {
        "div",
        "b",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "small",
    }
    assert "alert(1)" in page.text and "\x1b" not in page.text


def test_what_the_line_says(tiny_bert: Path) -> None:
    assert repr(scores()) == "Scores(model 'm', 2 tasks, corpus 'c', 2 probes: 8 rows)"
    assert repr(pk.Scores(EMPTY)) == "Scores(0 rows)"
    assert "4 of 4 layers, 6 words × 32 in float16" in repr(states(tiny_bert))


def test_a_long_table_is_cut() -> None:
    pos = scores().table.head(4)
    long = pd.concat([pos.assign(task=f"t{i}") for i in range(60)])
    page = Page(pk.Scores(long)._repr_html_())
    assert page.tags.count("tr") == 41 and "20 more rows" in page.text
