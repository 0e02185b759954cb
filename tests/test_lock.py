"""Locks: others wait for a process, which takes its lock along when it ends."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from probekit import lock
from tests.processes import begin

HOLD = """
import sys, time
from pathlib import Path
from probekit.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_others_wait_until_the_process_that_holds_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "below/lock"
    other = begin(HOLD, path)
    assert other.stdout.readline() == "held\n"
    entered = threading.Event()

    def enter() -> None:
        with lock.locked(path):
            entered.set()

    waiting = threading.Thread(target=enter, daemon=True)
    waiting.start()
    assert not entered.wait(0.3)
    other.kill()
    assert entered.wait(10)


def test_a_lock_is_not_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock"), lock.locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(
    not hasattr(os, "fork") or os.geteuid() != 0, reason="needs root, to become another user"
)
def test_another_users_lock_can_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("")
    path.chmod(0o644)
    tmp_path.chmod(0o755)
    code = (
        f"import os, filelock, probekit.lock; os.chdir({str(tmp_path)!r}); os.setuid(65534)\n{HOLD}"
    )
    other = begin(code, path.name)
    assert other.stdout.readline() == "held\n"
    other.kill()


def test_a_file_system_without_locks_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_: int) -> bool:
        raise OSError(38, "no locks here")

    monkeypatch.setattr("filelock.lock_descriptor", no_locks)
    with lock.locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
