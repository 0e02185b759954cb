"""One file from the network to the disk: goes on where it stopped, and lands whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.errors import CorpusError
from probekit.progress import Progress

if TYPE_CHECKING:
    import requests

TIMEOUT = (10, 60)  # seconds to connect, and between two packets
CHUNK = 1 << 18


def part_of(target: Path) -> Path:
    """Where a file lies while it is being downloaded."""
    return target.with_name(target.name + ".part")


def download(url: str, target: Path, progress: Progress) -> None:
    """Download into `part_of(target)`, from the byte on where an earlier download stopped.

    The caller checks the part and moves it to `target`.

    Raises CorpusError where the host cannot be reached or refuses, and where the disk is full.
    """
    import requests

    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        # Without compression on the way, so that bytes count as they lie in the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:  # nothing left to send: the part is whole, or of something else
                return
            response.raise_for_status()
            resumes = response.status_code == 206 and _first_byte(response) == have
            _write(response, part, have if resumes else 0, target.name, progress)
    except requests.RequestException as error:
        raise CorpusError(_unreachable(url, target, error)) from error
    except OSError as error:
        raise CorpusError(f"cannot write {part}: {error.strerror or error}") from error


def _write(response: requests.Response, part: Path, have: int, name: str, progress: Progress) -> None:
    total = have + int(response.headers.get("Content-Length", 0))
    with part.open("ab" if have else "wb") as file:
        progress(f"fetching {name}", have, total)
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            have += len(chunk)
            progress(f"fetching {name}", have, max(have, total))


def _first_byte(response: requests.Response) -> int:
    """Where the body begins, from `Content-Range: bytes 100-199/200`; -1 where the host does not say."""
    first = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdecimal() else -1


def _unreachable(url: str, target: Path, error: requests.RequestException) -> str:
    response = error.response
    reason = f"HTTP status {response.status_code}" if response is not None else type(error).__name__
    return (
        f"cannot download {url} ({reason}). Run it again to go on where it stopped; or put the file at {target}, "
        f"or set PROBEKIT_MIRROR to a folder or address that has OWNER/REPO/COMMIT/PATH"
    )


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time download into a folder; the others wait. The lock goes with the process.

    Where the system has no such locks (Windows, some network disks), two processes may write the same part; its
    checksum then fails, and it is fetched again.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise CorpusError(f"cannot write into {folder}: {error.strerror or error}") from error
    with lock:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
