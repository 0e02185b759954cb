"""Hidden states behind a URL: the same numbers as in a folder, computed once, and read in parts."""

from __future__ import annotations

import csv
import json
import pickle
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probekit.corpora.passage import Corpus
from probekit.engine.ray_worker import Driver, environment, versions
from probekit.engine.ray_worker import Worker as RayWorker
from probekit.errors import ProbekitWarning, StoreError
from probekit.states import entries as listed
from probekit.states.extract import extract
from probekit.states.shard import Shard
from probekit.states.store import MANIFEST, Store, name_of, open_store
from tests import s3
from tests.commands import run_main
from tests.made import folder_of
from tests.processes import COMMAND, begin

WORDS, DIM = 50, 8
SHARD = Shard("train", 0, 100, 100 + WORDS)
VALUES = np.arange(WORDS * DIM, dtype=np.float16).reshape(WORDS, DIM)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The file system of memory, where states lie."""
    monkeypatch.setenv("PROBEKIT_STATES", "memory://of me/states")
    return s3.in_memory()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3.Server]:
    """A server that speaks S3, where states lie."""
    with s3.serving(monkeypatch) as started:
        yield started


def made() -> Store:
    """A store of one file."""
    store = open_store({"corpus": {"text": "t"}}, DIM, "float16")
    store.write(SHARD, 1, VALUES, [3])
    return store


def test_a_file_has_the_bytes_that_it_has_on_disk(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = made()
    monkeypatch.delenv("PROBEKIT_STATES")
    local = made()
    files = {path.name: path.read_bytes() for path in folder_of(local).iterdir()}
    assert remote.place.name == local.place.name and set(files) == {MANIFEST, name_of(SHARD, 1)}
    for name, content in files.items():
        assert memory.cat_file(f"/of me/states/{remote.place.name}/{name}") == content


def test_every_damage_is_noticed(memory: Any) -> None:
    store = made()
    path = f"/of me/states/{store.place.name}/{name_of(SHARD, 1)}"
    content = memory.cat_file(path)
    assert store.is_whole(SHARD, 1) and not store.is_whole(SHARD, 0)
    flipped = [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in (9, 99, -9)]
    cut = [content[:size] for size in (0, 7, 8, 100, len(content) - 1)]
    for damaged in [*flipped, *cut, content + b"x"]:
        memory.pipe_file(path, damaged)
        assert not store.is_whole(SHARD, 1) and store.path(SHARD, 1).exists()
    memory.pipe_file(path, content)
    memory.pipe_file(path.replace("L01", "L00"), content)
    assert store.is_whole(SHARD, 1) and not store.is_whole(SHARD, 0)  # of another layer


def test_a_store_that_was_pruned_meanwhile_has_a_manifest_again(memory: Any) -> None:
    store = made()
    store.place.remove()
    store.write(SHARD, 1, VALUES, [])
    (entry,) = listed.entries()
    assert not entry.problem and entry.files == 1 and not list(entry.damaged())
    store.place.remove()
    with pytest.raises(StoreError, match=r"went missing .*memory://of me/states/.*-L01"):
        Store(store.place, DIM).read_into(np.empty_like(VALUES), SHARD, 1, 100, 150)


def test_a_worker_that_sees_another_place_is_refused(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(environment(), str(Path.cwd()), "shared.proof", "proof")
    assert driver.environment["PROBEKIT_STATES"] == "memory://of me/states"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    worker = RayWorker(1)
    assert worker.greet(driver).unseen.startswith("cannot see memory://of me/states: set")
    memory.pipe_file("/of me/states/shared.proof", b"other")
    assert worker.greet(driver).unseen
    memory.pipe_file("/of me/states/shared.proof", b"proof")
    greeting = worker.greet(driver)
    assert not greeting.unseen and greeting.versions == versions()


def test_folders_of_others_are_left_alone(memory: Any) -> None:
    """A bucket may hold more than states."""
    memory.pipe_file("/of me/states/photos/1.jpg", b"mine")
    made()
    assert [entry.key for entry in listed.entries()] == [made().place.name]


def test_only_the_words_wanted_are_read(server: s3.Server) -> None:
    store = made()
    begin_of_values = store.header(SHARD, 1)
    assert begin_of_values is not None
    again = pickle.loads(pickle.dumps(store))
    assert s3.SECRET.encode() not in pickle.dumps(store)
    out = np.empty((3, DIM), dtype=np.float16)
    again.read_into(out, SHARD, 1, 104, 107)
    assert np.array_equal(out, VALUES[4:7])
    server.requests.clear()
    again.read_into(out, SHARD, 1, 147, 150)
    assert np.array_equal(out, VALUES[47:50])
    first = begin_of_values.begin + 47 * DIM * 2
    assert [one.range for one in server.requests] == [f"bytes={first}-{first + 3 * DIM * 2 - 1}"]


def test_damaged_states_are_computed_again(
    server: s3.Server, tiny_bert: Path, small: Corpus
) -> None:
    read = partial(extract, str(tiny_bert), small, layers=(2,), progress=False)
    first = read()
    expected = {name: content for name, content in s3.objects().items() if "names" not in name}
    assert (first.computed, first.reused) == (3, 0) and first.folder is None
    assert first.stored_in == f"{s3.URL}/{next(iter(expected)).partition('/')[0]}"
    again = read()
    assert (again.computed, again.reused) == (0, 3)
    np.testing.assert_array_equal(again.numpy("test"), first.numpy("test"))

    name = next(name for name in expected if name.endswith("dev-00000-L02.safetensors"))
    content = expected[name]
    s3.everything().pipe_file(f"{s3.URL}/{name}", content[:-1] + bytes([content[-1] ^ 1]))
    server.requests.clear()
    with pytest.warns(ProbekitWarning, match=r"damaged states are computed again: s3://.*L02"):
        mended = read()
    assert (mended.computed, mended.reused) == (1, 2)
    assert server.written() == ["dev-00000-L02.safetensors"]
    assert {key: value for key, value in s3.objects().items() if "names" not in key} == expected


Run = tuple[int, str, str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Exit status, standard output and standard error of a command."""
    return lambda *arguments: run_main(list(map(str, arguments)), monkeypatch, capsys)


@pytest.mark.slow
def test_commands_find_what_they_find_in_a_folder(
    server: s3.Server,
    run: Any,
    tiny_bert: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probe = ("probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--seeds", 1)
    printed: list[Run] = [run(*probe, "--out", tmp_path / "first")]
    n_files = len(server.written())
    printed.append(run(*probe, "--out", tmp_path / "second"))
    assert [status for status, _, _ in printed] == [0, 0], printed
    assert n_files > 0 and len(server.written()) == n_files, "nothing is computed twice"
    store = json.loads((tmp_path / "second/run.json").read_text())["measurements"][0]["store"]
    assert store.startswith(f"{s3.URL}/")

    printed.append(run("cache", "--json"))
    (row,) = json.loads(printed[-1][1])
    assert row["folder"] == s3.URL and f"{row['folder']}/{row['key']}" == store
    assert row["files"] == n_files and row["written"] > "2020" and not row["problem"]
    printed.append(run("cache", "verify"))
    assert printed[-1][0] == 0
    damaged = f"{store}/train-00000-L01.safetensors"
    s3.everything().pipe_file(damaged, b"x")
    printed.append(run("cache", "verify"))
    assert printed[-1][0] == 1 and f"{damaged}: damaged" in printed[-1][1]
    for content in (*s3.objects().values(), *_files(tmp_path)):
        assert s3.SECRET.encode() not in content and s3.KEY.encode() not in content
    s3.everything().pipe_file(f"{s3.URL}/notes.txt", b"of somebody else")
    printed.append(run("cache", "prune", "--all"))
    assert printed[-1][0] == 0 and s3.objects() == {"notes.txt": b"of somebody else"}
    for _, out, err in printed:
        assert s3.SECRET not in out + err and s3.KEY not in out + err

    monkeypatch.delenv("PROBEKIT_STATES")
    assert run(*probe, "--out", tmp_path / "on disk")[0] == 0
    expected = _rows(tmp_path / "on disk")
    assert expected and _rows(tmp_path / "first") == _rows(tmp_path / "second") == expected


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def no_credentials(server: s3.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def denied(server: s3.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.denies = True


def no_bucket(server: s3.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_STATES", "s3://nowhere/states")


def unreachable(server: s3.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.mark.parametrize(
    "harm, message",
    [
        (no_credentials, "set credentials"),
        (denied, "set credentials"),
        (no_bucket, "there is no such bucket: create it"),
        (unreachable, "Could not connect"),
    ],
)
@pytest.mark.parametrize("command", ["probe", "cache"])
def test_a_place_that_cannot_be_used_is_a_line(
    command: str,
    harm: Any,
    message: str,
    server: s3.Server,
    run: Any,
    tiny_bert: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harm(server, monkeypatch)
    server.forget()
    arguments = {
        "probe": ("probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--out", "x"),
        "cache": ("cache",),
    }
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments[command])
    assert status == 2 and out == "" and len(err.splitlines()) <= 2, err
    assert message in err and "s3://" in err and s3.SECRET not in err
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(
    server: s3.Server, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    code = f"from probekit.states import extract; extract.SHARD_WORDS = 500; {COMMAND}"
    arguments = ["probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief, "--out"]
    victim = begin(code, *arguments, tmp_path / "x", environment=server.environment())
    while len(server.written()) < 8 and victim.returncode is None:
        time.sleep(0.01)
    victim.kill()
    time.sleep(0.5)  # what was on its way is stored, or lost
    before = set(filter(_is_states, s3.objects()))
    assert before and not (tmp_path / "x/scores.csv").exists()
    server.requests.clear()
    resumed = begin(code, *arguments, tmp_path / "resumed", environment=server.environment())
    _, errors = resumed.communicate()
    assert resumed.returncode == 0, errors
    names = {name.rpartition("/")[2] for name in before}
    assert names.isdisjoint(server.written()), "what was whole is not computed again"
    assert len(names) + len(server.written()) == sum(map(_is_states, s3.objects()))


def _is_states(name: str) -> bool:
    return name.endswith(".safetensors")
