"""Load: from a name or a path to a Corpus."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from probekit import bundle, doors
from probekit.corpora.card import Card, load_card
from probekit.corpora.fetch import fetch
from probekit.corpora.find import KNOWN, files_in, files_read, reader_of
from probekit.corpora.passage import SPLITS, Corpus
from probekit.corpora.readers import READERS
from probekit.corpora.readers.reading import Material, Reading
from probekit.corpora.resplit import resplit
from probekit.corpora.tally import with_warnings
from probekit.corpora.tidy import disjoint, distinct, overlap
from probekit.errors import CorpusError, InputError
from probekit.paths import path_of
from probekit.progress import Progress, silent

HUB = "hf:"


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection meanwhile: millions of small objects without cycles come to life in the readers, and
    the collector's walks over them took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_collector_paused()
def load_corpus(name_or_path: str | Path, *, allow_modified: bool = False, progress: Progress = silent) -> Corpus:
    """The annotated text a name or a path stands for.

    A shipped name wins over a file or folder of that name, which is `./NAME` (see `bundle.is_shipped`).

    Args:
        name_or_path: a shipped name (`en_ewt`); a card of one's own (`my.toml`); a file or a folder with train, dev
            and test (see `find`; a single file is split by document); or `hf:NAME`, a data set of the hub
            (`hf:NAME:CONFIG`).
        allow_modified: accept fetched files whose checksum differs from the card's; `Corpus.modified` names them.
        progress: called while files are fetched and read.

    Raises InputError for an unknown name, CorpusError for files that are missing, malformed or modified.
    """
    doors.of_type("name_or_path", name_or_path, (str, Path))
    doors.of_type("allow_modified", allow_modified, bool)
    doors.function("progress", progress)
    try:
        corpus = _loaded(name_or_path, allow_modified, progress)
    except OSError as error:  # a folder that may not be entered, a file that goes while it is read
        raise CorpusError(f"cannot read {error.filename or name_or_path}: {error.strerror or error}") from error
    return replace(corpus, source=str(name_or_path))


def _loaded(name_or_path: str | Path, allow_modified: bool, progress: Progress) -> Corpus:
    text = str(name_or_path)
    path = path_of(text)
    if text.startswith(HUB):
        name = text.removeprefix(HUB)
        if not name.strip(":"):
            raise InputError("hf: needs the name of a data set, such as hf:OWNER/NAME")
        return _corpus(name, "datasets", Material(name, dataset=name, progress=progress))
    if path.suffix == ".toml":
        return _from_card(load_card(path), allow_modified, progress)
    is_name = isinstance(name_or_path, str) and path.name == text
    if is_name and (text in bundle.names("corpora") or not (path.exists() or path.suffix)):
        return _from_card(load_card(text), allow_modified, progress)
    if path.is_dir():
        reader, files = files_in(path)
        corpus = _corpus(path.resolve().name, reader, Material(path.name, files, progress=progress))
        return replace(corpus, notices=(files_read(path, files), *corpus.notices))
    return _from_file(path, progress)


def _from_card(card: Card, allow_modified: bool, progress: Progress) -> Corpus:
    fetched = fetch(card, allow_modified=allow_modified, progress=progress)
    if card.sources:
        files = {
            split: tuple(path for source, path in fetched.paths.items() if source.split == split) for split in SPLITS
        }
    else:
        files = {split: (path_of(card.path.parent / card.files[split]),) for split in SPLITS if split in card.files}
    material = Material(
        name=card.name,
        files={split: paths for split, paths in files.items() if paths},
        archive=fetched.members,
        dataset=card.dataset,
        columns=card.columns,
        progress=progress,
    )
    corpus = _corpus(card.name, card.reader, material)
    lacking = sorted(set(card.layers) - corpus.tag_layers - corpus.edge_layers)
    claims = (f"the card claims layers that the files do not have: {', '.join(lacking)}",) if lacking else ()
    return replace(corpus, card=card, modified=fetched.modified, notices=corpus.notices + claims)


def _from_file(path: Path, progress: Progress) -> Corpus:
    if not path.is_file():
        raise CorpusError(f"no such corpus file or folder: {path}")
    reader = reader_of(path)
    if not reader:
        raise CorpusError(f"cannot tell the format of {path.name}: expected one of {KNOWN}, or a card (*.toml)")
    reading = READERS[reader](Material(path.stem, {"train": (path,)}, progress=progress))
    whole = distinct(reading.splits, reading.tally)["train"]
    try:
        reading.splits, notice = resplit(whole, path.name)
    except CorpusError as error:
        raise CorpusError(with_warnings(str(error), reading.warnings())) from error
    reading.notices.insert(0, notice)
    return _finish(path.stem, reading)


def _corpus(name: str, reader: str, material: Material) -> Corpus:
    for path in (path for paths in material.files.values() for path in paths):
        if not path.is_file():
            raise CorpusError(f"corpus '{name}': no file {path}")
    reading = READERS[reader](material)
    missing = [split for split in SPLITS if split not in reading.splits]
    if len(missing) == len(SPLITS):
        raise CorpusError(with_warnings(f"corpus '{name}' has neither train, dev nor test", reading.warnings()))
    if missing:
        reading.notices.append(f"'{name}' has no {' and no '.join(missing)} split")
    reading.splits = disjoint(reading.splits, reading.tally)
    for split, passages in reading.splits.items():
        if not passages:
            where = ", ".join(str(path) for path in material.files.get(split, ())) or material.dataset
            message = f"empty split: '{split}' of '{name}' has no sentence to read in {where}"
            raise CorpusError(with_warnings(message, reading.warnings()))
    return _finish(name, reading)


def _finish(name: str, reading: Reading) -> Corpus:
    splits = distinct({split: reading.splits.get(split, ()) for split in SPLITS}, reading.tally)
    reading.notices += overlap(splits)
    return Corpus(name, splits, notices=tuple(reading.warnings()))
