"""Assemble: what readers read of files or a data set becomes a Corpus, split and tidied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow

from probekit.corpora import parsed
from probekit.corpora.card import Card
from probekit.corpora.fetch import fetch
from probekit.corpora.find import KNOWN, files_in, files_read, reader_of
from probekit.corpora.passage import SPLITS, Corpus
from probekit.corpora.readers import READERS
from probekit.corpora.readers.reading import Material, Reading
from probekit.corpora.resplit import resplit
from probekit.corpora.tally import with_warnings
from probekit.corpora.tidy import disjoint, distinct, overlap
from probekit.errors import CorpusError, suggestion
from probekit.paths import path_of
from probekit.progress import Progress


def from_dataset(name: str, progress: Progress) -> Corpus:
    """A data set of the hub."""
    return _corpus(name, "datasets", Material(name, dataset=name, progress=progress))


def from_folder(path: Path, progress: Progress) -> Corpus:
    """A folder with files of train, dev or test."""
    reader, files = files_in(path)
    corpus = _corpus(path.resolve().name, reader, Material(path.name, files, progress=progress))
    return replace(corpus, warnings=(files_read(path, files), *corpus.warnings))


def from_card(card: Card, allow_modified: bool, progress: Progress) -> Corpus:
    """What a card describes."""
    fetched = fetch(card, allow_modified=allow_modified, progress=progress)
    if card.sources:
        files = {
            split: tuple(path for source, path in fetched.paths.items() if source.split == split)
            for split in SPLITS
        }
    else:
        files = {
            split: (path_of(card.path.parent / card.files[split]),)
            for split in SPLITS
            if split in card.files
        }
    material = Material(
        name=card.name,
        files={split: paths for split, paths in files.items() if paths},
        archive=fetched.members,
        dataset=card.dataset,
        columns=card.columns,
        progress=progress,
    )
    corpus = _corpus(card.name, card.reader, material)
    lacking = sorted(set(card.annotations) - corpus.word_annotations - corpus.span_annotations)
    claims = (
        (f"the card claims annotations that the files do not have: {', '.join(lacking)}",)
        if lacking
        else ()
    )
    return replace(corpus, card=card, modified=fetched.modified, warnings=corpus.warnings + claims)


def from_file(path: Path, progress: Progress) -> Corpus:
    """A single file, split by document."""
    if not path.is_file():
        raise CorpusError(f"no such corpus file or folder: {path}{suggestion(path)}")
    reader = reader_of(path)
    if not reader:
        raise CorpusError(
            f"cannot tell the format of {path.name}: expected one of {KNOWN}, or a card (*.toml)"
        )
    reading = READERS[reader](Material(path.stem, {"train": (path,)}, progress=progress))
    whole = distinct(reading.splits, reading.tally)["train"]
    try:
        reading.splits, notice = resplit(whole, path.name)
    except CorpusError as error:
        raise CorpusError(with_warnings(str(error), reading.all_warnings())) from error
    reading.warnings.insert(0, notice)
    return _finish(path.stem, reading)


def _corpus(name: str, reader: str, material: Material) -> Corpus:
    """What the reader makes of `material`, or made of it before."""
    for path in (path for paths in material.files.values() for path in paths):
        if not path.is_file():
            raise CorpusError(f"corpus '{name}': no file {path}{suggestion(path)}")
    place = parsed.path_for(name, reader, material)
    corpus = parsed.read(place, name) if place else None
    if corpus is None:
        corpus = _parsed(name, reader, material)
        if place:
            parsed.write(place, corpus)
    return corpus


def _parsed(name: str, reader: str, material: Material) -> Corpus:
    reading = READERS[reader](material)
    missing = [split for split in SPLITS if split not in reading.splits]
    if len(missing) == len(SPLITS):
        raise CorpusError(
            with_warnings(
                f"corpus '{name}' has neither train, dev nor test", reading.all_warnings()
            )
        )
    if missing:
        reading.warnings.append(f"'{name}' has no {' and no '.join(missing)} split")
    reading.splits = disjoint(reading.splits, reading.tally)
    for split, passages in reading.splits.items():
        if not passages:
            where = (
                ", ".join(str(path) for path in material.files.get(split, ())) or material.dataset
            )
            message = f"empty split: '{split}' of '{name}' has no sentence to read in {where}"
            raise CorpusError(with_warnings(message, reading.all_warnings()))
    return _finish(name, reading)


def _finish(name: str, reading: Reading) -> Corpus:
    splits = distinct({split: reading.splits.get(split, ()) for split in SPLITS}, reading.tally)
    reading.warnings += overlap(splits)
    pyarrow.default_memory_pool().release_unused()  # what only the readers needed
    return Corpus(name, splits, warnings=tuple(reading.all_warnings()))
