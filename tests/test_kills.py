"""Kills: a command that is killed at any rename leaves what the same command makes whole, with the
same numbers."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.commands import run_main
from tests.processes import begin
from tests.test_terminal import conllu

KILL = """
import os, signal
from pathlib import Path
replace = Path.replace
def killed(self, target):
    if Path(target).name == {name!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
Path.replace = killed
from probekit.cli import main
main()
"""

READ = ["--task", "pos", "--corpus", "corpus"]
COMMANDS = {
    "probe": ["probe", "--model", "model", *READ],
    "compare": ["compare", "--before", "model", "--after", "other", "--seeds", "1", *READ],
    "trace": ["trace", "--models", "model", "--models", "other", *READ],
}
KILLS = [
    ("probe", "dev-00000-L02.safetensors"),
    ("compare", "best.csv"),
    ("trace", "trajectory.csv"),
]
"""Commands, and the file at whose rename each is killed: one row per command."""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("name, at", KILLS)
def test_a_killed_command_goes_on_and_ends_as_if_it_had_not_been(
    name: str,
    at: str,
    tiny_bert: Path,
    tmp_path: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    conllu(tmp_path, "0", "x").rename(tmp_path / "corpus")
    for model in ("model", "other"):
        shutil.copytree(tiny_bert, tmp_path / model)
    config = json.loads((tmp_path / "other/config.json").read_text())
    (tmp_path / "other/config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-3}))
    running = begin(KILL.format(name=at), *COMMANDS[name], "--out", "out")
    _, err = running.communicate()
    assert running.returncode == -signal.SIGKILL, err
    status, _, err = run_main([*COMMANDS[name], "--out", "out"], monkeypatch, capsys)
    assert status == 0 and "damaged" not in err, err
    assert run_main([*COMMANDS[name], "--out", "again"], monkeypatch, capsys)[0] == 0
    for table in (tmp_path / "again").glob("*.csv"):
        assert (tmp_path / "out" / table.name).read_bytes() == table.read_bytes()
    left = [path for place in (own_cache, tmp_path / "out") for path in place.rglob("*.part")]
    assert not left, left
