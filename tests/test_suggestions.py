"""A misspelt path is an error that names the nearest one there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from probekit.errors import suggestion
from tests.commands import run_main

THERE = ("run/checkpoint-100", "run/checkpoint-200", "data", "my.org/model", "scores")
FILES = ("mine.toml", "vectors.txt", "data/words.conllu")
PROBE = ["probe", "--task", "pos", "--corpus", "sample"]
MINILM = ["probe", "--model", "random:bert-base"]
MISSPELT: dict[str, tuple[list[str], str]] = {
    "model": ([*PROBE, "--model", "./run/chekpoint-100"], "./run/checkpoint-100"),
    "model in a misspelt folder": (
        [*PROBE, "--model", "./rnu/checkpoint-200"],
        "./run/checkpoint-200",
    ),
    "random model": ([*PROBE, "--model", "random:./run/chekpoint-100"], "./run/checkpoint-100"),
    "model like a hub id": ([*PROBE, "--model", "my.org/modle"], "./my.org/model"),
    "model like a name": ([*PROBE, "--model", "run_"], "./run"),
    "vectors": ([*PROBE, "--model", "./vectrs.txt"], "./vectors.txt"),
    "before": (["compare", *PROBE[1:], "--before", "./rnu", "--after", "./run"], "./run"),
    "run": (["trace", *PROBE[1:], "--run", "rnu"], "./run"),
    "corpus": ([*MINILM, "--task", "pos", "--corpus", "./dat"], "./data"),
    "corpus like a name": ([*MINILM, "--task", "pos", "--corpus", "dat"], "./data"),
    "corpus file": (
        [*MINILM, "--task", "pos", "--corpus", "data/wrods.conllu"],
        "./data/words.conllu",
    ),
    "card": ([*MINILM, "--task", "pos", "--corpus", "./mien.toml"], "./mine.toml"),
    "task": ([*MINILM, "--task", "./mien.toml", "--corpus", "sample"], "./mine.toml"),
    "results": (["heatmap", "scoers"], "./scores"),
    "doctor": (["doctor", "--model", "./run/chekpoint-100"], "./run/checkpoint-100"),
}
"""Options that take a path: one row per option."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with something in it."""
    monkeypatch.chdir(tmp_path)
    for folder in THERE:
        (tmp_path / folder).mkdir(parents=True)
    for file in FILES:
        (tmp_path / file).write_text("")
    return tmp_path


@pytest.mark.parametrize("case", MISSPELT)
def test_the_nearest_path_is_named(
    case: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, meant = MISSPELT[case]
    status, _, err = run_main(arguments, monkeypatch, capsys)
    assert status == 2 and len(err.splitlines()) == 1
    assert f"did you mean '{meant}'?" in err, err


def test_nothing_is_named_where_nothing_is_near(here: Path) -> None:
    assert suggestion(here / "data") == ""
    assert suggestion(here / "quite/another/thing") == ""
    assert suggestion(Path("xyz\0")) == suggestion(Path("x" * 300)) == ""
    assert suggestion(here / "dta") == f" (did you mean '{here / 'data'}'?)"


def test_a_step_that_is_not_there_lists_those_that_are(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = run_main([*PROBE, "--model", "./run/checkpoint-150"], monkeypatch, capsys)
    assert "there are checkpoint-100, checkpoint-200" in err
