"""Fetching, against a server on this machine: whole, resumed, refused, changed, two at once."""

from __future__ import annotations

import errno
import hashlib
import io
import multiprocessing
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
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


Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Serves CONTENT under any path; counts and misbehaves as set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.ranges = True  # understands Range
        self.breaks_after: int | None = None  # hangs up after so many bytes, once
        self.status = 200
        self.requests: list[tuple[str, str]] = []  # path and Range of every request
        self.answer: Answer | None = None  # in place of all this

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append((self.path, wanted))
        if self.server.answer:
            with suppress(OSError):  # the client has heard enough
                self.server.answer(self)
            return
        body, status = self.server.content, self.server.status
        start = (
            int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        )
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


def card(size: int = 0, **source: str) -> Card:
    checksum = source or {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    sources = (Source("own/repo", COMMIT, "deep/a.conllu", bytes=size, **checksum),)
    return Card("c", "t", "l", "conllu", ("upos",), Path("c.toml"), sources=sources)


def target() -> Path:
    return data_folder() / f"own/repo/{COMMIT}/deep/a.conllu"


def test_downloads_once_verified_and_reports(server: Server) -> None:
    seen: list[tuple[str, int, int]] = []
    assert not on_disk(card())
    fetched = fetch(card(), progress=lambda *step: seen.append(step))
    assert list(fetched.paths.values()) == [target()] and target().read_bytes() == CONTENT
    assert server.requests == [(f"/own/repo/{COMMIT}/deep/a.conllu", "")]
    assert seen[0] == ("fetching a.conllu", 0, len(CONTENT)) and seen[-1][1:] == (len(CONTENT),) * 2
    fetch(card())
    assert len(server.requests) == 1 and on_disk(card()) and not fetched.modified
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
    assert server.requests[1][1] == f"bytes={have}-" and target().read_bytes() == CONTENT


@pytest.mark.parametrize("have", [1000, len(CONTENT)])
def test_server_that_ignores_ranges(server: Server, have: int) -> None:
    part_of(target()).parent.mkdir(parents=True)
    part_of(target()).write_bytes(CONTENT[:have])
    server.ranges = False
    fetch(card())
    assert target().read_bytes() == CONTENT and len(server.requests) == 1


@pytest.mark.parametrize("stale", [b"x" * 1000, CONTENT, CONTENT + b"x", b"y" * len(CONTENT)])
def test_a_part_that_is_whole_or_of_something_else(server: Server, stale: bytes) -> None:
    part_of(target()).parent.mkdir(parents=True)
    part_of(target()).write_bytes(stale)
    fetch(card())
    assert target().read_bytes() == CONTENT


def test_changed_file_is_an_error_unless_allowed(server: Server) -> None:
    server.content = b"changed"
    with pytest.raises(
        CorpusError, match=r"a\.conllu differs.*sha256 is .*expected .*allow_modified=True"
    ):
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
    assert (
        "ConnectionError" in message and str(target()) in message and "PROBEKIT_MIRROR" in message
    )
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
    with pytest.raises(
        CorpusError, match=r"cannot write .*a\.conllu\.part: the disk is full; free some"
    ):
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
    assert len(server.requests) == 1


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


def respond(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 200)
    while True:
        handler.wfile.write(CONTENT)


def drips(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 200, Content_Length=str(len(CONTENT)))
    for _ in range(200):
        handler.wfile.write(b"x")
        time.sleep(0.05)


def says_too_much(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 200, Content_Length=str(10**12))
    handler.wfile.write(CONTENT)


def a_page(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 200, Content_Type="text/html")
    handler.wfile.write(b"\n<!DOCTYPE HTML><title>Please log in</title>")


def redirects_to(place: str) -> Answer:
    return lambda handler: respond(handler, 302, Location=place)


def nothing_left(handler: BaseHTTPRequestHandler) -> None:
    respond(handler, 416)


def refuses(status: int) -> Answer:
    return lambda handler: respond(handler, status)


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"nonsense\r\n\r\n")


AGAIN = "Run it again to go on where it stopped"
ANSWERS: dict[str, tuple[Answer, str, bool]] = {
    "endless": (endless, f"sends more than the {2 * len(CONTENT):,} bytes", False),
    "says too much": (says_too_much, "sends more than the", False),
    "drips": (drips, "sends less than 1,024 bytes per second", True),
    "page": (a_page, "is a web page, not the file", False),
    "malformed address": (redirects_to("http://[::1"), "cannot download", False),
    "address without a host": (redirects_to("http://"), "cannot download", False),
    "address of another kind": (redirects_to("ftp://a/b"), "cannot download", False),
    "address with a bad port": (
        redirects_to("http://localhost:99999999/"),
        "cannot download",
        False,
    ),
    "address that is too long": (
        redirects_to("http://" + "a" * 300 + "/"),
        "cannot download",
        False,
    ),
    "address to itself": (redirects_to("/a"), "cannot download", False),
    "no address": (redirects_to(""), "HTTP status 302", False),
    "nothing": (refuses(204), "HTTP status 204", True),
    "416": (nothing_left, "HTTP status 416", False),
    "404": (refuses(404), "HTTP status 404", False),
    "403": (refuses(403), "HTTP status 403", False),
    "429": (refuses(429), "HTTP status 429", True),
    "503": (refuses(503), "HTTP status 503", True),
    "no HTTP": (hangs_up, "cannot download", True),
}
"""What a host may answer, the message about it, and whether it advises to try again."""


@pytest.mark.parametrize("resumed", [False, True], ids=["new", "resumed"])
@pytest.mark.parametrize("answer, message, again", ANSWERS.values(), ids=ANSWERS)
def test_odd_answers_are_an_error_in_a_line(
    answer: Answer,
    message: str,
    again: bool,
    resumed: bool,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("probekit.corpora.download.WINDOW", 0.2)
    monkeypatch.setattr("probekit.corpora.download.SLOWEST", 1024)
    server.answer = answer
    if resumed:
        part_of(target()).parent.mkdir(parents=True)
        part_of(target()).write_bytes(CONTENT[:1000])
    started = time.monotonic()
    monkeypatch.setenv("PROBEKIT_MIRROR", server.url.replace("//", "//name:secret@"))
    with pytest.raises(CorpusError, match=message) as error:
        fetch(card(2 * len(CONTENT)))
    message = str(error.value)
    assert (
        (AGAIN in message) == again
        and "secret" not in message
        and "--allow-modified" not in message
    )
    if "sends more than" in message:
        assert not part_of(target()).exists()
    assert "\n" not in message and not target().exists() and time.monotonic() - started < 5
    server.answer = None
    fetch(card())
    assert target().read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["abc", "-5", "1e3", "٣", "9" * 5000, ""])
def test_an_odd_length_is_no_length(length: str, server: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(
            b"HTTP/1.0 200 OK\r\nContent-Length: " + length.encode() + b"\r\n\r\n" + CONTENT
        )

    server.answer = answer
    try:
        fetch(card())
    except CorpusError as error:
        assert "\n" not in str(error)


def test_a_page_is_not_accepted_as_a_modified_file(server: Server) -> None:
    server.answer = a_page
    with pytest.raises(CorpusError, match="is a web page"):
        fetch(card(), allow_modified=True)
    assert not target().exists()


def test_a_mirror_that_is_neither_folder_nor_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_MIRROR", "ftp://name:secret@host/place")
    with pytest.raises(
        CorpusError, match=r"a folder or an http\(s\) address, not ftp://host/place"
    ):
        fetch(card())
    monkeypatch.setenv("PROBEKIT_MIRROR", "~nosuchuser/mirror")
    with pytest.raises(CorpusError, match="has no own/repo"):
        fetch(card())


def plant_link(victim: Path) -> None:
    part_of(target()).symlink_to(victim)


def plant_hard_link(victim: Path) -> None:
    part_of(target()).hardlink_to(victim)


def plant_lock(victim: Path) -> None:
    (data_folder() / ".lock").symlink_to(victim)


def plant_folder(victim: Path) -> None:
    target().parent.rmdir()
    target().parent.symlink_to(victim.parent)


@pytest.mark.parametrize("plant", [plant_link, plant_hard_link, plant_lock, plant_folder])
def test_planted_links_do_not_reach_the_victim(
    plant: Callable[[Path], None], server: Server, tmp_path: Path
) -> None:
    victim = tmp_path / "home/victim"
    victim.parent.mkdir()
    victim.write_text("mine")
    target().parent.mkdir(parents=True)
    plant(victim)
    try:
        fetch(card())
    except CorpusError as error:
        assert "link" in str(error)
    assert victim.read_text() == "mine" and list(victim.parent.iterdir()) == [victim]
