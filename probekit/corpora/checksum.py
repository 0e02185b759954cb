"""Checksums: is a file the one the card means?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from probekit.corpora.card import Source


def mismatch(source: Source, path: Path, members: Mapping[str, bytes]) -> str:
    """What differs between a file and its card; empty if they agree.

    `members` are the used members of an archive, and empty for a file. The card may give the first
    digits of a git blob id only.
    """
    if source.members:
        kind, expected, found = "sha256 of its members", source.sha256, digest_members(members)
    elif source.sha256:
        kind, expected, found = "sha256", source.sha256, digest_file(path)
    else:
        kind, expected, found = "git blob", source.git_blob, git_blob(path)
    same = found.startswith(expected) if kind == "git blob" else found == expected
    return "" if same else f"{kind} is {found[:12]}…, expected {expected[:12]}…"


def digest_file(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """The id git gives a file's content."""
    with path.open("rb") as file:
        digest = hashlib.sha1(b"blob %d\0" % os.fstat(file.fileno()).st_size, usedforsecurity=False)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def digest_members(members: Mapping[str, bytes]) -> str:
    """sha256 over the sorted paths of an archive's used members (without its top folder) and their
    sha256s.

    It does not change if a host packs the same files into different bytes, or a mirror packs fewer.
    """
    total = hashlib.sha256()
    for path in sorted(members):
        total.update(f"{path}\0{hashlib.sha256(members[path]).hexdigest()}\n".encode())
    return total.hexdigest()
