"""Find: which files of a path are which split, and which reader reads them.

Names decide:

- `.conllu`, `.conllup`: CoNLL-U; `*_conll`: CoNLL-2012; `.parquet`: `datasets`;
- `.csv`, `.tsv`: `csv`;
- `.json`, `.jsonl`: edge probing where the first line has `text` and `targets`, minimal pairs where
  it has `sentence_good` and `sentence_bad`, else `datasets`;
- `train`; `dev`, `development`, `valid`, `validation`, `val`; `test`: as a word in the file's name
  or, failing that, in the name of a folder above it.
"""

from __future__ import annotations

import itertools
import os
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from probekit.corpora.passage import SPLITS, Split
from probekit.errors import CorpusError
from probekit.paths import is_utf8

FORMATS = {
    ".conllu": "conllu",
    ".conllup": "conllu",
    ".parquet": "datasets",
    ".csv": "csv",
    ".tsv": "csv",
}
JSON = (".json", ".jsonl")
KNOWN = "*.conllu, *.conllup, *_conll, *.json, *.jsonl, *.parquet, *.csv, *.tsv"

_SPLIT = re.compile(
    r"(?:^|[^a-z])(?:(train)|(dev(?:elopment)?|valid(?:ation)?|val)|(test))(?![a-z])"
)


ENTRIES = 50_000
"""Most files and folders listed in one folder: a corpus has fewer, a whole disk has more."""

UNRELEASED = "not-to-release"
"""A folder of treebanks with the sources of their splits, and with data they withhold."""

TESTED_WHOLE = ("minimal_pairs",)
"""Readers of what nothing is trained on: all of a single file is the test split."""

HEAD = 2**26  # most characters of the first line that are read to tell the JSON formats apart
SHOWN = 3  # most file names per split in a warning


def reader_of(path: Path) -> str:
    """Name of the reader for a file; empty if its name tells nothing.

    Raises:
        CorpusError: for a JSON file that cannot be opened.

    >>> reader_of(Path("a.conllu")), reader_of(Path("b.gold_conll")), reader_of(Path("notes.md"))
    ('conllu', 'conll2012', '')
    """
    if path.name.endswith("_conll"):
        return "conll2012"
    if path.suffix in JSON:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                first = file.readline(HEAD)
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error
        if '"sentence_good"' in first and '"sentence_bad"' in first:
            return "minimal_pairs"
        return "edges" if '"targets"' in first and '"text"' in first else "datasets"
    return FORMATS.get(path.suffix, "")


def split_of(path: Path) -> Split | None:
    """The split a relative path names, its last part first.

    >>> split_of(Path("en_ewt-ud-dev.conllu")), split_of(Path("train/part1.conllu"))
    ('dev', 'train')
    >>> split_of(Path("retrained.conllu")) is None
    True
    """
    for part in (path.name, *path.parts[:-1]):
        if match := _SPLIT.search(part.lower()):
            if match[1]:
                return "train"
            return "dev" if match[2] else "test"
    return None


def files_in(folder: Path) -> tuple[str, dict[Split, tuple[Path, ...]]]:
    """The reader for a folder, and its files by split; files that name no split are ignored.

    A folder with split files of its own is read without its sub-folders. Otherwise everything below
    it is read, except hidden folders, `not-to-release` and links to folders.

    Raises:
        CorpusError: if there is no such file, the files are in several formats, or a folder cannot
            be listed or holds more than `ENTRIES` files.
    """
    files, folders = _listed(folder)
    found = _by_split(folder, files)
    if not found:
        files = _below(folders, len(files) + len(folders), folder)
        found = _by_split(folder, files)
    if not found:
        raise CorpusError(f"{folder} has no file called train, dev or test that is one of {KNOWN}")
    readers = {reader: path for paths in found.values() for path, reader in paths}
    if len(readers) > 1:
        mixed = " and ".join(f"{path.name} ({reader})" for reader, path in sorted(readers.items()))
        raise CorpusError(f"{folder} mixes formats: {mixed}; give one folder each")
    by_split: dict[Split, tuple[Path, ...]] = {}
    for split, paths in found.items():
        by_split[split] = tuple(path for path, _ in paths)
    return next(iter(readers)), by_split


def files_read(folder: Path, files: Mapping[Split, tuple[Path, ...]]) -> str:
    """A sentence saying which files of a folder were read as which split."""
    parts = []
    for split, paths in files.items():
        names = [path.relative_to(folder).as_posix() for path in paths[:SHOWN]]
        more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
        parts.append(f"{split} from {', '.join(names)}{more}")
    own = any(path.parent == folder for paths in files.values() for path in paths)
    skipped = "; its sub-folders were not read" if own and _listed(folder)[1] else ""
    return f"read in {folder}: {'; '.join(parts)}{skipped}"


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in a folder, in alphabetical order, without hidden ones and links
    to folders."""
    files: list[Path] = []
    folders: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in itertools.islice(entries, ENTRIES + 1):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif entry.is_file():
                    files.append(Path(entry.path))
    except OSError as error:
        raise CorpusError(f"cannot read the folder {folder}: {error.strerror}") from error
    if len(files) + len(folders) > ENTRIES:
        raise _too_many(folder)
    return sorted(files), sorted(path for path in folders if path.name != UNRELEASED)


def _below(folders: Sequence[Path], seen: int, root: Path) -> list[Path]:
    """Every file in these folders and below them, nearest folders first."""
    found: list[Path] = []
    waiting = deque(folders)
    while waiting:
        files, inside = _listed(waiting.popleft())
        seen += len(files) + len(inside)
        if seen > ENTRIES:
            raise _too_many(root)
        found += files
        waiting += inside
    return sorted(found)


def _too_many(folder: Path) -> CorpusError:
    return CorpusError(
        f"{folder} holds more than {ENTRIES:,} files and folders: give the folder of one corpus"
    )


def _by_split(folder: Path, files: Iterable[Path]) -> dict[Split, list[tuple[Path, str]]]:
    """Files that name a split and have a reader, by split, each with its reader."""
    found: dict[Split, list[tuple[Path, str]]] = {}
    for path in files:
        split = split_of(path.relative_to(folder))
        if split and (reader := reader_of(path)):
            if not is_utf8(path.name):
                wrong = f"{folder} has a file whose name is not UTF-8"
                raise CorpusError(f"{wrong}: {path.name!r}; rename it")
            found.setdefault(split, []).append((path, reader))
    return {split: found[split] for split in SPLITS if split in found}
