"""LaTeX: a booktabs table, in which no name is a command."""

from __future__ import annotations

import re

import pytest

import probekit as pk
from probekit.reports.latex import as_latex, escaped
from probekit.reports.table import Column, Table
from tests.reports.test_heatmap import scores

EVIL = r"\input{x} 100% a_b $x^2$ #1 & {~} <i> → \x1b"


def test_a_table_is_booktabs() -> None:
    text = pk.latex(scores())
    order = [r"\begin{table}", r"\caption{", r"\begin{tabular}{lrrrrrrl}", r"\toprule", r"\midrule"]
    order += [r"pos & 1 of 0--2 & 0.910 & ", r"\bottomrule", r"\end{tabular}", r"\end{table}"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 3 and {row.count("&") for row in rows} == {7}


def test_no_name_is_a_command() -> None:
    table = Table(EVIL, [Column(EVIL, False), Column("n")], [[EVIL, "-1.2 to +3.0"]], note=EVIL)
    text = as_latex(table)
    assert "$-$1.2 to +3.0" in text
    for line in text.splitlines()[1:]:
        ours = re.sub(
            r"\\(begin|end|caption|textbackslash|textasciitilde|textasciicircum)\b", "", line
        )
        assert r"\input" not in ours
        assert line.count("{") == line.count("}")
        assert not re.search(r"(?<!\\)[%#_]", line)
    assert re.search(r"(?<!\\)&", escaped(EVIL)) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b", r"a\_b"),
        ("50%", r"50\%"),
        ("\\", r"\textbackslash{}"),
        ("1–2", "1--2"),
        ("a\x1bb", r"a\textbackslash{}x1bb"),
        ("naïve", "naïve"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown
