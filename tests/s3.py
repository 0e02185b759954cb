"""A server on this machine that speaks S3 (moto), and what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import fsspec
import pytest
import requests
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from probekit.places import remote

KEY, SECRET = "AKIAPROBEKITTESTKEY0", "probekit/Secret+Of/These+Tests/0123456789"
BUCKET = "bucket"
URL = f"s3://{BUCKET}/of me/states"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Request(NamedTuple):
    """A request to the server.

    Attributes:
        method: such as `GET`.
        path: `/BUCKET/KEY`.
        range: the bytes that were wanted; empty for all.
    """

    method: str
    path: str
    range: str


class _Silent(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


class Server:
    """The server.

    Attributes:
        address: its URL.
        requests: what it was asked.
        denies: whether it refuses all credentials.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.denies = self._was_forgotten = False
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=_Silent
        )
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        wanted = environ.get("HTTP_RANGE", "")
        self.requests.append(Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], wanted))
        if self.denies:
            about = [("Content-Type", "application/xml"), ("Content-Length", str(len(DENIED)))]
            start("403 Forbidden", about)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [DENIED]
        found: Iterable[bytes] = self._app(environ, start)
        return found

    def written(self) -> list[str]:
        """The names of files of states that were written, in order."""
        paths = [one.path for one in self.requests if one.method == "PUT"]
        return [path.rpartition("/")[2] for path in paths if path.endswith(".safetensors")]

    def environment(self) -> dict[str, str]:
        """The variables of a process that uses it."""
        return {
            "PROBEKIT_STATES": URL,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }

    def forget(self) -> None:
        """Let this process look for address and credentials again, now and after the test."""
        remote._file_system.cache_clear()
        self._was_forgotten = True

    def begin(self) -> None:
        """An empty bucket, and no requests yet."""
        self._was_forgotten, self.denies = False, False
        requests.post(f"{self.address}/moto-api/reset", timeout=60).raise_for_status()
        everything().mkdir(BUCKET)
        self.requests.clear()

    def end(self) -> None:
        """Let tests after this one begin as it did."""
        if self._was_forgotten:
            remote._file_system.cache_clear()


@cache
def _started() -> Server:
    """One server for all tests of a process: it takes a while to import."""
    return Server()


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server with an empty bucket, which this process uses in the block."""
    server = _started()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    server.begin()
    try:
        yield server
    finally:
        server.end()


def everything() -> Any:
    """The file system of the server."""
    return remote.file_system(URL)


def objects() -> dict[str, bytes]:
    """All files behind the URL, by their names in it."""
    files = everything()
    root = URL.removeprefix("s3://")
    return {path.removeprefix(f"{root}/"): files.cat_file(path) for path in files.find(root)}


def in_memory() -> fsspec.AbstractFileSystem:
    """The file system of memory:// URLs, empty."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    return files
