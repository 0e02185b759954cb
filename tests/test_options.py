"""Options that make no sense: each is at once an error of a line or two, and leaves no file."""

from __future__ import annotations

import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from probekit.cli import options
from probekit.cli.out_folder import new_folder
from probekit.models.checkpoint import Device, Dtype
from probekit.models.families import Site, Stack
from probekit.models.words import SubwordVector
from probekit.states.settings import KeptStates
from probekit.states.store import StoreDtype
from probekit.tasks.task import SpanVector
from tests.commands import run_main

LONG = "x" * 300
MANY = "9" * 23
PROBE = ["probe", "--model", "random:./m", "--task", "pos", "--corpus", "sample"]
COMPARE = [
    "compare",
    "--before",
    "minilm",
    "--after",
    "minilm",
    "--task",
    "pos",
    "--corpus",
    "sample",
]
TRACE = ["trace", "--models", "minilm", "--task", "pos", "--corpus", "sample"]

BAD: list[tuple[list[str], str]] = [
    ([*PROBE, "--layers", "²"], "--layers takes numbers"),
    ([*PROBE, "--layers", "٣"], "--layers takes numbers"),
    ([*PROBE, "--layers", "-1"], "--layers takes numbers"),
    ([*PROBE, "--layers", "3-1"], "--layers takes numbers"),
    ([*PROBE, "--layers", "1.5"], "--layers takes numbers"),
    ([*PROBE, "--layers", "0-1000000000"], "no model has a layer 1000000000"),
    ([*PROBE, "--layers", MANY], "--layers takes numbers"),
    ([*PROBE, "--layers", ""], "--layers is empty"),
    ([*PROBE, "--out", ""], "--out is empty"),
    ([*PROBE, "--out="], "--out is empty"),
    (["heatmap", ""], "an argument is empty"),
    (["trace", "--run", ""], "--run is empty"),
    (["probe", "--model", "", "--task", "pos"], "--model is empty"),
    ([*PROBE, "--resample-train", "1"], "--resample-train is 0, or from 2 to 1,000"),
    ([*PROBE, "--last-layer", "1000000000"], "no model has a layer 1000000000"),
    ([*PROBE, "--last-layer", "-1"], "--last-layer"),
    ([*PROBE, "--last-layer", MANY], "no model has a layer"),
    ([*PROBE, "--seeds", MANY], "--seeds"),
    ([*PROBE, "--seeds", "0"], "--seeds"),
    ([*PROBE, "--seeds", "²"], "--seeds"),
    ([*PROBE, "--batch-tokens", MANY], "--batch-tokens"),
    ([*PROBE, "--workers", "2"], "--workers 2 needs --engine ray"),
    ([*PROBE, "--engine", "ray", "--workers", "0"], "--workers"),
    ([*TRACE, "--engine", "rey"], "value for '--engine'"),
    (["probe", "--model", "minilm", "--task", ""], "--task needs a name"),
    (["probe", "--model", "minilm", "--task", LONG], "unknown task"),
    (["probe", "--model", "minilm", "--task", f"{LONG}.toml"], "the name is too long"),
    (["probe", "--model", "minilm", "--task", "~nosuchuser/t.toml"], "no user 'nosuchuser'"),
    ([*PROBE, "--probe", ""], "value of --probe"),
    ([*PROBE, "--out", LONG], "the name is too long"),
    ([*PROBE, "--out", "file"], "is a file"),
    ([*PROBE, "--out", "file/below"], "a part of the path is a file"),
    ([*PROBE, "--out", "~nosuchuser/out"], "no user 'nosuchuser'"),
    (["probe", "--model", LONG, "--task", "pos"], "the name is too long"),
    (["probe", "--model", f"./{LONG}/x", "--task", "pos"], "the name is too long"),
    (["probe", "--model", "", "--task", "pos", "--corpus", "sample"], "is"),
    (["probe", "--model", "~nosuchuser/m", "--task", "pos"], "no user 'nosuchuser'"),
    (["probe", "--model", "random:minilm:²", "--task", "pos"], "is not a whole number"),
    (["probe", "--model", f"random:minilm:{MANY}", "--task", "pos"], "is not a whole number"),
    (["probe", "--model", "random:", "--task", "pos"], "a random model is"),
    (["probe", "--model", "minilm", "--task", "pos", "--corpus", ""], "--corpus needs a name"),
    (["probe", "--model", "minilm", "--task", "pos", "--corpus", " , "], "--corpus needs a name"),
    (["probe", "--model", "minilm", "--task", "pos", "--corpus", LONG], "the name is too long"),
    (
        ["probe", "--model", "minilm", "--task", "pos", "--corpus", "~nosuchuser"],
        "no user 'nosuchuser'",
    ),
    ([*COMPARE, "--seeds", MANY], "--seeds"),
    ([*COMPARE, "--correction", "²"], "value for '--correction'"),
    ([*TRACE, "--threshold", "2"], "--threshold"),
    ([*TRACE, "--run", LONG], "the name is too long"),
    (["heatmap", LONG], "no results in"),
    (["replicate", "tenny2019"], "did you mean 'tenney2019'"),
    (["replicate", "merchant2020"], "give your fine-tuned one, --after ./my-finetuned"),
    (["replicate", "tenney2019", "--after", "minilm"], "takes one checkpoint"),
    (["heatmap", "nowhere"], "no results in nowhere"),
    (["lines", "nowhere"], "no results in nowhere"),
    (["table", "nowhere"], "no results in nowhere"),
    (["bars", "nowhere"], "no comparison in nowhere"),
    (["heatmap", "nowhere", "--digits", "7"], "--digits"),
    ([*PROBE, "--json", "--latex"], "--json or --latex, not both"),
    (["doctor", "--model", LONG], "the name is too long"),
    (["doctor", "--model", "minilm", "--corpus", LONG], "the name is too long"),
    (["corpora", "fetch", LONG], "unknown corpus"),
    (["cache", "prune", ""], "unknown key"),
    (["cache", "prune", LONG], "unknown key"),
    (
        [*PROBE, "--task", "pos", "dep"],
        "'dep' belongs to no option: --task takes several with commas: --task pos,dep",
    ),
    ([*PROBE, "--task=pos,", "dep"], "--task takes several with commas: --task pos,dep"),
    (
        [*PROBE, "--corpus", "sample", "sample"],
        "--corpus takes several with commas: --corpus sample,sample",
    ),
    ([*PROBE, "--layers", "0", "4-6", "8"], "--layers takes several with commas: --layers 0,4-6"),
    ([*PROBE, "--probe", "linear", "mlp"], "--probe takes several with commas: --probe linear,mlp"),
    ([*COMPARE, "--probe", "linear", "mlp"], "'mlp' belongs to no option: --probe takes one value"),
    ([*PROBE, "--model", "a", "b"], "--model is repeated for several: --model a --model b"),
    ([*COMPARE, "--after", "a", "b"], "--after is repeated for several: --after a --after b"),
    ([*TRACE, "--models", "a", "b"], "--models is repeated for several: --models a --models b"),
    ([*PROBE, "--seeds", "1", "2"], "'2' belongs to no option: --seeds takes one value"),
    ([*PROBE, "--json", "dep"], "unexpected extra argument (dep)"),
    (["probe", "--json", "pos", *PROBE[1:]], "unexpected extra argument (pos)"),
    (["probe", "pos", *PROBE[1:]], "unexpected extra argument (pos)"),
    (["tasks", "pos"], "unexpected extra argument (pos)"),
    ([*PROBE, "--task", "pos", LONG], "belongs to no option: --task takes several"),
    (
        [*PROBE, "--model", "a,b"],
        "--model takes one model, repeat it for several: --model a --model b",
    ),
    (
        [*PROBE, "--model", "./a,./b"],
        "--model takes one model, repeat it for several: --model ./a --model ./b",
    ),
    ([*PROBE, "--model", "random:a,random:b"], "--model random:a --model random:b"),
    (
        [*COMPARE, "--after", "a,b"],
        "--after takes one model, repeat it for several: --after a --after b",
    ),
    ([*COMPARE, "--before", "a,b"], "--before takes one model, not several"),
    (
        [*TRACE, "--models", "a,b"],
        "--models takes one model, repeat it for several: --models a --models b",
    ),
    ([*TRACE, "--base", "a,b"], "--base takes one model, not several"),
    (["doctor", "--model", "a,b"], "--model takes one model, not several"),
]
"""One row per option."""


@pytest.mark.parametrize("arguments, message", BAD, ids=[" ".join(row)[:60] for row, _ in BAD])
def test_a_bad_option_is_an_error_in_a_line_at_once(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    tracemalloc.start()
    started = time.process_time()
    status, out, err = run_main(arguments, monkeypatch, capsys)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 2 and message in err, err
    assert "Traceback" not in err and len(err.splitlines()) <= 4 and out == ""
    assert len(err) < 1_500, "a long value is not printed in full"
    assert time.process_time() - started < 15 and peak < 2**28
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["file"]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("minilm", "minilm"),
        ("random:minilm", "random-minilm"),
        ("random:./run/checkpoint-5:1", "checkpoint-5-1"),
        ("org/model@v1.0", "model@v1.0"),
        ("my model v1. ", "my model v1"),
        ('a:*?"<>|\\b\x1bc', "a-b-c"),
        (".", "model"),
        ("...", "model"),
    ],
)
def test_a_new_folder_has_a_name_that_every_file_system_takes(model: str, name: str) -> None:
    folder = new_folder(None, [model])
    assert folder.parent.name == "probekit-runs"
    assert re.fullmatch(rf"\d{{8}}-\d{{6}}-{re.escape(name)}", folder.name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["cache"],
        ["cache", "verify"],
        ["cache", "prune", "--all"],
        ["corpora", "fetch", "en_ewt"],
        PROBE,
    ],
)
def test_a_cache_that_is_a_file(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROBEKIT_MIRROR", raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "file"))
    status, _, err = run_main(arguments, monkeypatch, capsys)
    assert status == 2 and "Traceback" not in err and len(err.splitlines()) == 1, err
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("name", ["one,two", "random:./one,two", "random:./one,two:1"])
def test_a_folder_may_have_a_comma_in_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one,two").mkdir()
    _, _, err = run_main(
        ["probe", "--model", name, "--task", "pos", "--corpus", "sample"], monkeypatch, capsys
    )
    assert "not a model folder: it has no config.json" in err


CHOICES = {
    options.Subwords: SubwordVector,
    options.Device: Device,
    options.Dtype: Dtype,
    options.Stack: Stack,
    options.Site: Site,
    options.StoreDtype: StoreDtype,
    options.KeptStates: KeptStates,
    options.Span: SpanVector | None,
}
"""Options that take one of a few texts, and the library's own type of it, which the command line
imports too late."""


@pytest.mark.parametrize(("option", "own"), CHOICES.items(), ids=map(str, CHOICES.values()))
def test_the_command_line_has_the_librarys_choices(option: Any, own: Any) -> None:
    assert option.__origin__ == own
