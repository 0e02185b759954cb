"""Open data: what a name of data means."""

from __future__ import annotations

from pathlib import Path

from probekit.corpora.load import HUB, load_corpus
from probekit.errors import InputError, unknown
from probekit.paths import path_of
from probekit.progress import Progress
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.data import Data
from probekit.tuning.glue import GLUE, PREFIX, from_glue, is_glue_folder
from probekit.tuning.table_data import from_hub, from_path, missing
from probekit.tuning.table_rows import Columns


def open_data(name: str | Path, columns: Columns, progress: Progress) -> Data:
    """The data of a name.

    It is `CORPUS:TASK`, `CORPUS:genre`, `glue/TASK`, `hf:NAME`, a file, or a folder of tables (one
    laid out as the hub's GLUE is read as GLUE).

    Raises InputError for a name that means nothing, and for columns given to data that needs none.
    """
    text = str(name)
    path = path_of(text)
    if path.is_dir() and is_glue_folder(path):
        return from_glue(path.name, path)
    if path.exists():
        return from_path(path, columns)
    if text.startswith(HUB):
        return from_hub(text.removeprefix(HUB), columns)
    if text.startswith(PREFIX):
        task = text.removeprefix(PREFIX)
        if task not in GLUE:
            raise InputError(unknown("task of GLUE", task, GLUE))
        return from_glue(task)
    corpus, _, task = text.rpartition(":")
    if not corpus or not task:
        raise missing(path)
    if columns != Columns():
        raise InputError(f"text, label and regression are for tables, not for '{text}'")
    return from_corpus(load_corpus(corpus, progress=progress), task)
