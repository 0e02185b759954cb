"""Archives: members are read into memory from where they lie; nothing is extracted, nothing executed."""

from __future__ import annotations

import tarfile
import zlib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from probekit.errors import CorpusError

LARGEST = 512 * 2**20  # bytes of all used members together
LARGEST_ARCHIVE = 8 * 2**30  # bytes of all members, used or not: what unpacking may pass through


def read_members(path: Path, pattern: str) -> dict[str, bytes]:
    """Content of the members of a tar archive that match a glob, by path without the archive's top folder.

    Raises CorpusError where the archive is damaged, has no such member, or is not to be trusted: a member that is
    absolute, climbs with `..`, is a link or a device, comes twice, or is larger than is plausible.
    """
    members: dict[str, bytes] = {}
    used = passed = 0
    try:
        with tarfile.open(path, "r:*") as archive:
            for info in archive:
                passed += info.size
                inside = PurePosixPath(info.name)
                if inside.is_absolute() or ".." in inside.parts:
                    raise CorpusError(f"{path}: member '{info.name}' leads out of the archive")
                name = "/".join(inside.parts[1:])
                wanted = fnmatchcase(name, pattern) and not info.isdir()
                used += info.size if wanted else 0
                if used > LARGEST or passed > LARGEST_ARCHIVE:
                    raise CorpusError(f"{path}: member '{info.name}' makes the archive implausibly large")
                if wanted:
                    if not info.isreg() or name in members:
                        raise CorpusError(f"{path}: member '{info.name}' is not a plain file, or comes twice")
                    content = archive.extractfile(info)
                    assert content is not None
                    members[name] = content.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise CorpusError(f"{path} is not a whole tar archive: {error}") from error
    if not members:
        raise CorpusError(f"{path} has no member that matches '{pattern}'")
    return members
