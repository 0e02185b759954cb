"""Results of every verb are drawn and printed again from their folder alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import probekit as pk
from tests.commands import run_main
from tests.reports.test_heatmap import scores
from tests.reports.test_lines_and_bars import comparison, trajectory
from tests.reports.test_use_bars import use_change

EMPTY = pd.DataFrame({"nothing": [1]})


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Results of each verb, written."""
    scores().write(tmp_path / "probe")
    comparison(-0.3).write(tmp_path / "compare")
    trajectory().write(tmp_path / "trace")
    use_change().write(tmp_path / "use")
    return tmp_path


DRAWN = [(verb, kind) for verb in ("heatmap", "lines") for kind in ("probe", "compare", "trace")]


@pytest.mark.parametrize(("verb", "kind"), [*DRAWN, ("bars", "compare"), ("bars", "use")])
def test_it_is_drawn_again(
    verb: str,
    kind: str,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folders)
    status, out, err = run_main(
        [verb, kind, "--greyscale", "--out", "again.svg"], monkeypatch, capsys
    )
    assert (status, out, err) == (0, "again.svg\n", "")
    getattr(pk, verb)(pk.read(kind), "python.svg", greyscale=True)
    assert Path("again.svg").read_bytes() == Path("python.svg").read_bytes()


def test_options_of_cells(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folders)
    style = ["--cmap", "viridis", "--vmin", "0", "--vmax", "1", "--digits", "3"]
    status, _, _ = run_main(["heatmap", "probe", *style, "--out", "a.svg"], monkeypatch, capsys)
    assert status == 0 and ">0.910<" in Path("a.svg").read_text()
    status, _, err = run_main(["heatmap", "probe", "--cmap", "virids"], monkeypatch, capsys)
    assert status == 2 and "did you mean 'viridis'" in err


def test_the_table_is_printed_again(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folders)
    status, out, _ = run_main(["table", "probe"], monkeypatch, capsys)
    assert status == 0 and "Best layer of each task on c" in out
    status, out, err = run_main(["table", "probe", "--latex"], monkeypatch, capsys)
    assert (status, out, err) == (0, pk.latex(pk.read("probe")), "")
