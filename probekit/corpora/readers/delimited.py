"""CSV and TSV files: rows of sentences with labels, of spans with labels, or of words with tags.

The first row names the columns (see `delimited_columns`). Rows of words become lists of words, and
are read like any table of words (`hf.read_tables`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from probekit.corpora.readers import hf
from probekit.corpora.readers.delimited_columns import SentenceColumns, WordColumns, find_columns
from probekit.corpora.readers.delimited_file import read_header
from probekit.corpora.readers.delimited_sentences import read_sentences
from probekit.corpora.readers.delimited_words import read_words
from probekit.corpora.readers.reading import Material, Reading, read_files
from probekit.corpora.readers.rows import Rows, concatenated
from probekit.errors import CorpusError
from probekit.foreign import shortened

Columns = SentenceColumns | WordColumns


def read(material: Material) -> Reading:
    """Read every split of a corpus in CSV or TSV.

    Raises:
        CorpusError: with file and line, for a file that is not CSV, and for columns that cannot be
            told or differ between files.
    """
    columns = _columns(material)
    if isinstance(columns, WordColumns):
        return _words(material, columns)
    reading = read_files(material, partial(read_sentences, columns=columns))
    if columns.unread:
        reading.warnings.append(f"columns not read: {', '.join(map(shortened, columns.unread))}")
    return reading


def _columns(material: Material) -> Columns:
    """The columns of every file, which must be the same."""
    found: dict[Path, Columns] = {}
    for paths in material.files.values():
        for path in paths:
            found[path] = find_columns(read_header(path), material.columns, path)
    (first, columns), *others = found.items()
    for path, other in others:
        if other != columns:
            raise CorpusError(
                f"{path}: its columns differ from those of {first}: {other}, not {columns}"
            )
    return columns


def _words(material: Material, columns: WordColumns) -> Reading:
    tables: dict[str, Rows] = {}
    for split, paths in material.files.items():
        tables[split] = concatenated([read_words(path, columns) for path in paths])
    named: Mapping[str, str] = {**columns.annotations, "words": columns.word}
    if columns.document:
        named = {**named, "document": columns.document}
    return hf.read_tables(tables, replace(material, columns=named))
