"""Fetch: the files of a card, downloaded if needed and always checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from probekit import cache
from probekit.corpora.archive import read_members
from probekit.corpora.card import Card, Source
from probekit.corpora.checksum import mismatch
from probekit.corpora.download import INSTEAD, LARGEST, download, only_one, part_of, shown
from probekit.errors import CorpusError
from probekit.progress import Progress, silent


@dataclass(frozen=True)
class Fetched:
    """A corpus' files.

    Attributes:
        paths: where each source is stored.
        members: content of the used members of its archives, by path.
        modified: names of the files whose checksum differs from the card's.
    """

    paths: Mapping[Source, Path] = field(default_factory=dict)
    members: Mapping[str, bytes] = field(default_factory=dict)
    modified: tuple[str, ...] = ()


def data_folder() -> Path:
    """Where downloaded corpora are stored, as `OWNER/REPO/COMMIT/PATH`."""
    return cache.root() / "corpora"


def on_disk(card: Card) -> bool:
    """Whether every file of a corpus is on this machine; checksums are checked on reading."""
    if card.dataset:
        return False
    if card.sources:
        return all(_lies_at(source) is not None for source in card.sources)
    return all((card.path.parent / name).is_file() for name in card.files.values())


def fetch(card: Card, *, allow_modified: bool = False, progress: Progress = silent) -> Fetched:
    """Get every source of a card: check those on this machine and download the rest.

    `PROBEKIT_MIRROR`, a folder or an http(s) address that has `OWNER/REPO/COMMIT/PATH`, replaces
    the public hosts; files in a folder are read where they are. An interrupted download resumes
    where it stopped, a file gets its name once it is complete, and two processes at once do no
    harm.

    Raises:
        CorpusError: if a file cannot be fetched, or differs from its checksum and `allow_modified`
            is not set.
    """
    paths: dict[Source, Path] = {}
    members: dict[str, bytes] = {}
    modified: list[str] = []
    for source in card.sources:
        path = _lies_at(source)
        if path is None:
            path = _download(source, allow_modified, progress)
        content = read_members(path, source.members) if source.members else {}
        try:
            wrong = mismatch(source, path, content)
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error
        if wrong and not allow_modified:
            raise CorpusError(_differs(path, wrong))
        if wrong:
            modified.append(path.name)
        paths[source] = path
        members |= content
    return Fetched(paths, members, tuple(modified))


def _mirror() -> str:
    return os.environ.get("PROBEKIT_MIRROR", "").rstrip("/")


def _is_address(mirror: str) -> bool:
    if "://" in mirror and not mirror.startswith(("http://", "https://")):
        raise CorpusError(
            f"PROBEKIT_MIRROR takes a folder or an http(s) address, not {shown(mirror)}"
        )
    return "://" in mirror


def _lies_at(source: Source) -> Path | None:
    """Where a source is stored on this machine, in the data folder or a mirror folder, if it is."""
    folders = [data_folder()]
    if _mirror() and not _is_address(_mirror()):
        # Path.expanduser would raise for an unknown user.
        folders.append(Path(os.path.expanduser(_mirror())))  # noqa: PTH111
    for folder in folders:
        path = folder / source.place
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file can raise
            return path
    return None


def _download(source: Source, allow_modified: bool, progress: Progress) -> Path:
    """Download a source into the data folder; it gets its name once its checksum is right."""
    target = data_folder() / source.place
    mirror = _mirror()
    if mirror and not _is_address(mirror):
        raise CorpusError(
            f"PROBEKIT_MIRROR ({mirror}) has no {source.place}; put the file there or at {target}, "
            f"or unset PROBEKIT_MIRROR to download it; {INSTEAD}"
        )
    url = f"{mirror}/{source.place}" if mirror else source.url
    part = part_of(target)
    if not target.parent.resolve().is_relative_to(data_folder().resolve()):
        raise CorpusError(
            f"a link inside {data_folder()} leads out of it: delete it ({target.parent})"
        )
    most = source.bytes if source.bytes and not allow_modified else LARGEST
    with only_one(data_folder()):
        if target.exists():  # another process fetched it meanwhile
            return target
        for _ in range(2):  # a part of another file fails its checksum and is fetched anew
            resumed = part.exists()
            download(url, target, progress, most=most)
            wrong = _part_differs(source, part)
            _check_is_no_page(url, part)
            if not wrong or not resumed:
                break
            part.unlink()
        if wrong and not allow_modified:
            part.unlink()
            raise CorpusError(_differs(shown(url), wrong))
        part.replace(target)
    return target


def _check_is_no_page(url: str, part: Path) -> None:
    """Raise CorpusError if a web page was sent in place of the file."""
    with part.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        part.unlink()
        raise CorpusError(
            f"{shown(url)} is a web page, not the file: perhaps a login page. "
            f"Check PROBEKIT_MIRROR, or the network; {INSTEAD}"
        )


def _part_differs(source: Source, part: Path) -> str:
    try:
        return mismatch(source, part, read_members(part, source.members) if source.members else {})
    except CorpusError as error:
        return str(error)


def _differs(where: Path | str, wrong: str) -> str:
    is_download = isinstance(where, Path) and where.is_relative_to(data_folder())
    advice = "Delete it to fetch it again, or accept" if is_download else "Accept"
    return (
        f"{where} differs from the corpus card: its {wrong}. "
        f"{advice} it with allow_modified=True (results are marked)"
    )
