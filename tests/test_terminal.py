"""The terminal: text from outside is harmless there; output may be narrow, full or closed; signals
end a command."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import xml.dom.minidom
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import probekit as pk
from probekit.cli import _further
from probekit.cli.signals import NAMES, Stopped, stopping
from probekit.harmless import as_xml, harmless
from probekit.states.store import open_store
from tests.commands import run_main
from tests.processes import begin
from tests.results.made import scores

EVIL = "\x1b]0;title\x07\x1b[31m\x9b2J\u202e"
HARM = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
WORDS = "".join(
    f"{i}\tw{i}\tw\t{tag}\t_\t_\t{{head}}\t{{label}}\t_\t_\n"
    for i, tag in enumerate(("NOUN", "VERB", "X"), 1)
)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain Ünïcödé\n\t…", "plain Ünïcödé\n\t…"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\rb", "a\\x0db"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("\x00\x7f\uffff", "\\x00\\x7f\\uffff"),
    ],
)
def test_harmless(text: str, shown: str) -> None:
    assert harmless(text) == shown
    xml.dom.minidom.parseString(f"<a>{as_xml(text)}</a>")


def task(folder: Path, **keys: str) -> Path:
    import tomllib

    from probekit import bundle

    table = tomllib.loads(bundle.find("probes", "pos").read_text())
    table.update(keys)
    lines = [
        f"{key} = {value!r}".replace("'", '"')
        for key, value in table.items()
        if isinstance(value, str)
    ]
    path = folder / "evil.toml"
    path.write_text("\n".join(lines).replace("\\x", "\\u00"))
    return path


def conllu(folder: Path, head: str, label: str) -> Path:
    place = folder / "evil"
    place.mkdir()
    for split in ("train", "dev", "test"):
        sentences = [
            f"# sent_id = {split}{n}\n{WORDS.format(head=head, label=label)}\n" for n in range(9)
        ]
        (place / f"{split}.conllu").write_text("".join(sentences))
    return place


def a_result(folder: Path) -> Path:
    table = scores(0.5).table.assign(model=EVIL, task=EVIL, corpus=EVIL)
    pk.Scores(table).write(folder / "r")
    return folder / "r"


def a_store(folder: Path) -> str:
    open_store(
        {"corpus": {"name": EVIL, "text": ""}, "context": EVIL, "model": {"weights": EVIL}},
        1,
        "float16",
    )
    return "--json"


Row = Callable[[Path], list[Any]]
PROBE = ["probe", "--model", "random:sample"]
COMMANDS: dict[str, Row] = {
    "task": lambda _: [*PROBE, "--task", EVIL],
    "task's key": lambda here: [*PROBE, "--task", task(here, metric=EVIL)],
    "task's title": lambda here: [*PROBE, "--task", task(here, title=EVIL, annotation="none")],
    "corpus": lambda _: [*PROBE, "--task", "pos", "--corpus", f"./{EVIL}"],
    "head": lambda here: [*PROBE, "--task", "pos", "--corpus", conllu(here, EVIL, "x")],
    "model": lambda _: ["probe", "--model", f"{EVIL}/x", "--task", "pos"],
    "doctor": lambda _: ["doctor", "--model", f"./{EVIL}"],
    "fetch": lambda _: ["corpora", "fetch", EVIL],
    "prune": lambda _: ["cache", "prune", EVIL],
    "layers": lambda _: [*PROBE, "--task", "pos", "--layers", EVIL],
    "device": lambda _: [*PROBE, "--task", "pos", "--device", EVIL],
    "out": lambda here: [*PROBE, "--task", EVIL, "--out", here / EVIL],
    "heatmap": lambda here: ["heatmap", here / EVIL],
    "picture": lambda here: ["heatmap", a_result(here), "--out", here / f"{EVIL}.svg"],
    "lines": lambda here: ["lines", a_result(here), "--out", here / f"{EVIL}.svg"],
    "table": lambda here: ["table", a_result(here)],
    "LaTeX": lambda here: ["table", a_result(here), "--latex"],
    "bars": lambda here: ["bars", here / EVIL],
    "ending": lambda here: ["heatmap", a_result(here), "--out", f"x.{EVIL}"],
    "cache": lambda here: ["cache"] if a_store(here) else [],
    "cache as JSON": lambda here: ["cache", a_store(here)],
    "verify": lambda here: ["cache", "verify"] if a_store(here) else [],
    "trace": lambda here: ["trace", "--task", "pos", "--run", here / EVIL],
}
"""Commands that show text from outside: one row per command."""


@pytest.mark.parametrize("row", COMMANDS.values(), ids=COMMANDS)
def test_no_text_from_outside_reaches_the_terminal_as_it_is(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = run_main([str(argument) for argument in row(tmp_path)], monkeypatch, capsys)
    assert status in (0, 1, 2) and "Traceback" not in err, err
    assert not HARM.search(out) and not HARM.search(err)


def test_a_table_of_results_is_harmless(
    tmp_path: Path,
    tiny_bert: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = shutil.copytree(tiny_bert, tmp_path / EVIL)
    corpus = conllu(tmp_path, "0", EVIL)
    path = task(tmp_path, title=EVIL)
    arguments = [
        "probe",
        "--model",
        model,
        "--task",
        path,
        "--corpus",
        corpus,
        "--out",
        tmp_path / f"out{EVIL}",
    ]
    _, out, err = run_main([str(argument) for argument in arguments], monkeypatch, capsys)
    assert "Traceback" not in err and not HARM.search(out) and not HARM.search(err)
    assert "\\x1b]0;title" in out + err


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("odd", [EVIL, "\x00", "\ufffe", "a&<b-->c", "\x08\x0c"])
def test_an_svg_is_xml_whatever_is_drawn(odd: str, tmp_path: Path) -> None:
    table: pd.DataFrame = scores(0.5).table.head(2)
    pk.heatmap(pk.Scores(table.assign(model=odd, task=odd)), tmp_path / "a.svg")
    xml.dom.minidom.parse(str(tmp_path / "a.svg"))


def command(
    *arguments: str, code: str = "from probekit.cli import main; main()", **how: Any
) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONUNBUFFERED": "",
    }
    environment |= how.pop("environment", {})
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        text=True,
        stderr=subprocess.PIPE,
        env=environment,
        **how,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["tasks"], ["tasks", "--json"], ["--help"]])
def test_a_full_standard_output_is_explained(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full, command(*arguments, stdout=full) as running:
        _, err = running.communicate()
    assert running.returncode == 2
    assert err == "error: cannot write to standard output: the disk is full\n"


def test_a_reader_that_has_gone_is_no_error() -> None:
    with command("tasks", stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 141


def test_a_closed_standard_output() -> None:
    code = "import os, sys; os.close(1); sys.stdout = None; from probekit.cli import main; main()"
    with command("tasks", code=code) as running:
        _, err = running.communicate()
    assert running.returncode == 0 and err == ""


def test_a_terminal_that_knows_ascii_only() -> None:
    with command(
        "tasks", stdout=subprocess.PIPE, environment={"PYTHONIOENCODING": "ascii"}
    ) as running:
        out, err = running.communicate()
    assert running.returncode == 0 and err == "" and out.isascii() and "pos" in out


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no SIGTERM here")
def test_a_signal_ends_a_fit_at_once_with_a_message_and_no_empty_folder(
    tmp_path: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = (
        "from probekit import progress; progress.LINE_EVERY = progress.DELAY = 0;"
        "from probekit.cli import main; main()"
    )
    corpus = str(conllu(tmp_path, "0", "x"))
    data = ("--model", tiny_bert, "--task", "pos", "--corpus", corpus, "--out", "a/b")
    running = begin(code, "probe", *data, "--probe", "mlp", "--seeds", "1000")
    for line in running.stderr:
        if line.startswith("fit: 0%"):
            break
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 128 + signal.SIGTERM
    assert "stopped; what is finished is kept: the same command" in err and "Traceback" not in err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_signal_that_asks_to_end_does(name: str) -> None:
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip(f"no {name} here")
    inherited = signal.signal(
        number, signal.SIG_DFL
    )  # a shell's background job inherits an ignored SIGINT
    try:
        with pytest.raises(Stopped) as stopped, stopping():
            signal.raise_signal(number)
        assert stopped.value.status == 128 + number and signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, inherited)


def test_an_ignored_signal_stays_ignored() -> None:
    code = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from probekit.cli.signals import stopping\n"
        "with stopping(): signal.raise_signal(signal.SIGHUP); print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\n"


@pytest.mark.parametrize(
    ("command", "further"),
    [
        ("probe", "what is finished is kept: the same command goes on"),
        ("finetune", "what is finished is kept: the command with --resume goes on"),
        ("probe --states none", "with --states none nothing is kept"),
        ("compare --states=none", "with --states none nothing is kept"),
    ],
)
def test_what_goes_on_after_a_stop(
    command: str, further: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["probekit", *command.split(), "--json"])
    assert _further().startswith(further)


INTERRUPTED = """
import signal, time
import torch
from probekit.cli.signals import Stopped, stopping
from probekit.engine import waiting, workers

waiting.TICK = 1e-5

def job(tell):
    while True:
        workers.stop_if_unwanted()
        time.sleep(1e-4)

with stopping():
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
    for number in range(1000):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-3 + number * 1e-6)
            workers.at_once(torch.device("cpu"), [job, job], lambda done: None)
        except Stopped:
            pass
print("all ended")
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer sends signals here")
def test_a_signal_leaves_no_lock_taken() -> None:
    """The main thread takes the locks of jobs most of the time here."""
    out, err = begin(INTERRUPTED).communicate(timeout=60)
    assert out == "all ended\n" and not err
