"""Places: a folder, memory and S3 do the same."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.registry import _registry as known_classes

from probekit.errors import InputError, StoreError
from probekit.places import remote
from probekit.places.local import LocalPlace
from probekit.places.place import Place, read
from probekit.places.remote import RANGE, RemotePlace
from probekit.places.states import place_of_states
from tests import s3

KINDS = ["a folder", "file", "memory", "s3"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Server]:
    with s3.serving(monkeypatch) as started:
        yield started


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty place of each kind, as PROBEKIT_STATES names it."""
    urls = {
        "a folder": str(tmp_path / "states"),
        "file": f"file://{tmp_path}/states",
        "memory": "memory://of me/states/",
        "s3": s3.URL,
    }
    if request.param == "s3":
        request.getfixturevalue("server")
    s3.in_memory()
    monkeypatch.setenv("PROBEKIT_STATES", urls[request.param])
    return place_of_states()


def test_what_was_put_is_listed_read_and_deleted(place: Place) -> None:
    inner = place.inside("abc")
    assert (place.name, inner.name) == ("states", "abc")
    assert place.listing() == inner.listing() == [] and not inner.at("x").exists()
    with pytest.raises(FileNotFoundError):
        read(inner, "x", 9)
    inner.put("x", b"first")
    inner.put("x", b"hello ", memoryview(b"world"))
    place.put("beside", b"")
    assert str(inner.at("x")) == f"{place}/abc/x" and inner.at("x").exists()
    assert read(inner, "x", 99) == b"hello world" and read(inner, "x", 2) == b"he"
    (listed,) = inner.listing()
    assert (listed.name, listed.is_folder, listed.size) == ("x", False, 11) and listed.written > 0
    kinds = {one.name: one.is_folder for one in place.listing()}
    assert kinds == {"abc": True, "beside": False}
    inner.put("y", b"1")
    inner.delete("y")
    inner.delete("y")
    assert not inner.at("y").exists()
    inner.check()
    inner.tidy()
    inner.remove()
    inner.remove()
    assert inner.listing() == [] and [one.name for one in place.listing()] == ["beside"]


def test_a_part_is_read_where_it_is(place: Place) -> None:
    content = bytes(range(256)) * (RANGE // 256) * 2 + b"the end"
    place.put("x", content)
    into = bytearray(RANGE + 10)
    with place.open("x") as file:
        assert file.size() == len(content)
        assert file.read_into(memoryview(into), 7) == len(into)
        assert into == content[7 : 7 + len(into)]
        rest = memoryview(into)[:20]
        assert file.read_into(rest, len(content) - 5) == 5 and rest[:5] == b"e end"[-5:]


def test_whoever_reads_meanwhile_sees_a_whole_file(place: Place) -> None:
    """Two writers and a reader."""
    whole = [bytes([i]) * 200_000 for i in (1, 2)]
    place.put("x", whole[0])
    failed: list[BaseException] = []

    def write(content: bytes) -> None:
        try:
            for _ in range(8):
                place.put("x", content)
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(content,)) for content in whole]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert read(place, "x", 1 << 20) in whole
    assert not failed, failed
    assert len(place.listing()) == 1


@pytest.mark.parametrize(
    "url, message",
    [
        (f"s3://{s3.KEY}:{s3.SECRET}@bucket/states", "takes a plain URL"),
        ("s3://bucket/states?versionId=1", "takes a plain URL"),
        ("simplecache::s3://bucket/states", "takes a plain URL"),
        ("s3://", "names no bucket"),
        ("s3:///", "names no bucket"),
    ],
)
def test_a_url_of_another_form_is_refused(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEKIT_STATES", url)
    with pytest.raises(InputError, match=message) as refused:
        place_of_states()
    assert s3.SECRET not in str(refused.value) and "\n" not in str(refused.value)


def test_a_kind_of_url_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_STATES", "s4://bucket/states")
    with pytest.raises(InputError, match="unknown kind of URL 's4': did you mean 's3'"):
        place_of_states().listing()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "s3fs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(known_classes, "s3", raising=False)
    remote._file_system.cache_clear()
    with pytest.raises(InputError, match=r"missing: .*pip install 'probekit-nlp\[s3\]'"):
        RemotePlace("s3://bucket/states").listing()


def test_without_a_choice_it_is_the_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_of_states() == LocalPlace(own_cache / "states")
    monkeypatch.setenv("PROBEKIT_STATES", "~/states")
    assert place_of_states() == LocalPlace(Path.home() / "states", "PROBEKIT_STATES")


def test_denied_and_unreachable_are_told_apart(
    server: s3.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_of_states()
    server.denies = True
    for act in (place.listing, lambda: place.put("x", b""), lambda: read(place, "x", 1)):
        with pytest.raises(StoreError, match=r"(Access Denied|Forbidden); set credentials"):
            act()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    server.forget()
    with pytest.raises(StoreError, match=r"cannot write .*127\.0\.0\.1:9.*the network"):
        place.put("x", b"")


def test_a_message_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(f"no answer from https://{s3.KEY}:{s3.SECRET}@example.org/x")

    place = RemotePlace("memory://states")
    monkeypatch.setattr(s3.in_memory().__class__, "pipe_file", fail)
    with pytest.raises(StoreError, match=r"no answer from https://example\.org/x; check") as failed:
        place.put("x", b"")
    assert s3.SECRET not in str(failed.value)


@pytest.mark.parametrize("form", ["absolute", "relative", "~", "file"])
def test_a_folder_that_cannot_be_written_names_the_variable_that_chose_it(
    form: str, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "taken").write_text("a file")
    chosen = {
        "absolute": str(tmp_path / "taken"),
        "relative": "taken",
        "~": "~/taken",
        "file": f"file://{tmp_path / 'taken'}",
    }
    monkeypatch.setenv("PROBEKIT_STATES", chosen[form])
    with pytest.raises(StoreError, match="or set PROBEKIT_STATES to a folder"):
        place_of_states().inside("key").put("a.bin", b"1")
    monkeypatch.delenv("PROBEKIT_STATES")
    (own_cache / "states").parent.mkdir(parents=True, exist_ok=True)
    (own_cache / "states").write_text("a file")
    with pytest.raises(StoreError, match="or set PROBEKIT_CACHE to a folder"):
        place_of_states().inside("key").put("a.bin", b"1")
