"""Reading: what every reader takes and returns, and the loop over its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probekit.corpora.passage import Split
from probekit.corpora.passages import Passages
from probekit.corpora.tally import Tally, with_warnings
from probekit.corpora.texts import Texts
from probekit.errors import CorpusError
from probekit.progress import Progress, silent

__all__ = ["Material", "Reading", "Tally", "blocks", "read_files", "read_lines"]


@dataclass(frozen=True)
class Material:
    """What a reader reads.

    Attributes:
        name: the corpus in messages and progress.
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
        warnings: other warnings, one sentence each.
    """

    splits: dict[Split, Passages] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=list)

    def all_warnings(self) -> list[str]:
        """The warnings, and those from the tally."""
        return [*self.warnings, *self.tally.warnings()]


def read_files(material: Material, read_file: Callable[[Path, Tally], Passages]) -> Reading:
    """Read the files of every split with `read_file`.

    Raises:
        CorpusError: for a file that cannot be read, with the warnings up to there.
    """
    reading = Reading()
    total = sum(path.stat().st_size for paths in material.files.values() for path in paths)
    done = 0
    material.progress(f"reading {material.name}", done, total)
    for split, paths in material.files.items():
        parts: list[Passages] = []
        stems = Counter(path.stem for path in paths)
        for path in paths:
            try:
                found = read_file(path, reading.tally)
            except CorpusError as error:
                raise CorpusError(with_warnings(str(error), reading.tally.warnings())) from error
            parts.append(found if stems[path.stem] == 1 else _apart(found, path))
            done += path.stat().st_size
            material.progress(f"reading {material.name}", done, total)
        reading.splits[split] = Passages.joined(parts)
    return reading


def _apart(passages: Passages, path: Path) -> Passages:
    """The same passages; a document named after its file gets the folder's name too, since another
    file of the split has the same name."""
    longer = f"{path.parent.name}/{path.stem}"
    documents = [longer if name == path.stem else name for name in passages.documents.texts()]
    return passages.replace(documents=Texts.of(documents))


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file without their ends, which are `\\n` or `\\r\\n`.

    Raises:
        CorpusError: if it cannot be read, or is not UTF-8 (with the line).
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                line = _decoded(raw, path, number)
                yield line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}:{number}: byte 0x{raw[error.start]:02x} is not UTF-8") from error


def blocks(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The blocks of lines between blank lines, each with its first line's number, from 1."""
    block: list[str] = []
    number = 0
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:
        yield number - len(block) + 1, block
