"""The demo: every step runs, says what it does, and leaves its results and pictures."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import probekit as pk
from probekit import cli
from probekit.cli import demo
from probekit.cli.demo import POLICY, STEPS
from probekit.forgetting.gate.policy import read_policy
from probekit.results.results import Results
from tests.test_cli import Run, run  # noqa: F401 - a fixture

KINDS: dict[str, type[Results]] = {
    "probe": pk.Scores,
    "tuned": pk.Tuned,
    "compare": pk.Comparison,
    "trace": pk.Trajectory,
    "gate": pk.Gated,
    "erase": pk.Erasure,
}
"""What each folder of the demo holds."""


def test_its_commands_are_commands(tmp_path: Path) -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    for step in STEPS:
        name, *arguments = shlex.split(step.command.format(out="x"))
        commands[name].make_context(name, arguments)  # it raises for a wrong option
    (tmp_path / "policy.toml").write_text(POLICY, encoding="utf-8")
    assert read_policy(tmp_path / "policy.toml").task_names == ["dep"]


def test_a_folder_in_use_and_missing_packages_are_told(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("", encoding="utf-8")
    status, out, err = run("demo", "--out", "used")
    assert (status, out) == (2, "")
    assert err == "error: --out used is not empty: give a new folder\n"
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    status, out, err = run("demo", "--out", "new")
    assert (status, out) == (2, "") and "pip install 'probekit-nlp[demo]'" in err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path) -> None:
    environment = {**os.environ, "PROBEKIT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "probekit", "demo", "--out", str(tmp_path / "o")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    for number, step in enumerate(STEPS, 1):
        assert f"{number} of {len(STEPS)}. {step.title} {step.does} $ probekit " in told
        assert f"$ probekit {step.command.split()[0]} " in told
        assert f"How to read it: {step.reading}" in told
    for name, kind in KINDS.items():
        found = kind.read(tmp_path / "o" / name)
        assert len(found.shown())
        assert found.run.command[1] == ("finetune" if name == "tuned" else name)
    for picture in ("probe/heatmap", "compare/decomposition", "trace/curves", "erase/erasure"):
        assert (tmp_path / "o" / f"{picture}.png").stat().st_size
    (sentence,) = re.findall(r"tuned (?:may|must not) ship|cannot tell whether", done.stdout)
    status = {"tuned may ship": 0, "tuned must not ship": 1, "cannot tell whether": 3}[sentence]
    assert pk.Gated.read(tmp_path / "o/gate").status == status
