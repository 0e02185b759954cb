"""The store: damaged, foreign, misplaced and unreadable files are never read as states, and no
temporary file stays."""

from __future__ import annotations

import errno
import json
import os
import random
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from probekit import cache, whole
from probekit.cli import app
from probekit.errors import ProbekitError, StoreError
from probekit.states import entries as listed
from probekit.states.shard import Shard, matches_itself
from probekit.states.store import MANIFEST, Store, open_store
from probekit.states.store_names import add_names
from tests.made import file_of, folder_of
from tests.processes import begin

WORDS, DIM = 6, 4
SHARD = Shard("train", 0, 0, WORDS)


def made(name: str = "a", layers: int = 2) -> Store:
    """A store of one shard; values tell the layers apart."""
    manifest = {
        "corpus": {"name": name, "text": "t"},
        "context": "sentence",
        "model": {"weights": "w" * 32},
    }
    manifest |= {
        "layers": {"site": "residual"},
        "subwords": "mean",
        "computed_in": "float32",
        "dtype": "float16",
    }
    store = open_store(manifest, DIM, "float16")
    add_names(store.place, "model", name)
    for layer in range(layers):
        store.write(SHARD, layer, values(layer), [1, 3])
    return store


def values(layer: int) -> np.ndarray:
    return np.full((WORDS, DIM), layer + 0.5, dtype=np.float16)


def run(*arguments: str) -> tuple[int, str]:
    """Exit status of a cache command and what it prints; an exception that is no ProbekitError
    fails the test."""
    result = CliRunner().invoke(app, ["cache", *arguments])
    if isinstance(result.exception, ProbekitError):
        return 2, str(result.exception)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def keys() -> list[str]:
    return [row["key"] for row in json.loads(run("--json")[1])]


def test_values_come_back_and_others_can_read_them() -> None:
    store = made()
    path = file_of(store, SHARD, 1)
    assert np.array_equal(load_file(path)["states"], values(1))
    header = store.header(SHARD, 1)
    assert header is not None and header.no_subword == (1, 3) and header.begin % 8 == 0
    out = np.empty((2, DIM), dtype=np.float16)
    store.read_into(out, SHARD, 1, 3, 5)
    assert np.array_equal(out, values(1)[3:5])
    old = os.umask(0o027)
    try:
        store.write(SHARD, 1, values(1), [])
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640, "the mode is what the umask leaves"


def test_every_flipped_bit_of_header_and_values_is_noticed() -> None:
    store = made(layers=1)
    path = file_of(store, SHARD, 0)
    content = path.read_bytes()
    name = path.name
    with path.open("r+b", buffering=0) as file, store.place.open(name) as opened:
        for bit in range(8 * len(content)):
            at = bit // 8
            os.pwrite(file.fileno(), bytes([content[at] ^ (1 << bit % 8)]), at)
            assert not matches_itself(store.place.name, name, opened), (
                f"cache verify does not notice bit {bit}"
            )
            if bit % 7 == 0:
                assert not store.is_whole(SHARD, 0), f"bit {bit} is read as if it were right"
            os.pwrite(file.fileno(), content[at : at + 1], at)
    assert store.is_whole(SHARD, 0)


@pytest.mark.parametrize("size", [0, 1, 8, 9, 100, -1, -8])
def test_a_cut_file_is_noticed(size: int) -> None:
    store = made(layers=1)
    path = file_of(store, SHARD, 0)
    path.write_bytes(path.read_bytes()[:size])
    assert not store.is_whole(SHARD, 0) and store.header(SHARD, 0) is None


HEADERS = {
    "a list": [],
    "no tensor": {"__metadata__": {}},
    "null": {"states": None, "__metadata__": None},
    "texts": {"states": {"dtype": "F16", "shape": "66", "data_offsets": "x"}, "__metadata__": {}},
    "other type": {
        "states": {"dtype": [], "shape": [6, 4], "data_offsets": [0, 48]},
        "__metadata__": {},
    },
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_of_another_shape_is_noticed(header: Any) -> None:
    store = made(layers=1)
    text = json.dumps(header).encode()
    file_of(store, SHARD, 0).write_bytes(len(text).to_bytes(8, "little") + text + bytes(48))
    assert not store.is_whole(SHARD, 0)


def test_a_header_nested_deep_or_endless_is_noticed() -> None:
    store = made(layers=1)
    for text in (b"[" * 100_000, b'{"states": ' * 50_000):
        file_of(store, SHARD, 0).write_bytes(len(text).to_bytes(8, "little") + text)
        assert not store.is_whole(SHARD, 0)
    file_of(store, SHARD, 0).write_bytes((1 << 62).to_bytes(8, "little") + bytes(100))
    assert not store.is_whole(SHARD, 0)


def test_a_shard_in_the_place_of_another_is_noticed() -> None:
    store, other = made("a"), made("b")
    following = Shard("train", 1, WORDS, 2 * WORDS)
    for source, shard, layer in [
        (file_of(store, SHARD, 0), SHARD, 1),  # of another layer
        (file_of(store, SHARD, 0), following, 0),  # of another shard
        (file_of(store, SHARD, 0), Shard("dev", 0, 0, WORDS), 0),  # of another split
        (file_of(other, SHARD, 0), SHARD, 0),  # of another corpus
    ]:
        target = file_of(store, shard, layer)
        target.write_bytes(source.read_bytes())
        assert not store.is_whole(shard, layer)
    assert not store.is_whole(Shard("train", 0, 0, WORDS - 1), 1)  # of another number of words


@pytest.mark.slow
def test_a_damaged_manifest_hides_nothing_and_is_written_again() -> None:
    store, other = made("a"), made("b")
    manifest = folder_of(store) / MANIFEST
    whole_text = manifest.read_bytes()
    draw = random.Random(0)
    damaged = [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"format": 3, "corpus": 3}']
    for _ in range(20):
        at = draw.randrange(len(whole_text))
        damaged.append(
            whole_text[:at]
            + bytes([whole_text[at] ^ (1 << draw.randrange(8))])
            + whole_text[at + 1 :]
        )
    for text in damaged:
        manifest.write_bytes(text)
        status, out = run("--json")
        rows = {row["key"]: row for row in json.loads(out)}
        assert status == 0 and rows[folder_of(other).name]["corpus"] == "b"
        assert rows[folder_of(store).name]["problem"] and not rows[folder_of(other).name]["problem"]
        assert run("verify")[0] == 1
    made("a")
    assert manifest.read_bytes() == whole_text and run("verify")[0] == 0


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def a_folder_for_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).mkdir()


def a_dangling_shard(folder: Path) -> None:
    path = next(folder.glob("*.safetensors"))
    path.unlink()
    path.symlink_to("nowhere")


def a_link_to_itself(folder: Path) -> None:
    path = next(folder.glob("*.safetensors"))
    path.unlink()
    path.symlink_to(path.name)


def of_an_earlier_version(folder: Path) -> None:
    (folder / MANIFEST).write_text('{"format": 1, "corpus": {"name": "old"}}')


def a_damaged_shard(folder: Path) -> None:
    next(folder.glob("*.safetensors")).write_bytes(b"x")


HARM: dict[str, Callable[[Path], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        no_manifest,
        a_folder_for_manifest,
        a_dangling_shard,
        a_link_to_itself,
        of_an_earlier_version,
    )
}
HARM["a damaged shard"] = a_damaged_shard


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_cache_goes_on_lists_and_deletes_what_is_damaged(harm: Callable[[Path], None]) -> None:
    store, other = made("a"), made("b")
    harm(folder_of(store))
    assert set(keys()) == {folder_of(store).name, folder_of(other).name}
    status, out = run("verify")
    assert status == 1 and str(folder_of(store)) in out and str(folder_of(other)) not in out
    assert run("prune", folder_of(store).name)[0] == 0
    assert keys() == [folder_of(other).name] and other.is_whole(SHARD, 0)


def test_what_is_unreadable_is_not_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = made("a"), made("b")

    def denied(path: Any, *how: Any, real: Any = os.open, **more: Any) -> int:
        if str(folder_of(store)) in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return int(real(path, *how, **more))

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(StoreError, match=r"cannot read .*permission denied.*PROBEKIT_CACHE"):
        store.is_whole(SHARD, 0)
    assert set(keys()) == {folder_of(store).name, folder_of(other).name}
    status, out = run("verify")
    assert status == 1 and "unreadable" in out and str(folder_of(other)) not in out


@pytest.mark.parametrize(
    "owner, shared, believed", [(0, "", True), (4242, "", True), (17, "", False), (17, "yes", True)]
)
def test_files_of_other_users_are_believed_in_a_shared_cache_only(
    owner: int, shared: str, believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made()
    monkeypatch.setenv("PROBEKIT_CACHE_SHARED", shared)
    monkeypatch.setattr(os, "getuid", lambda: 4242)

    def owned(file: int, real: Any = os.fstat) -> os.stat_result:
        found = list(real(file))
        found[4] = owner
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", owned)
    if believed:
        assert store.is_whole(SHARD, 0)
        return
    with pytest.raises(StoreError, match="belongs to another user: set PROBEKIT_CACHE_SHARED=yes"):
        store.is_whole(SHARD, 0)


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    store = made()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("mine")
    path = file_of(store, SHARD, 0)
    whole.part_of(path).symlink_to(victim / "file")
    store.write(SHARD, 0, values(0), [])
    assert store.is_whole(SHARD, 0) and (victim / "file").read_text() == "mine"
    path.unlink()
    path.symlink_to(file_of(store, SHARD, 1))
    assert not store.is_whole(SHARD, 0)
    run("prune", "--all")
    folder_of(store).symlink_to(victim)
    with pytest.raises(StoreError, match="is a link"):
        made()
    assert run("prune", "--all")[0] == 0
    assert [entry.name for entry in victim.iterdir()] == ["file"] and not folder_of(
        store
    ).is_symlink()


def test_what_killed_runs_left_is_removed(own_cache: Path) -> None:
    store = made()
    left = [
        folder_of(store) / f".{MANIFEST}.{socket.gethostname()}-999999999.part",
        own_cache / "states" / f".{folder_of(store).name}.{socket.gethostname()}-999999999.part",
        folder_of(store) / ".tmpAbC123",
    ]
    living = whole.part_of(file_of(store, SHARD, 0))
    for path in (*left, living):
        path.touch()
        os.utime(path, (0, 0))
    assert run()[0] == 0
    assert not any(path.exists() for path in left) and living.exists()


@pytest.mark.parametrize(
    "arguments, status",
    [([""], 2), (["K", "K"], 0), (["nothing"], 2), (["K", "nothing"], 2), ([], 2)],
)
def test_prune_takes_what_is_meant(arguments: list[str], status: int) -> None:
    store = made()
    found, out = run(
        "prune", *(argument.replace("K", folder_of(store).name) for argument in arguments)
    )
    assert found == status, out
    assert folder_of(store).exists() == (status == 2)


@pytest.mark.parametrize(
    "code, message", [(errno.EROFS, "the disk is read-only"), (errno.EACCES, "permission denied")]
)
def test_prune_where_nothing_can_be_deleted(
    code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()

    def refuse(self: Path, *_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "rename", refuse)
    status, out = run("prune", "--all")
    assert status == 2 and message in out and "Free some space" not in out


FAILURES = [
    (errno.ENOSPC, "the disk is full; free some space"),
    (errno.EDQUOT, "quota is used up; free some space"),
    (errno.EACCES, "permission denied; set PROBEKIT_CACHE"),
    (errno.EROFS, "the disk is read-only; set PROBEKIT_CACHE"),
    (errno.ENAMETOOLONG, "the name is too long"),
]


@pytest.mark.parametrize("code, message", FAILURES)
def test_a_failed_write_says_why_and_leaves_what_was_there(
    code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made()
    before = {path: path.read_bytes() for path in folder_of(store).iterdir()}

    def refuse(path: Path) -> Any:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(whole, "create", refuse)
    with pytest.raises(StoreError, match=message):
        store.write(SHARD, 0, values(3), [])
    assert {path: path.read_bytes() for path in folder_of(store).iterdir()} == before


@pytest.mark.parametrize("place", ["", "states", "states/KEY"])
def test_a_file_where_the_cache_should_be(place: str, own_cache: Path) -> None:
    store = made()
    path = own_cache / place.replace("KEY", folder_of(store).name)
    run("prune", "--all")
    while own_cache.exists() and path != own_cache and not path.parent.exists():
        path.parent.mkdir(parents=True)
    if path.is_dir():
        for child in sorted(path.rglob("*"), reverse=True):
            child.rmdir()
        path.rmdir()
    path.write_text("in the way")
    with pytest.raises(StoreError, match="a file"):
        made()
    if place != "states/KEY":
        assert run()[0] == 2


def test_an_unknown_user_in_the_name_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_CACHE", "~nosuchuser/cache")
    assert cache.root() == Path("~nosuchuser/cache")


@pytest.mark.slow
def test_cache_while_stores_come_and_go() -> None:
    made("stays")
    stop = threading.Event()
    failed: list[BaseException] = []

    def come_and_go(number: int) -> None:
        while not stop.is_set():
            try:
                made(f"goes {number}")
                for entry in listed.entries():
                    if entry.manifest.get("corpus", {}).get("name") != "stays":
                        entry.remove()
            except BaseException as error:
                failed.append(error)
                return

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            assert "stays" in [row["corpus"] for row in json.loads(run("--json")[1])]
            run("verify")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failed, failed


def test_killed_writers_leave_whole_shards_and_no_litter() -> None:
    store = made()
    code = (
        "from tests.states.test_store import made, values, SHARD\n"
        "store = made(); print('begun', flush=True)\n"
        "while True: store.write(SHARD, 0, values(0), [])"
    )
    for _ in range(2):
        running = begin(code)
        assert running.stdout.readline() == "begun\n"
        running.kill()
        assert store.is_whole(SHARD, 0)
    made()
    assert not list(folder_of(store).glob(".*"))
