"""Load a Corpus by name or path."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from probekit import bundle, doors
from probekit.corpora.card import load_card
from probekit.corpora.passage import Corpus, Split
from probekit.errors import CorpusError, InputError
from probekit.paths import path_of
from probekit.progress import Progress, reporting

HUB = "hf:"


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause garbage collection: readers make millions of small objects without cycles, and walking
    over them took a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@reporting
@_collector_paused()
def load_corpus(
    name_or_path: str | Path, *, allow_modified: bool = False, progress: Progress | bool = True
) -> Corpus:
    """Load annotated text by name or path.

    A shipped name wins over a file or folder of that name, which is `./NAME` (see
    `bundle.is_shipped`).

    Args:
        name_or_path: a shipped name (`en_ewt`); your own card (`my.toml`); a file, or a folder with
            train, dev and test (see `find`; a single file is split by document); or a data set of
            the hub (`hf:NAME` or `hf:NAME:CONFIG`).
        allow_modified: accept fetched files whose checksum differs from the card's;
            `Corpus.modified` lists them.
        progress: while files are fetched and read: True for bars on standard error, False for
            silence, or a function that is called with the stage, the units done and the total.

    Raises:
        InputError: for an unknown name.
        CorpusError: for files that are missing, malformed or modified.
    """
    doors.of_type("name_or_path", name_or_path, (str, Path))
    doors.of_type("allow_modified", allow_modified, bool)
    return _loaded(name_or_path, allow_modified, doors.function("progress", progress), None)


@_collector_paused()
def load_to_test(name_or_path: str | Path, allow_modified: bool, progress: Progress) -> Corpus:
    """Likewise, for its test split: all of a single file is tested."""
    return _loaded(name_or_path, allow_modified, progress, "test")


def _loaded(
    name_or_path: str | Path, allow_modified: bool, progress: Progress, of_file: Split | None
) -> Corpus:
    """The corpus; of a single file all is the split `of_file`, if that is given."""
    try:
        corpus = _found(name_or_path, allow_modified, progress, of_file)
    except OSError as error:  # a folder without permission, a file deleted while it is read
        path = error.filename or name_or_path
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error
    return replace(corpus, source=str(name_or_path))


def _found(
    name_or_path: str | Path, allow_modified: bool, progress: Progress, of_file: Split | None
) -> Corpus:
    from probekit.corpora import assemble  # imports all readers and what they need

    text = str(name_or_path)
    path = path_of(text)
    if text.startswith(HUB):
        name = text.removeprefix(HUB)
        if not name.strip(":"):
            raise InputError("hf: needs the name of a data set, such as hf:OWNER/NAME")
        return assemble.from_dataset(name, progress)
    if path.suffix == ".toml":
        return assemble.from_card(load_card(path), allow_modified, progress)
    is_name = isinstance(name_or_path, str) and path.name == text
    if is_name and (text in bundle.names("corpora") or not (path.exists() or path.suffix)):
        return assemble.from_card(load_card(text), allow_modified, progress)
    if path.is_dir():
        return assemble.from_folder(path, progress)
    return assemble.from_file(path, progress, of_file)
