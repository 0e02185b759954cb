"""Assemble: what a reader made of files or a data set becomes a Corpus, split and tidied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow

from probekit.corpora import parsed
from probekit.corpora.card import Card
from probekit.corpora.fetch import fetch
from probekit.corpora.find import KNOWN, TESTED_WHOLE, files_in, files_read, reader_of
from probekit.corpora.passage import SPLITS, Corpus, Split
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
    name = path.resolve().name
    corpus = _corpus(name, reader, Material(name, files, progress=progress))
    return replace(corpus, warnings=(files_read(path, files), *corpus.warnings))


def from_card(card: Card, allow_modified: bool, progress: Progress) -> Corpus:
    """What a card describes."""
    fetched = fetch(card, allow_modified=allow_modified, progress=progress)
    files: dict[Split, tuple[Path, ...]] = {}
    for split in SPLITS:
        paths = [path for source, path in fetched.paths.items() if source.split == split]
        if split in card.files:
            paths.append(path_of(card.path.parent / card.files[split]))
        if paths:
            files[split] = tuple(paths)
    material = Material(
        name=card.name,
        files=files,
        archive=fetched.members,
        dataset=card.dataset,
        columns=card.columns,
        progress=progress,
    )
    corpus = _corpus(card.name, card.reader, material)
    warnings = list(corpus.warnings)
    lacking = sorted(set(card.annotations) - corpus.word_annotations - corpus.span_annotations)
    if lacking:
        listed = ", ".join(lacking)
        warnings.append(f"the card claims annotations that the files do not have: {listed}")
    return replace(corpus, card=card, modified=fetched.modified, warnings=tuple(warnings))


def from_file(path: Path, progress: Progress, only: Split | None = None) -> Corpus:
    """A single file: divided by document, or all of it as the split `only`."""
    if not path.is_file():
        raise CorpusError(f"no such corpus file or folder: {path}{suggestion(path)}")
    reader = reader_of(path)
    if not reader:
        raise CorpusError(
            f"cannot tell the format of {path.name}: expected one of {KNOWN}, or a card (*.toml)"
        )
    reading = READERS[reader](Material(path.stem, {"train": (path,)}, progress=progress))
    whole = distinct(reading.splits, reading.tally)["train"]
    if only or reader in TESTED_WHOLE:
        reading.splits = {only or "test": whole}
        return _finish(path.stem, reading)
    try:
        reading.splits, warning = resplit(whole, path.name)
    except CorpusError as error:
        raise CorpusError(with_warnings(str(error), reading.all_warnings())) from error
    reading.warnings.insert(0, warning)
    return _finish(path.stem, reading)


def _corpus(name: str, reader: str, material: Material) -> Corpus:
    """The corpus a reader makes of `material`, from the cache where it was parsed before."""
    for paths in material.files.values():
        for path in paths:
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
        message = f"corpus '{name}' has neither train, dev nor test"
        raise CorpusError(with_warnings(message, reading.all_warnings()))
    if missing:
        reading.warnings.append(f"'{name}' has no {' and no '.join(missing)} split")
    reading.splits = disjoint(reading.splits, reading.tally)
    for split, passages in reading.splits.items():
        if not passages:
            places = [str(path) for path in material.files.get(split, ())]
            where = ", ".join(places) or material.dataset
            message = f"empty split: '{split}' of '{name}' has no sentence to read in {where}"
            raise CorpusError(with_warnings(message, reading.all_warnings()))
    return _finish(name, reading)


def _finish(name: str, reading: Reading) -> Corpus:
    splits = distinct({split: reading.splits.get(split, ()) for split in SPLITS}, reading.tally)
    reading.warnings += overlap(splits)
    pyarrow.default_memory_pool().release_unused()  # what only the readers needed
    return Corpus(name, splits, warnings=tuple(reading.all_warnings()))
