"""Remote place: what a URL of fsspec names, such as a bucket of S3.

Stores of objects (S3, Google Cloud, Azure) show an object when all of it has arrived, so that none
is written under another name first. Nobody waits for another: who writes last wins, and all write
the same. Credentials are those that the file system finds by itself (environment, profile, role of
the machine). They are in no URL, and so in no result, message or pickle.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from probekit.errors import InputError, StoreError, first_line, unknown
from probekit.places.place import Listed

RANGE = 1 << 23  # bytes of one request; several run at once
AT_ONCE = 1 << 26  # bytes
_USER = re.compile(r"//[^@\s]*@")  # a secret of S3 may have slashes


@dataclass(frozen=True)
class RemotePlace:
    """A folder behind a URL: see `Place`.

    Attributes:
        url: the URL, without credentials and without a slash at its end.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """See `Place`."""
        return self.url.rpartition("/")[2]

    def inside(self, name: str) -> RemotePlace:
        """See `Place`."""
        return RemotePlace(f"{self.url}/{name}")

    def at(self, name: str) -> RemoteFile:
        """See `Place`."""
        return RemoteFile(f"{self.url}/{name}")

    def listing(self) -> list[Listed]:
        """See `Place`."""
        files = file_system(self.url)
        try:
            with _explained(f"cannot list {self.url}"):
                found = files.ls(_path(self.url), detail=True)
        except FileNotFoundError as error:
            if _lacks_bucket(error):
                raise StoreError(f"cannot list {self.url}: {_NO_BUCKET}") from error
            return []
        return [_listed(about) for about in found]

    @contextmanager
    def open(self, name: str) -> Iterator[RemoteFile]:
        """See `Place`. Nothing is sent until the file is read."""
        yield self.at(name)

    def put(self, name: str, *content: bytes | memoryview) -> None:
        """See `Place`."""
        url = f"{self.url}/{name}"
        try:
            with _explained(f"cannot write {url}"):
                file_system(url).pipe_file(_path(url), b"".join(content))
        except FileNotFoundError as error:
            raise StoreError(f"cannot write {url}: {_NO_BUCKET}") from error

    def delete(self, name: str) -> None:
        """See `Place`."""
        url = f"{self.url}/{name}"
        with suppress(FileNotFoundError), _explained(f"cannot delete {url}"):
            file_system(url).rm_file(_path(url))

    def remove(self) -> None:
        """See `Place`."""
        with suppress(FileNotFoundError), _explained(f"cannot delete {self.url}"):
            file_system(self.url).rm(_path(self.url), recursive=True)

    def check(self) -> None:
        """See `Place`. Who may write there is up to its owner."""

    def tidy(self) -> None:
        """See `Place`. What a killed run was writing never appears."""

    def free(self) -> int | None:
        """See `Place`."""
        return None


@dataclass(frozen=True)
class RemoteFile:
    """A file behind a URL: see `Opened` and `Located`."""

    url: str
    at_once = AT_ONCE

    def __str__(self) -> str:
        return self.url

    def exists(self) -> bool:
        """See `Located`."""
        try:
            self.size()
        except FileNotFoundError:
            return False
        return True

    def size(self) -> int:
        """See `Opened`."""
        with _explained(f"cannot read {self.url}"):
            return int(file_system(self.url).info(_path(self.url))["size"])

    def read_into(self, view: memoryview, begin: int) -> int:
        """See `Opened`."""
        end = begin + view.nbytes
        starts = list(range(begin, end, RANGE))
        ends = [min(start + RANGE, end) for start in starts]
        paths = [_path(self.url)] * len(starts)
        with _explained(f"cannot read {self.url}"):
            parts = file_system(self.url).cat_ranges(paths, starts, ends, on_error="raise")
        done = 0
        for part in parts:
            view[done : done + len(part)] = part
            done += len(part)
        return done


def file_system(url: str) -> Any:
    """The file system of a URL; one for all threads of a process.

    Raises InputError where nobody knows such URLs, or a package is missing.
    """
    return _file_system(url.partition("://")[0], os.getpid())


@cache
def _file_system(protocol: str, process: int) -> Any:
    import fsspec

    try:
        kind = fsspec.get_filesystem_class(protocol)
        with _explained(f"cannot use {protocol}://"):
            # Others write and delete there, too, so that what was listed before is not kept.
            return kind(use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        package = "'probekit-nlp[s3]'" if protocol in ("s3", "s3a") else "the package it names"
        raise InputError(
            first_line(f"PROBEKIT_STATES: {protocol}:// needs a package that is missing", error)
            + f" (pip install {package})"
        ) from error
    except ValueError as error:
        known = fsspec.available_protocols()
        raise InputError(f"PROBEKIT_STATES: {unknown('kind of URL', protocol, known)}") from error


def require_plain(url: str) -> None:
    """Raise InputError for a URL with credentials or options in it, and for one of no folder."""
    if any(sign in url for sign in ("@", "?", "#", "::")):
        raise InputError(
            "PROBEKIT_STATES takes a plain URL such as s3://BUCKET/FOLDER: credentials and options "
            "go where its file system looks for them (AWS_ACCESS_KEY_ID, AWS_PROFILE …)"
        )
    if not url.partition("://")[2].strip("/"):
        raise InputError(
            f"PROBEKIT_STATES: '{url}' names no bucket: give s3://BUCKET/FOLDER, for example"
        )


def _path(url: str) -> str:
    return str(file_system(url)._strip_protocol(url))


def _listed(about: dict[str, Any]) -> Listed:
    name = about["name"].rstrip("/").rpartition("/")[2]
    written = about.get("LastModified") or about.get("mtime") or about.get("created") or 0
    seconds = written.timestamp() if hasattr(written, "timestamp") else float(written)
    return Listed(name, about["type"] == "directory", int(about["size"] or 0), seconds)


_NO_BUCKET = "there is no such bucket: create it, or set PROBEKIT_STATES to one that exists"
_ACCESS = (
    "set credentials that may read and write there (AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY)"
)
_AGAIN = "check its address (AWS_ENDPOINT_URL) and the network; what is finished is kept"


def _lacks_bucket(error: FileNotFoundError) -> bool:
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Raise StoreError for whatever goes wrong but for a missing file.

    Every file system has errors of its own, and they have no class in common.
    """
    try:
        yield
    except (FileNotFoundError, ImportError, InputError, StoreError):
        raise
    except Exception as error:
        text = _USER.sub("//", first_line(what, error))[:400]
        is_access = isinstance(error, PermissionError) or "redential" in text
        remedy = _ACCESS if is_access else _AGAIN
        raise StoreError(f"{text}; {remedy}") from error
