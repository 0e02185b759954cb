"""LaTeX and Markdown files: numbers are those of the CSV, rounded, and no name is a command."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markdown_it import MarkdownIt

import probekit as pk
from probekit.errors import InputError, StoreError
from probekit.forgetting.comparison import TABLES, Comparison
from probekit.reports.latex import as_latex
from probekit.reports.markdown import as_markdown, escaped
from probekit.reports.table import Column, Table
from tests.reports.test_heatmap import scores
from tests.results.made import filled

EVIL = r"\input{x} 100% a_b $x^2$ #1 & {~} <i>*b*</i> `c` [d](http://e) www.f.org | \| " + '"g"'
EMPTY = pd.DataFrame()


def comparison() -> Comparison:
    """One task, whose best layers are not the last."""
    about: dict[str, Any] = {"before": "b", "after": "a", "task": "pos", "corpus": "c"}
    changes: dict[str, Any] = {"score_before": 0.91234, "score_after": 0.80006, "delta": -0.11228}
    changes |= {"ci_low": -0.1305, "ci_high": -0.09876, "p_adjusted": 0.00124}
    changes |= {"detectable": 0.0151, "retention": 0.8765, "metric": "accuracy"}
    best = {**about, **changes, "layer_before": 3, "layer_after": 4}
    last = {**about, **changes, "layer": 6, "layer_after": 6, "score_after": 0.7}
    tables = {"comparison": filled(TABLES["comparison"], [last])}
    tables["best"] = filled(TABLES["best"], [best])
    drop = {**about, "layer": 6, "drop": 0.1, "loss": 0.1, "loss_low": 0.05, "loss_high": 0.15}
    tables["decomposition"] = filled(TABLES["decomposition"], [drop])
    return Comparison(**{name: tables.get(name, EMPTY) for name in TABLES})


def cells_in_latex(text: str) -> list[list[str]]:
    """The cells of the first table, without commands."""
    rows = []
    for line in text.splitlines():
        if line.endswith(r" \\"):
            plain = line.removesuffix(r" \\").replace("$-$", "-").replace("--", "–")
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)&", plain)])
    return rows[1:]


def cells_in_markdown(text: str) -> list[list[str]]:
    """The cells of the first table, as a Markdown parser reads them."""
    rows: list[list[str]] = []
    in_cell = False
    for token in MarkdownIt().enable("table").parse(text):
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("td_open", "td_close"):
            in_cell = token.type == "td_open"
        if token.type == "inline" and in_cell:
            rows[-1].append("".join(part.content for part in token.children or []))
    return rows[1:]


def made(form: str, results: Any, folder: Path) -> list[list[str]]:
    """The cells of the first table in a file of a form."""
    results.write(folder / "run")
    if form == "latex":
        files = pk.latex_files(folder / "run", folder / "out")
        return cells_in_latex(files[0].read_text(encoding="utf-8"))
    files = pk.markdown_file(folder / "run", folder / "out.md")
    return cells_in_markdown(files[-1].read_text(encoding="utf-8"))


@pytest.mark.parametrize("form", ["latex", "markdown"])
def test_scores_are_those_of_the_csv_rounded(form: str, tmp_path: Path) -> None:
    found = made(form, scores(), tmp_path)
    kept = pd.read_csv(tmp_path / "run" / "scores.csv")
    assert len(found) == 2
    for cells in found:
        task, layer, score, interval, at_0, _, majority, metric = cells
        of_task = kept[kept["task"] == task]
        row = of_task[of_task["layer"] == int(layer.split()[0])].iloc[0]
        assert score == f"{row['score']:.3f}" and metric == row["metric"]
        assert interval == f"{row['ci_low']:.3f}–{row['ci_high']:.3f}"
        assert at_0 == f"{of_task[of_task['layer'] == 0]['score'].item():.3f}"
        baseline = of_task[of_task["probe"] == "majority"]["score"].item()
        assert float(majority) == pytest.approx(baseline, abs=0.0005)


@pytest.mark.parametrize("form", ["latex", "markdown"])
def test_changes_are_those_of_the_csv_rounded(form: str, tmp_path: Path) -> None:
    best, last = made(form, comparison(), tmp_path)
    kept = pd.read_csv(tmp_path / "run" / "best.csv").iloc[0]
    numbers = [float(cell) for cell in best[2:5]]
    expected = [kept["score_before"], kept["score_after"], 100 * kept["delta"]]
    assert numbers == pytest.approx(expected, abs=0.05) and numbers[:2] == [0.912, 0.8]
    assert best[4:8] == ["-11.2", "-13.1 to -9.9", "0.001", "1.5"]
    assert best[8].replace("\\", "") == "88%" and last[3] == "0.700"


@pytest.mark.slow
def test_files_are_named_for_their_folders(tmp_path: Path) -> None:
    for place in ("a/run_1", "b/run_1"):
        scores().write(tmp_path / place)
    folders = [tmp_path / "a" / "run_1", tmp_path / "b" / "run_1" / "scores.csv"]
    files = pk.latex_files(folders, tmp_path / "out", style="paper")
    names = [path.name for path in files]
    assert names == [
        *("run-1-scores.tex", "run-1-heatmap.pdf", "run-1-lines.pdf"),
        *("run-1-2-scores.tex", "run-1-2-heatmap.pdf", "run-1-2-lines.pdf"),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert r"\label{tab:run-1-2-scores}" in files[3].read_text(encoding="utf-8")
    page = pk.markdown_file(folders, tmp_path / "my page.md")[-1].read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", page)
    assert len(pictures) == 4
    for picture in pictures:
        assert (tmp_path / picture.replace("%20", " ")).stat().st_size > 1000


def test_markdown_has_warnings_and_notes(tmp_path: Path) -> None:
    replace(comparison(), warnings=("b*b*b",)).write(tmp_path / "run")
    text = pk.markdown_file(tmp_path / "run", tmp_path / "x.md")[-1].read_text(encoding="utf-8")
    assert r"> b\*b\*b" in text and "MDE: minimum detectable effect" in text
    assert text.startswith("## run\n\n") and text.endswith(")\n")


def test_text_is_the_same_after_markdown_is_read() -> None:
    table = Table("t", [Column(EVIL, False), Column("n")], [[EVIL, "-1.2"], ["", "1"]])
    (first, second) = cells_in_markdown(as_markdown(table))
    assert first == [EVIL.strip(), "-1.2"] and second == ["", "1"]
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    (paragraph,) = (token for token in parser.parse(escaped(EVIL)) if token.type == "inline")
    assert {part.type for part in paragraph.children or []} <= {"text", "text_special"}
    assert escaped("a\nb\x1b") == r"a b\\x1b"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="LaTeX is not installed")
@pytest.mark.parametrize("encoding", ["OT1", "T1"])
def test_a_paper_takes_them(encoding: str, tmp_path: Path) -> None:
    table = Table(EVIL, [Column(EVIL, False), Column("n")], [[EVIL, "-1.2"]], note="naïve → ×…")
    (tmp_path / "evil.tex").write_text(as_latex(table, "tab:evil"), encoding="utf-8")
    scores().write(tmp_path / "run")
    pk.latex_files(tmp_path / "run", tmp_path)
    lines = [
        r"\documentclass{article}",
        rf"\usepackage[{encoding}]{{fontenc}}",
        r"\usepackage{booktabs,graphicx}",
        r"\begin{document}",
        r"\input{evil}\input{run-scores}",
        r"Table~\ref{tab:run-scores}. \includegraphics{run-heatmap}",
        r"\end{document}",
    ]
    (tmp_path / "paper.tex").write_text("\n".join(lines), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_results_without_rows_are_refused(tmp_path: Path) -> None:
    pk.Scores(EMPTY).write(tmp_path / "run")
    for write in (pk.latex_files, pk.markdown_file):
        with pytest.raises(InputError, match="the results in run have no rows"):
            write(tmp_path / "run", tmp_path / "out.md")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_nothing_is_written_where_one_file_cannot_be(tmp_path: Path) -> None:
    scores().write(tmp_path / "run")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run-lines.pdf").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        pk.latex_files(tmp_path / "run", tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        pk.markdown_file(tmp_path / "run", tmp_path / "file" / "x.md")
