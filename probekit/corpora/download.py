"""Download one file: an interrupted download resumes, the file arrives whole or not at all, and
implausibly large or slow answers are refused."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from probekit.errors import CorpusError
from probekit.lock import locked
from probekit.progress import Progress
from probekit.whole import create, is_full, reason

if TYPE_CHECKING:
    import requests

TIMEOUT = (10, 60)  # seconds to connect, and between two packets
CHUNK = 1 << 18
SLOWEST = 1 << 10  # bytes per second, on average over WINDOW
WINDOW = 60.0  # seconds
LARGEST = 1 << 30  # bytes of a file whose size is not known
INSTEAD = "corpus='sample' comes with probekit and needs no network"
TRY_LATER = (408, 425, 429)  # temporary refusals, like server errors (5xx)


def part_of(target: Path) -> Path:
    """Where a file is stored while it is being downloaded."""
    return target.with_name(target.name + ".part")


class _TooLarge(CorpusError):
    """More bytes came than the file may have."""


@contextmanager
def _without_refused(part: Path) -> Iterator[None]:
    """Delete a part that cannot become the file."""
    try:
        yield
    except _TooLarge:
        part.unlink(missing_ok=True)
        raise


def download(url: str, target: Path, progress: Progress, *, most: int = LARGEST) -> None:
    """Download into `part_of(target)`, resuming an earlier download where it stopped.

    The caller checks the part and moves it to `target`.

    Args:
        url: the address.
        target: where the file belongs.
        progress: called with the bytes done and the total.
        most: the largest size of the file, in bytes.

    Raises:
        CorpusError: if the host cannot be reached, refuses, sends more than `most` bytes or sends
            too slowly, or if the file cannot be written.
    """
    import requests
    from urllib3.exceptions import HTTPError

    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        have = _length(part)
        # Uncompressed, so that the bytes sent are the bytes of the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with (
            _without_refused(part),
            requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response,
        ):
            if response.status_code == 416 and have:
                return  # nothing left to send: the part is complete, or belongs to another file
            if response.status_code not in (200, 206):
                raise requests.HTTPError(response=response)
            resumes = response.status_code == 206 and _first_byte(response) == have
            _write(response, part, have if resumes else 0, most, progress)
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise CorpusError(_unreachable(url, target, error)) from error
    except OSError as error:
        remedy = "set PROBEKIT_CACHE to a folder that you can write"
        if is_full(error):
            remedy = "free some space"
        raise CorpusError(f"cannot write {part}: {reason(error)}; {remedy}") from error


def _write(
    response: requests.Response, part: Path, have: int, most: int, progress: Progress
) -> None:
    length = response.headers.get("Content-Length", "")
    name = part.name.removesuffix(".part")
    total = have + (int(length) if re.fullmatch("[0-9]{1,18}", length) else 0)
    if total > most:
        raise _TooLarge(_too_large(response.url, most))
    since, at_start = time.monotonic(), have
    with _open_part(part, have) as file:
        progress(f"fetching {name}", have, total)
        while chunk := _some(response.raw):
            have += len(chunk)
            if have > most:
                raise _TooLarge(_too_large(response.url, most))
            file.write(chunk)
            progress(f"fetching {name}", have, max(have, total))
            if time.monotonic() - since > WINDOW:
                if have - at_start < SLOWEST * WINDOW:
                    raise CorpusError(
                        f"{shown(response.url)} sends less than {SLOWEST:,} bytes per second. "
                        "Run it again to go on where it stopped"
                    )
                since, at_start = time.monotonic(), have


def _some(raw: Any) -> bytes:
    """The bytes that have arrived, at most CHUNK: waiting for a whole chunk would hide a slow
    host."""
    if hasattr(raw, "read1"):
        return raw.read1(CHUNK) or b""
    return bytes(raw.read(SLOWEST))  # before urllib3 2


def _length(part: Path) -> int:
    """Bytes of a part that can be resumed: a plain file of this user without other hard links."""
    try:
        found = part.lstat()
    except FileNotFoundError:
        return 0
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return found.st_size if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and mine else 0


def _open_part(part: Path, have: int) -> BinaryIO:
    """Open a part to resume it, or a new one; links are not followed."""
    if not have:
        return create(part)
    flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(part, flags), "ab")


def _first_byte(response: requests.Response) -> int:
    """Where the body begins, from `Content-Range: bytes 100-199/200`; -1 without that header."""
    first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if re.fullmatch("[0-9]{1,18}", first) else -1


def shown(url: str) -> str:
    """An address for messages, without user name and password."""
    return re.sub(r"(?<=//)[^/]*@", "", url)


def _too_large(url: str, most: int) -> str:
    return (
        f"{shown(url)} sends more than the {most:,} bytes that the file may have: check the "
        "address, and the size ('bytes') in the corpus card"
    )


def _unreachable(url: str, target: Path, error: Exception) -> str:
    response = getattr(error, "response", None)
    status = response.status_code if response is not None else 0
    why = f"HTTP status {status}" if status else type(error).__name__
    refused = 400 <= status < 500 and status not in TRY_LATER
    refused |= 300 <= status < 400 or isinstance(error, ValueError)  # no address to go to
    again = "Run it again to go on where it stopped"
    if refused:
        again = "Check PROBEKIT_MIRROR, if it is set"
    return (
        f"cannot download {shown(url)} ({why}). {again}; or put the file at {target}, "
        f"or set PROBEKIT_MIRROR to a folder or address that has OWNER/REPO/COMMIT/PATH; {INSTEAD}"
    )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time download into a folder; the others wait.

    On a network disk without locks two processes may write the same part; its checksum then fails,
    and it is fetched again.

    Raises:
        CorpusError: if the folder cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock"))
        except OSError as error:
            raise CorpusError(f"cannot write into {folder}: {reason(error)}") from error
        yield
