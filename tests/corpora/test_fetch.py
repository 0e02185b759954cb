"""Fetching, against a server on this machine: whole, resumed, refused, changed, two at once."""

from __future__ import annotations

import errno
import hashlib
import io
import multiprocessing
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from probekit.corpora.card import Card, Source
from probekit.corpora.checksum import digest_members
from probekit.corpora.download import part_of
from probekit.corpora.fetch import data_folder, fetch, on_disk
from probekit.errors import CorpusError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
COMMIT = "c" * 40


class Server(ThreadingHTTPServer):
    """Serves CONTENT under any path; counts and misbehaves as told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True  # understands Range
        self.breaks_after: int | None = None  # hangs up after so many bytes, once
        self.status = 200
        self.asked: list[tuple[str, str]] = []  # path and Range of every request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        body, status = self.server.content, self.server.status
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start and start >= len(body):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop, self.server.breaks_after = self.server.breaks_after, None
        self.wfile.write(body[start:stop] if stop else body[start:])

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("PROBEKIT_MIRROR", running.url)
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def card(**source: str) -> Card:
    checksum = source or {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    sources = (Source("own/repo", COMMIT, "deep/a.conllu", **checksum),)
    return Card("c", "t", "l", "conllu", ("upos",), Path("c.toml"), sources=sources)


def target() -> Path:
    return data_folder() / f"own/repo/{COMMIT}/deep/a.conllu"


def test_downloads_once_verified_and_reports(server: Server) -> None:
    seen: list[tuple[str, int, int]] = []
    assert not on_disk(card())
    fetched = fetch(card(), progress=lambda *step: seen.append(step))
    assert list(fetched.paths.values()) == [target()] and target().read_bytes() == CONTENT
    assert server.asked == [(f"/own/repo/{COMMIT}/deep/a.conllu", "")]
    assert seen[0] == ("fetching a.conllu", 0, len(CONTENT)) and seen[-1][1:] == (len(CONTENT),) * 2
    fetch(card())
    assert len(server.asked) == 1 and on_disk(card()) and not fetched.modified
    assert not part_of(target()).exists()


def test_git_blob_by_its_first_digits(server: Server) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()
    assert not fetch(card(git_blob=blob[:8])).modified
    with pytest.raises(CorpusError, match=f"git blob is {blob[:12]}…, expected 0000"):
        fetch(card(git_blob="0000"))


def test_broken_download_resumes(server: Server) -> None:
    server.breaks_after = 400_000
    with pytest.raises(CorpusError, match="Run it again to go on where it stopped"):
        fetch(card())
    have = part_of(target()).stat().st_size
    assert 0 < have <= 400_000 and not target().exists()
    fetch(card())
    assert server.asked[1][1] == f"bytes={have}-" and target().read_bytes() == CONTENT


@pytest.mark.parametrize("have", [1000, len(CONTENT)])
def test_server_that_ignores_ranges(server: Server, have: int) -> None:
    part_of(target()).parent.mkdir(parents=True)
    part_of(target()).write_bytes(CONTENT[:have])
    server.ranges = False
    fetch(card())
    assert target().read_bytes() == CONTENT and len(server.asked) == 1


@pytest.mark.parametrize("stale", [b"x" * 1000, CONTENT, CONTENT + b"x", b"y" * len(CONTENT)])
def test_a_part_that_is_whole_or_of_something_else(server: Server, stale: bytes) -> None:
    part_of(target()).parent.mkdir(parents=True)
    part_of(target()).write_bytes(stale)
    fetch(card())
    assert target().read_bytes() == CONTENT


def test_changed_file_is_an_error_unless_allowed(server: Server) -> None:
    server.content = b"changed"
    with pytest.raises(CorpusError, match=r"a\.conllu differs.*sha256 is .*expected .*allow_modified=True"):
        fetch(card())
    assert not target().exists() and not part_of(target()).exists()
    assert fetch(card(), allow_modified=True).modified == ("a.conllu",)
    with pytest.raises(CorpusError, match="Delete it to fetch it again"):
        fetch(card())


def test_refused_and_unreachable(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.status = 404
    with pytest.raises(CorpusError, match="HTTP status 404"):
        fetch(card())
    assert not part_of(target()).exists()
    monkeypatch.setenv("PROBEKIT_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(CorpusError) as error:
        fetch(card())
    message = str(error.value)
    assert "ConnectionError" in message and str(target()) in message and "PROBEKIT_MIRROR" in message
    assert "\n" not in message


def test_unwritable_folder(server: Server, own_cache: Path) -> None:
    own_cache.mkdir()
    (own_cache / "corpora").write_text("in the way")
    with pytest.raises(CorpusError, match="cannot write into"):
        fetch(card())


def test_full_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("probekit.corpora.download._write", full)
    with pytest.raises(CorpusError, match=r"cannot write .*a\.conllu\.part: No space left on device"):
        fetch(card())


def test_folder_mirror_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(CorpusError, match=r"PROBEKIT_MIRROR .* has no own/repo/c+/deep/a\.conllu"):
        fetch(card())
    place = tmp_path / f"mirror/own/repo/{COMMIT}/deep/a.conllu"
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    assert list(fetch(card()).paths.values()) == [place] and not data_folder().exists()
    place.write_bytes(b"changed")
    with pytest.raises(CorpusError, match=r"differs.*\. Accept it with allow_modified=True"):
        fetch(card())


def _fetch_in_a_process(_: int) -> bool:
    return next(iter(fetch(card()).paths.values())).read_bytes() == CONTENT


def test_two_processes_at_once(server: Server) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_fetch_in_a_process, range(4), chunksize=1) == [True] * 4
    assert len(server.asked) == 1


def test_archive_is_checked_by_its_members(server: Server) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("repo-main/data/x.skel")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    server.content = packed.getvalue()
    members = {"data/x.skel": b"abc"}
    source = Source("own/repo", COMMIT, members="data/*.skel", sha256=digest_members(members))
    whole = Card("c", "t", "l", "conllu", (), Path("c.toml"), sources=(source,))
    assert fetch(whole).members == members
    assert (data_folder() / f"own/repo/{COMMIT}.tar.gz").is_file()
    assert source.url == f"https://github.com/own/repo/archive/{COMMIT}.tar.gz"
