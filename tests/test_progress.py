"""Progress: bars in terminals, a line in notebooks and logs, none for short work or in stdout."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import probekit as pk
from probekit import progress
from probekit.errors import InputError
from probekit.progress import Progress, reporting, shown, silent, within


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, which a test moves on."""
    seconds = [1000.0]
    monkeypatch.setattr("probekit.progress.time.monotonic", lambda: seconds[0])
    monkeypatch.setattr("rich.console.monotonic", lambda: seconds[0])
    yield seconds


def work(now: list[float], report: Progress, step: float) -> None:
    """Ten units, each of which takes `step` seconds."""
    for done in range(11):
        report("ex\x1btract", done, 10)
        now[0] += step


def into(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)


def test_a_log_has_a_line_now_and_then_with_the_time_left(
    now: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown(True) as report:
        work(now, report, 6.0)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert lines[0] == "ex\\x1btract: 20%, 0:48 left"
    assert 3 <= len(lines) <= 6


@pytest.mark.parametrize("kind", ["log", "notebook"])
def test_a_stage_that_begins_again_has_a_time_of_its_own(
    kind: str,
    now: list[float],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its first report need not be 0: others may have come before it."""
    if kind == "notebook":
        in_a_notebook(monkeypatch)
    with shown(True) as report:
        work(now, report, 600.0)
        for done in range(1, 6):
            report("ex\x1btract", done, 10)
            now[0] += 20.0
    assert "50%, 1:40 left" in capsys.readouterr().err


def test_a_terminal_has_bars(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = into(Terminal(), monkeypatch)
    with shown(True) as report:
        work(now, report, 6.0)
    assert "ex\\x1btract" in stream.getvalue() and "100%" in stream.getvalue()


def test_hours_are_told_as_hours(
    now: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with shown(True) as report:
        work(now, report, 7_200.0)
    assert "ex\\x1btract: 50%, 10:00:00 left" in capsys.readouterr().err
    stream = into(Terminal(), monkeypatch)
    with shown(True) as report:
        for done in range(6):
            report("cells", done, 10)
            now[0] += 600.0
    assert "0:50:00" in stream.getvalue()


def test_a_terminal_has_room_for_all_bars(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = into(Terminal(), monkeypatch)
    with shown(True) as report:
        report("whole", 0, 30)
        for number in range(30):
            work(now, within(report, f"{number} of 30"), 6.0)
            report("whole", number + 1, 30)
    last = stream.getvalue().rsplit("whole", 1)[1]
    assert re.findall(r"(\d+) of 30, ex\\x1btract", last) == [str(one) for one in range(25, 30)]


def test_a_notebook_has_one_line_which_goes(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = into(io.StringIO(), monkeypatch)
    in_a_notebook(monkeypatch)
    with shown(True) as report:
        work(now, report, 6.0)
    states = stream.getvalue().split("\r")
    assert "\n" not in stream.getvalue()
    assert "50%, 0:30 left" in stream.getvalue()
    assert not states[-1] and not states[-2].strip()  # what is there in the end


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("notebook", [False, True])
def test_short_work_shows_nothing(
    stream: Any, notebook: bool, now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = into(stream(), monkeypatch)
    if notebook:
        in_a_notebook(monkeypatch)
    with shown(True) as report:
        work(now, report, 0.09)
    assert written.getvalue() == ""


def test_what_progress_may_be(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    reported: list[float] = []
    with shown(lambda stage, done, total: reported.append(done)) as report:
        work(now, report, 60.0)
    assert reported == list(range(11))
    with shown(False) as report:
        work(now, report, 60.0)
    assert report is silent
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    with pytest.raises(InputError, match="progress takes True, False or a function, not 'loud'"):
        shown("loud").__enter__()  # type: ignore[arg-type]


def test_an_error_takes_the_bars_away(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = into(Terminal(), monkeypatch)

    @reporting
    def fails(*, progress: Progress | bool = True) -> None:
        assert callable(progress)
        work(now, progress, 6.0)
        raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        fails()
    hidden, back = "\x1b[?25l", "\x1b[?25h"
    assert stream.getvalue().count(hidden) == stream.getvalue().count(back) == 1


def test_verbs_are_silent_on_stdout_and_where_asked_altogether(
    small: pk.Corpus,
    tiny_bert: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    settings = pk.FitSettings(epochs=1)
    pk.probe(tiny_bert, "pos", corpus=small, fit_settings=settings, progress=False)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    pk.probe(tiny_bert, "pos", corpus=small, fit_settings=settings)
    captured = capsys.readouterr()
    assert captured.out == ""
    for line in captured.err.splitlines():
        assert "%" in line


def test_each_stage_has_a_name_of_its_own(tiny_bert: Any, small: pk.Corpus) -> None:
    """Or a terminal would show one that is over begin again."""
    seen: dict[str, list[float]] = {}

    def report(stage: str, done: float, total: float) -> None:
        seen.setdefault(stage, []).append(done / total)

    pk.probe(
        tiny_bert,
        ["pos", "distance"],
        corpus=small,
        mix=True,
        codelength=True,
        beyond=0,
        resample_train=2,
        random_control=True,
        fit_settings=pk.FitSettings(epochs=1, words=500),
        progress=report,
    )
    of_fits = {"fit", "refit", "mix", "beyond", "codelength", "fit random weights"}
    assert {*of_fits, "fit trees", "refit trees"} <= set(seen)
    for stage in of_fits:
        assert seen[stage] == sorted(seen[stage]) and seen[stage][-1] == pytest.approx(1)
