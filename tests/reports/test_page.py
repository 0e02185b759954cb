"""The HTML page: its numbers are those of the files, its text stays text, and mistakes are errors
of a line."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.forgetting.comparison import LARGE, Comparison
from probekit.forgetting.flipped import FlippedRow
from probekit.probes.score_rows import SCORES
from probekit.reports.page.grid import MOST_ROWS, grid
from probekit.reports.page.sections import SECTIONS
from probekit.reports.page.sections.flipped import marked
from probekit.reports.read import KINDS as READ
from probekit.results import columnar
from probekit.results.results import Results
from probekit.results.run import Measurement, Run
from probekit.tuning.record import TRAINING
from tests.commands import run_main
from tests.reports.page_made import made_of, same_corpus
from tests.reports.page_read import PageReader, ReadTable
from tests.results import made

EVIL = "</script><img src=x onerror=broken=1>"
SCRIPT = "<script>broken=1</script>"
QUOTED = '" onmouseover="broken=1" x="'
BRACES = "{{ 7 * 7 }}{% raw %}"
DIGITS = 1e-6  # files have six decimals


def page_of(*folders: Path) -> PageReader:
    out = pk.report(folders, folders[0].parent / "report.html")
    return PageReader(out.read_text(encoding="utf-8"))


def rows_of(table: ReadTable) -> list[dict[str, str]]:
    """The rows of the file that a table says it is from."""
    with (Path(table.folder) / table.source).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def shown_within(text: str, value: float) -> bool:
    """Whether a text shows a number, rounded as far as its own digits go."""
    decimals = len(text.partition(".")[2].partition("e")[0])
    tolerance = 0.5 * 10.0**-decimals if abs(value) >= 0.0005 or not value else 0.0005
    return abs(number(text) - value) <= tolerance * 1.001


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_number_of_a_table_is_that_of_its_file(kind: type[Results], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    made_of(kind).write(folder)
    page, checked = page_of(folder), 0
    tables = [table for table in page.tables if table.source]
    assert tables
    for table in tables:
        rows = rows_of(table)
        for place, cells in table.rows.items():
            for column, (text, value) in zip(table.columns, cells, strict=True):
                written = rows[place][column]
                if value:
                    assert float(value) == pytest.approx(float(written), abs=DIGITS), column
                    assert shown_within(text, float(written)), (column, text, written)
                    checked += 1
                else:
                    assert not re.fullmatch(r"−?[\d.,]+", text) or text == written, column
        for column, text in table.same.items():
            assert {number(text) if row[column].isdecimal() else text for row in rows} == {
                float(row[column]) if row[column].isdecimal() else row[column] for row in rows
            }
    assert checked > 50


def test_a_number_that_is_wrong_would_be_noticed() -> None:
    assert shown_within("0.988", 0.98765) and shown_within("−0.500", -0.5)
    assert shown_within("0.0001", 0.00012) and shown_within("1,234", 1234.4)
    assert not shown_within("0.989", 0.98765) and not shown_within("0.500", -0.5)


def test_best_layers_are_means_over_seeds_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = []
    for layer in range(4):
        for seed in range(3):
            values = {"score": rng.random(), "ci_low": 0.1, "ci_high": 0.9}
            names = {"model": "m", "task": "t", "corpus": "c", "probe": "linear"}
            about = {"layer": layer, "seed": seed, "dev_score": layer == 2, "epoch": 1}
            rows.append({**names, **values, **about, "metric": "accuracy"})
    for probe, score in (("majority", 0.25), ("lexical", 0.375)):
        names = {"model": "m", "task": "t", "corpus": "c", "metric": "accuracy"}
        rows.append({**names, "probe": probe, "layer": None, "score": score})
    pk.Scores(made.filled(SCORES, rows)).write(tmp_path / "run")
    page = page_of(tmp_path / "run")
    (table,) = (one for one in page.tables if not one.source)
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    scores = pd.read_csv(tmp_path / "run" / "scores.csv")
    mean = scores[scores["layer"] == 2]["score"].mean()
    assert float(cells["score"][1]) == pytest.approx(mean, abs=1e-9)
    assert (cells["layer"][1], cells["majority"][0], cells["lexical"][0]) == ("2", "0.250", "0.375")
    first = scores[scores["layer"] == 0]["score"].mean()
    assert float(cells["score_layer_0"][1]) == pytest.approx(first, abs=1e-9)
    drawn = {f"{value:.2f}" for value in scores.groupby("layer")["score"].mean()}
    assert drawn <= {text.strip() for text in page.text}


def test_a_long_table_says_where_the_rest_is(tmp_path: Path) -> None:
    about = {"model": "m", "task": "t", "corpus": "c", "probe": "linear", "metric": "accuracy"}
    same = {**about, "layer": 0, "score": 0.5, "dev_score": 0.5, "ci_low": 0.4}
    rows = [{**same, "ci_high": 0.6, "seed": seed} for seed in range(301)]
    pk.Scores(made.filled(SCORES, rows)).write(tmp_path / "run")
    page = page_of(tmp_path / "run")
    (table,) = (one for one in page.tables if one.source == "scores.csv")
    assert len(table.rows) == MOST_ROWS
    text = " ".join("".join(page.text).split())
    assert "the first 300 of 301 rows, and the filter sees no others; scores.csv in the" in text


def test_verdicts_are_columns_even_where_all_are_the_same() -> None:
    frame = pd.DataFrame({"criterion": ["pos", "dep"], "verdict": "PASS", "corpus": "c"})
    shown = grid("Criteria", frame, {})
    assert [heading.name for heading in shown.headings] == ["criterion", "verdict"]
    assert {row.cells[1].tone for row in shown.rows} == {"good"}
    assert shown.same == [("corpus", "c")]


def evil_comparison() -> Comparison:
    """A comparison with code in the names of models, tasks and labels, and in a sentence."""
    found = made.comparison(0.25)
    tables = {name: getattr(found, name).head(3).copy() for name in found.TABLES}
    for frame in tables.values():
        frame["before"], frame["after"] = QUOTED, BRACES
        frame["corpus"], frame["corpus_fingerprint"] = "c", "0"
        if "task" in frame:
            frame["task"] = [f"t{place}" for place in range(len(frame))]
            frame.loc[0, "task"] = SCRIPT
    tables["by_label"]["value"] = EVIL
    tables["by_label"]["p_adjusted"] = 0.01
    tables["best"]["verdict"] = EVIL
    about = dict.fromkeys(("before_fingerprint", "after_fingerprint", "task_fingerprint"), "")
    flipped = FlippedRow(
        **about,
        before=QUOTED,
        after=BRACES,
        task=SCRIPT,
        corpus="c",
        corpus_fingerprint="0",
        layer_before=1,
        layer_after=1,
        instance=0,
        sentence=EVIL,
        text=f"an old {EVIL} dog",
        words="old",
        gold=EVIL,
        predicted=QUOTED,
        right_before=1.0,
        right_after=0.0,
        slices=["seen: no"],
    )
    large = columnar.from_rows(LARGE["flipped"], [flipped])
    return Comparison(**tables, flipped=large, run=found.run, warnings=(EVIL,))


def test_what_looks_like_code_stays_text(tmp_path: Path) -> None:
    evil_comparison().write(tmp_path / "evil")
    out = pk.report(tmp_path / "evil", tmp_path / "report.html", title=EVIL)
    page = PageReader(out.read_text(encoding="utf-8"))
    assert len(page.named("script")) == 1 and not page.named("img")
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
    said = "".join(page.text)
    for text in (EVIL, SCRIPT, QUOTED, BRACES):
        assert text in said
    assert page.named("mark")


def trained(kind: type[Results]) -> Results:
    """Results of a model that was trained on a table and probed on the corpus `sample`."""
    model = {"weights": "0123456789abcdef", "tokenizer": "ef"}
    read = {"model": model, "corpus": {"text": "99"}, "subwords": "mean", "computed_in": "float32"}
    measurements = (
        Measurement(
            model=QUOTED,
            corpus=EVIL,
            source=f"./{SCRIPT}",
            context=TRAINING,
            fingerprints={"model": model, "corpus": {"text": "77"}},
            passages={"train": 12_345, "dev": 61, "test": 62},
            tasks={EVIL: {"classes": ("A", BRACES), "instances": {"train": 12_345}}},
        ),
        Measurement(
            model=QUOTED, corpus="c", source="sample", context="sentence", fingerprints=read
        ),
    )
    run = Run(command=("probekit", kind.MADE_BY), measurements=measurements)
    return replace(made_of(kind), run=run)


@pytest.mark.parametrize("kind", [pk.Tuned, pk.RecipeScores, pk.Transfer])
def test_what_was_trained_and_probed_is_on_the_page(kind: type[Results], tmp_path: Path) -> None:
    trained(kind).write(tmp_path / "run")
    page = page_of(tmp_path / "run")
    models, corpora, tasks = (table for table in page.tables if table.folder == "measured")

    def texts(table: ReadTable) -> list[dict[str, str]]:
        found = []
        for row in table.rows.values():
            shown = [text for text, _ in row]
            found.append(dict(zip(table.columns, shown, strict=True)))
        return found

    (model,) = texts(models)  # once, though training and probing recorded it
    assert model["model"] == QUOTED and model["weights"] == "0123456789ab"
    assert (model["word vector"], model["computed in"]) == ("mean", "float32")
    table, corpus = texts(corpora)
    assert (table["corpus"], table["loaded from"], table["text"]) == (EVIL, f"./{SCRIPT}", "77")
    assert table["sentences"] == "train 12,345, dev 61, test 62"
    assert table["licence"] == "not known: it has no card" and corpus["licence"] == "CC0-1.0"
    (task,) = texts(tasks)
    assert (task["task"], task["labels"], task["instances"]) == (EVIL, "2", "train 12,345")
    assert len(page.named("script")) == 1 and not page.named("img")
    assert f"probekit {kind.MADE_BY}" in "".join(page.text)


def test_layers_that_never_fell_are_not_listed_as_if_they_had(tmp_path: Path) -> None:
    found = made_of(pk.Trajectory)
    assert isinstance(found, pk.Trajectory)
    fallen = [table.source for table in _page_of(found, tmp_path / "fell").tables]
    assert "fell.csv" in fallen
    never = replace(found, fell=found.fell.assign(step=None))
    page = _page_of(never, tmp_path / "never")
    assert "fell.csv" not in [table.source for table in page.tables]
    assert "No layer fell below it." in "".join(page.text)


def test_an_attribution_names_its_model_and_says_all_labels(tmp_path: Path) -> None:
    found = made_of(pk.Attribution)
    assert isinstance(found, pk.Attribution)
    random = found.decisions.assign(model="random:m:0")
    both = pd.concat([found.decisions, random], ignore_index=True)
    page = _page_of(replace(found, decisions=both), tmp_path / "run")
    said = "".join(page.text)
    assert "What decisions rest on: pos, layer 1 of m\n" in said
    (means,) = (table for table in page.tables if table.source == "positions.csv")
    labels = [row[means.columns.index("label")][0] for row in means.rows.values()]
    assert labels == ["all labels", "all labels", "NOUN", "NOUN"]


def _page_of(found: Results, folder: Path) -> PageReader:
    found.write(folder)
    return page_of(folder)


def test_a_span_is_marked_only_where_its_place_is_known() -> None:
    assert marked("a b a", "b") == [("a", False), ("b", True), ("a", False)]
    assert marked("a b a", "a") == [("a", False), ("b", False), ("a", False)]
    assert marked("a b c", "a … c") == [("a", True), ("b", False), ("c", True)]
    assert marked("a b", "") == [("a", False), ("b", False)]


@pytest.mark.slow
def test_a_page_has_landmarks_headings_in_order_and_names_for_everything(tmp_path: Path) -> None:
    folders = []
    for name, kind in (("scores", pk.Scores), ("change", pk.Comparison), ("erased", pk.Erasure)):
        made_of(kind).write(tmp_path / name)
        folders.append(tmp_path / name)
    values = {"corpus": "c", "corpus_fingerprint": ""}
    for kind, folder in ((pk.Comparison, folders[1]), (pk.Erasure, folders[2])):
        same_corpus(kind.read(folder), values).write(folder)
    page = page_of(*folders)
    for landmark in ("header", "main", "nav", "footer"):
        assert len(page.named(landmark)) == 1
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    for above, below in zip(page.headings, page.headings[1:], strict=False):
        assert below <= above + 1
    assert len(page.named("caption")) == len(page.tables)
    for given in page.named("th"):
        assert given["scope"] in ("col", "row")
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    pictures = page.named("svg")
    assert len(pictures) >= 4
    for given in pictures:
        assert given["role"] == "img" and given["aria-labelledby"] in ids
    targets = [given["href"] for given in page.named("a")]
    assert targets and all(target[1:] in ids for target in targets)
    assert page.named("html")[0]["lang"] == "en"


def test_every_kind_of_results_has_a_section() -> None:
    assert set(SECTIONS) == set(READ) == set(made.KINDS)


@pytest.mark.slow
def test_the_same_results_give_the_same_page_and_name_nothing_outside(tmp_path: Path) -> None:
    made.scores(0.5).write(tmp_path / "run")
    pages = [pk.report(tmp_path / "run", tmp_path / f"{name}.html").read_bytes() for name in "ab"]
    assert pages[0] == pages[1]
    page = PageReader(pages[0].decode())
    loading = ("src", "srcset", "data", "poster", "action")
    for tag, given in page.tags:
        assert not set(loading) & set(given)
        if "href" in given or "xlink:href" in given:
            target = given.get("href", given.get("xlink:href", ""))
            assert target.startswith(("#", "data:image/png;base64,"))
        assert tag not in ("link", "iframe", "object", "embed", "base")
    (policy,) = (one["content"] for one in page.named("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none'") and "unsafe-eval" not in policy


def test_warnings_commands_and_references_are_there(tmp_path: Path) -> None:
    made.scores(0.5).write(tmp_path / "run")
    said = "".join(page_of(tmp_path / "run").text)
    for text in ("one", "two", "probekit probe", "Tenney et al. 2019a", "numpy 2"):
        assert text in said


# Mistakes


def run(arguments: list[str], monkeypatch: Any, capsys: Any) -> tuple[int, str]:
    status, out, err = run_main(["report", *arguments], monkeypatch, capsys)
    assert not out if status else out
    return status, err


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        ("nothing", ["run"], "no results in run"),
        ("empty", ["run"], "no results in run"),
        ("twice", ["run", "./run"], "folders has run twice"),
        ("one", ["run", "--out", "run"], "out is run, a folder"),
        ("one", ["run", "--out", "page.pdf"], "a name that ends in .html"),
        ("one", ["run", "--out", "run/scores.csv/page.html"], "a file of that name is in the way"),
        ("one", ["run", "--title", " "], "title is empty"),
        ("damaged", ["run"], "was changed or damaged"),
        ("unreadable", ["run"], "is damaged"),
        ("other", ["run", "other"], "are of different corpora: other of d, run of c"),
        ("changed", ["run", "other"], "both named c"),
    ],
)
def test_a_mistake_is_a_line_or_two(
    prepare: str,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    if prepare != "nothing":
        folder.mkdir()
    if prepare not in ("nothing", "empty"):
        made.scores(0.5).write(folder)
    if prepare == "damaged":
        (folder / "scores.csv").write_text("model\nx\n", encoding="utf-8")
    if prepare == "unreadable":
        (folder / "run.json").write_text("{", encoding="utf-8")
    other = {"other": {"corpus": "d"}, "changed": {"corpus_fingerprint": "1"}}
    if prepare == "changed":
        same_corpus(made.scores(0.5), {"corpus_fingerprint": "0"}).write(folder)
    if prepare in other:
        same_corpus(made.scores(0.5), other[prepare]).write(tmp_path / "other")
    status, error = run(arguments, monkeypatch, capsys)
    assert status == 2 and message in error, error
    assert len(error.strip().splitlines()) <= 2 and "Traceback" not in error
    assert not list(tmp_path.rglob("*.html"))


@pytest.mark.slow
def test_a_page_that_would_be_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.scores(0.5).write(tmp_path / "run")
    monkeypatch.setattr("probekit.reports.page.report.LARGEST", 1_000)
    with pytest.raises(pk.ProbekitError, match="5 MB is the most: give fewer"):
        pk.report(tmp_path / "run", tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
