"""Find: which files of a path are which split, and which reader reads them. Names decide:

- `.conllu`, `.conllup`: CoNLL-U; `*_conll`: CoNLL-2012; `.parquet`: `datasets`;
- `.json`, `.jsonl`: edge probing where the first line has `text` and `targets`, else `datasets`;
- `train`; `dev`, `development`, `valid`, `validation`, `val`; `test`: as a word of the file's name or, failing that,
  of a folder's it stands in.
"""

from __future__ import annotations

import re
from pathlib import Path

from probekit.corpora.passage import Split
from probekit.errors import CorpusError

FORMATS = {".conllu": "conllu", ".conllup": "conllu", ".parquet": "datasets"}
JSON = (".json", ".jsonl")
KNOWN = "*.conllu, *.conllup, *_conll, *.json, *.jsonl, *.parquet"

_SPLIT = re.compile(r"(?:^|[^a-z])(?:(train)|(dev(?:elopment)?|valid(?:ation)?|val)|(test))(?![a-z])")


def reader_of(path: Path) -> str:
    """Name of the reader for a file, empty where its name says nothing."""
    if path.name.endswith("_conll"):
        return "conll2012"
    if path.suffix in JSON:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
        return "edges" if '"targets"' in first and '"text"' in first else "datasets"
    return FORMATS.get(path.suffix, "")


def split_of(path: Path) -> Split | None:
    """The split a relative path names, its last part first."""
    for part in (path.name, *path.parts[:-1]):
        if match := _SPLIT.search(part.lower()):
            return "train" if match[1] else "dev" if match[2] else "test"
    return None


def files_in(folder: Path) -> tuple[str, dict[Split, tuple[Path, ...]]]:
    """The reader for a folder, and its files by split; files that name no split are passed over.

    Raises CorpusError where there is no such file, or the files are of several formats.
    """
    found: dict[Split, list[Path]] = {}
    readers: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        split = split_of(path.relative_to(folder))
        if split and path.is_file() and (reader := reader_of(path)):
            found.setdefault(split, []).append(path)
            readers.setdefault(reader, path)
    if not found:
        raise CorpusError(f"{folder} has no file called train, dev or test that is one of {KNOWN}")
    if len(readers) > 1:
        mixed = " and ".join(f"{path.name} ({reader})" for reader, path in readers.items())
        raise CorpusError(f"{folder} mixes formats: {mixed}; give one folder each")
    return next(iter(readers)), {split: tuple(paths) for split, paths in found.items()}
