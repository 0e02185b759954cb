"""Open text: the raw text that a name of data means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from probekit.corpora.load import HUB, load_corpus
from probekit.errors import InputError
from probekit.paths import path_of
from probekit.progress import Progress
from probekit.tuning.corpus_data import text_of
from probekit.tuning.data import Data
from probekit.tuning.glue import PREFIX
from probekit.tuning.table_data import SUFFIXES, from_hub, from_path
from probekit.tuning.table_rows import Columns


def open_text(name: str | Path, columns: Columns, progress: Progress) -> Data:
    """The raw text of a name: a corpus, a table with a column of texts, or `hf:NAME`.

    Raises InputError for a name that means nothing, and for columns that are not read; CorpusError
    for files that cannot be read.
    """
    text = str(name)
    if columns.label or columns.regression:
        raise InputError("label and regression: raw text is learnt without labels: leave them out")
    texts = replace(columns, label=None)
    path = path_of(text)
    if path.suffix in SUFFIXES and path.is_file():
        return from_path(path, texts)
    if path.is_dir() and _has_tables(path):
        return from_path(path, texts)
    if text.startswith(HUB):
        return from_hub(text.removeprefix(HUB), texts)
    corpus, colon, _ = text.rpartition(":")
    if colon or text.startswith(PREFIX):
        hint = f"the corpus alone, '{corpus}'" if corpus else "its folder or file"
        raise InputError(f"data '{text}' has labels, and raw text is learnt without: give {hint}")
    if columns.text:
        raise InputError(f"text is for tables, not for '{text}'")
    return text_of(load_corpus(text, progress=progress))


def _has_tables(folder: Path) -> bool:
    """Whether a folder has a table."""
    return any(path.suffix in SUFFIXES for path in folder.iterdir())
