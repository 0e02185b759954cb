"""Results: written together or not at all, and checked before they are believed."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import probekit as pk
from probekit import whole
from probekit.errors import InputError, ProbekitError, StoreError
from probekit.results.results import Results
from tests.processes import begin
from tests.results.made import KINDS, LAYERS, scores

ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@ALL
def test_a_folder_is_replaced_as_a_whole_and_its_pictures_go(
    kind: type[Results], tmp_path: Path
) -> None:
    make, read = KINDS[kind], kind.read
    make(0.25).write(tmp_path)
    (tmp_path / "heatmap.png").write_bytes(b"of the old tables")
    (tmp_path / "mine.png").write_bytes(b"the user's own")
    make(0.75).write(tmp_path)
    read(tmp_path)
    assert not (tmp_path / "heatmap.png").exists() and (tmp_path / "mine.png").exists()
    assert "0.25" not in "".join(path.read_text() for path in tmp_path.glob("*.csv"))


@ALL
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS])
def test_a_failed_write_leaves_the_old_files_as_they_were(
    kind: type[Results], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = KINDS[kind]
    make(0.25).write(tmp_path)
    old = files(tmp_path)
    for allowed in range(len(list(tmp_path.glob("*.csv"))) + 1):
        left = [allowed]

        def create(path: Path, left: list[int] = left) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(code, os.strerror(code))
            return path.open("wb")

        monkeypatch.setattr(whole, "create", create)
        with pytest.raises(StoreError) as error:
            make(0.75).write(tmp_path)
        assert files(tmp_path) == old
        assert ("Free some space" in str(error.value)) == (code in (errno.ENOSPC, errno.EDQUOT))
        assert "\n" not in str(error.value)


@ALL
def test_a_mixture_of_two_runs_is_noticed(
    kind: type[Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, read = KINDS[kind], kind.read
    names = len(list(_written(make(0.25), tmp_path / "count").glob("*"))) - 1
    rename = Path.replace
    for killed_after in range(1, names + 1):
        folder = _written(make(0.25), tmp_path / str(killed_after))
        done = [0]

        def replace(
            self: Path, target: Path, done: list[int] = done, most: int = killed_after
        ) -> Any:
            if done[0] == most:
                raise KeyboardInterrupt
            done[0] += 1
            return rename(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", replace)
            with pytest.raises(KeyboardInterrupt):
                make(0.75).write(folder)
        with pytest.raises(InputError, match=r"is not the table that run\.json"):
            read(folder)
        make(0.75).write(folder)
        read(folder)


def _written(results: Any, folder: Path) -> Path:
    results.write(folder)
    return folder


@ALL
def test_no_flipped_bit_is_believed(kind: type[Results], tmp_path: Path) -> None:
    make, read = KINDS[kind], kind.read
    make(0.25).write(tmp_path)
    draw = random.Random(0)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for _ in range(15):
            at, bit = draw.randrange(len(content)), 1 << draw.randrange(8)
            path.write_bytes(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :])
            try:
                read(tmp_path)
            except ProbekitError as error:
                assert str(tmp_path) in str(error) and "\n" not in str(error)
            else:
                assert path.name == "run.json", f"byte {at} of {path.name} was changed unnoticed"
        path.write_bytes(content)
    read(tmp_path)


def test_a_record_that_was_changed_is_an_error(tmp_path: Path) -> None:
    scores(0.25).write(tmp_path)
    record = tmp_path / "run.json"
    text = record.read_text()
    for odd in (
        text.replace("0.25", "0.75"),
        text[:-30],
        "",
        "[]",
        "3",
        "[" * 100_000,
        '{"files": 3}',
        '{"files": [3]}',
    ):
        record.write_text(odd)
        with pytest.raises(InputError, match=r"run\.json (was changed|is damaged)"):
            pk.Scores.read(tmp_path)
    record.unlink()
    pk.Scores.read(tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on the size of files here")
def test_a_real_limit_on_the_size_of_files(tmp_path: Path) -> None:
    scores(0.25).write(tmp_path)
    old = files(tmp_path)
    code = (
        "import resource, signal; from tests.results.made import scores;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        f"scores(0.75).write({str(tmp_path)!r})"
    )
    _, err = begin(code).communicate()
    assert "StoreError" in err and files(tmp_path) == old


def test_kills_leave_a_folder_that_is_old_new_or_known_to_be_mixed(tmp_path: Path) -> None:
    scores(0.0).write(tmp_path)
    code = (
        "from tests.results.made import scores\n"
        "made = [scores(float(i)) for i in range(2)]; print('begun', flush=True)\n"
        f"while True: made[0].write({str(tmp_path)!r}); made[1].write({str(tmp_path)!r})"
    )
    draw = random.Random(1)
    for _ in range(3):
        running = begin(code)
        assert running.stdout.readline() == "begun\n"
        time.sleep(draw.random() / 10)
        running.kill()
        try:
            table = pk.Scores.read(tmp_path).table
            assert len(table) == LAYERS and table["score"].nunique() == 1
        except InputError as error:
            assert "of another run" in str(error)
    scores(0.5).write(tmp_path)
    assert set(files(tmp_path)) == {"scores.csv", "run.json"}, "what killed runs left is removed"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["heatmap.png", "heatmap.svg", "heatmap.pdf"])
def test_a_picture_is_whole_or_the_old_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk.heatmap(scores(0.25), tmp_path / name)
    old = files(tmp_path)
    assert old[name]

    def full(self: Path, target: Path) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match=r"the disk is full\. Free some space"):
        pk.heatmap(scores(0.75), tmp_path / name)
    assert files(tmp_path) == old


def test_parts_of_the_living_and_of_other_machines_stay(tmp_path: Path) -> None:
    living = whole.part_of(tmp_path / "a")
    other = tmp_path / ".a.elsewhere-1.part"
    gone = tmp_path / living.name.replace(str(os.getpid()), "999999999")
    old = tmp_path / ".b.elsewhere-1.part"
    for path in (living, other, gone):
        path.touch()
    old.mkdir()
    os.utime(old, (0, 0))
    whole.remove_abandoned(tmp_path)
    assert set(tmp_path.iterdir()) == {living, other}


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    whole.part_of(tmp_path / "a").symlink_to(victim)
    with whole.written_whole(tmp_path / "a") as file:
        file.write(b"new")
    assert victim.read_text() == "mine" and (tmp_path / "a").read_bytes() == b"new"
