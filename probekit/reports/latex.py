"""LaTeX: the tables of results, ready for a paper."""

from __future__ import annotations

import re

from probekit import doors
from probekit.harmless import harmless
from probekit.reports.read import KINDS, Kind
from probekit.reports.table import Table
from probekit.reports.tables import table_of

_COMMANDS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "\n": " ",
    "\t": " ",
}
_SPECIAL = re.compile("|".join(map(re.escape, _COMMANDS)))


def latex(subject: Kind) -> str:
    r"""The table of results that the command line prints, as LaTeX.

    It needs `\usepackage{booktabs}`. Names are escaped.

    Raises InputError where `subject` is not a result of probekit.
    """
    doors.of_type("subject", subject, KINDS)
    return as_latex(table_of(subject))


def as_latex(table: Table, label: str = "") -> str:
    """A `table` environment with a caption, and a label if one is given, ended by a line break."""
    layout = "".join("r" if column.is_number else "l" for column in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escaped('. '.join(filter(None, (table.title, table.note))))}}}",
        *([f"\\label{{{label}}}"] if label else []),
        f"\\begin{{tabular}}{{{layout}}}",
        "\\toprule",
        _row([escaped(column.heading) for column in table.columns]),
        "\\midrule",
    ]
    for row in table.rows:
        cells = []
        for column, text in zip(table.columns, row, strict=True):
            cells.append(_number(text) if column.is_number else escaped(text))
        lines.append(_row(cells))
    lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text for LaTeX, in which nothing is a command."""
    return _SPECIAL.sub(lambda match: _COMMANDS[match[0]], harmless(text))


def _number(text: str) -> str:
    """Numbers with a minus sign, not a hyphen."""
    return re.sub(r"(?<![\w-])-(?=\d)", "$-$", escaped(text))


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
