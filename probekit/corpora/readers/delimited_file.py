"""The rows of a CSV or TSV file, with the line of each.

Commas separate the cells of `.csv`, which may be quoted; tabs those of `.tsv`. A quotation mark in
TSV is a character like any other, except where it begins and ends a cell whose other quotation
marks are all doubled, which is how spreadsheets and pandas write it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from probekit.corpora.readers.reading import read_lines
from probekit.corpora.readers.rows import COLUMNS
from probekit.errors import CorpusError

_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


class Row(NamedTuple):
    """The cells of a row, and the number of its first line, from 1."""

    line: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in any cell."""
        return not any(cell and not cell.isspace() for cell in self.cells)


def read_rows(path: Path) -> Iterator[Row]:
    """Every row, the names of the columns included, and blank ones.

    Raises:
        CorpusError: with the line, for a file that is not UTF-8 or not CSV, or has a cell longer
            than `csv.field_size_limit`.
    """
    lines = (line + "\n" for line in read_lines(path))
    is_tsv = path.suffix == ".tsv"
    if is_tsv:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = "" if is_tsv else ": is a quotation mark not closed?"
            raise CorpusError(f"{path}:{line}: not CSV, {error}{hint}") from error
        yield Row(line, [_unquoted(cell) for cell in cells] if is_tsv else cells)


def _unquoted(cell: str) -> str:
    match = _QUOTED.fullmatch(cell)
    return match[1].replace('""', '"') if match else cell


def read_header(path: Path) -> list[str]:
    """The names of the columns: the first row, without spaces around names.

    Raises:
        CorpusError: for a file without one, and for a name that occurs twice or too many names.
    """
    row = next(read_rows(path), None)
    if row is None or row.is_blank:
        raise CorpusError(f"{path}:1: the first row must name the columns")
    names = [cell.strip() for cell in row.cells]
    if len(names) > COLUMNS:
        raise CorpusError(f"{path} has {len(names):,} columns, at most {COLUMNS:,} can be read")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise CorpusError(f"{path}:1: two columns are called '{twice[0]}'")
    return names
