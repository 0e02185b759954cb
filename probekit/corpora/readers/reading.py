"""What every reader takes and gives, and how it goes through its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from probekit.corpora.passage import Passage, Split
from probekit.corpora.tally import Tally, with_warnings
from probekit.errors import CorpusError
from probekit.progress import Progress, silent

__all__ = ["Material", "Reading", "Tally", "blocks", "read_files", "read_text"]


@dataclass(frozen=True)
class Material:
    """What a reader reads.

    Attributes:
        name: what the corpus is called in messages and progress.
        files: the files of each split.
        archive: members of the archives that come with the files, by path.
        dataset: a data set's name on the hub (reader `datasets` only).
        columns: reader-specific column names, from the card.
        progress: called with the bytes (reader `datasets`: the splits) read.
    """

    name: str
    files: Mapping[Split, tuple[Path, ...]] = field(default_factory=dict)
    archive: Mapping[str, bytes] = field(default_factory=dict)
    dataset: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent


@dataclass
class Reading:
    """What was read.

    Attributes:
        splits: the passages.
        tally: what was left out or changed, how often, and where first.
        notices: what else must be known, in sentences.
    """

    splits: dict[Split, tuple[Passage, ...]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    notices: list[str] = field(default_factory=list)

    def warnings(self) -> list[str]:
        """All that must be known: the notices, and what was counted."""
        return [*self.notices, *self.tally.warnings()]


def read_files(material: Material, read_file: Callable[[Path, Tally], list[Passage]]) -> Reading:
    """Every split, its files one after the other through `read_file`.

    Raises CorpusError for a file that cannot be read, with what was counted up to there.
    """
    reading = Reading()
    total = sum(path.stat().st_size for paths in material.files.values() for path in paths)
    done = 0
    material.progress(f"reading {material.name}", done, total)
    for split, paths in material.files.items():
        passages: list[Passage] = []
        stems = Counter(path.stem for path in paths)
        for path in paths:
            try:
                found = read_file(path, reading.tally)
            except CorpusError as error:
                raise CorpusError(with_warnings(str(error), reading.tally.warnings())) from error
            passages += found if stems[path.stem] == 1 else _apart(found, path)
            done += path.stat().st_size
            material.progress(f"reading {material.name}", done, total)
        reading.splits[split] = tuple(passages)
    return reading


def _apart(passages: list[Passage], path: Path) -> list[Passage]:
    """The same passages, those of a document that is called after its file called after its folder too: another file
    of the split has the same name."""
    called = f"{path.parent.name}/{path.stem}"
    return [replace(p, document=called) if p.document == path.stem else p for p in passages]


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, line ends as `\\n`.

    Raises CorpusError where it cannot be read, or is not UTF-8 (with the line).
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}:{line}: byte 0x{raw[error.start]:02x} is not UTF-8") from error
    return text.replace("\r\n", "\n")


def blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between blank lines, each with the number of its first line, counted from 1."""
    block: list[str] = []
    number = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.isspace():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield number - len(block) + 1, block
