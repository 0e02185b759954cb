"""Track: what TensorBoard reads back is what the CSV files say."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import probekit as pk
from probekit.errors import InputError
from probekit.forgetting.behaviour_steps import BEHAVIOUR_STEPS
from probekit.forgetting.comparison import OPTIONAL, TABLES
from probekit.forgetting.trajectory import FELL, STEPS, SUMMARY
from probekit.probes.score_rows import SCORES
from probekit.reports import track as tracking
from probekit.results.results import Results
from tests.results.made import filled, gated
from tests.test_cli import Run, run  # noqa: F401 - a fixture

Logged = dict[tuple[str, int], float]


def logged(folder: Path) -> Logged:
    """What TensorBoard reads in a run's folder, to six decimals."""
    events = EventAccumulator(str(folder)).Reload()
    found: Logged = {}
    for tag in events.Tags()["scalars"]:
        for one in events.Scalars(tag):
            assert (tag, one.step) not in found
            found[tag, one.step] = round(one.value, 6)
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scores() -> pk.Scores:
    rows = []
    for task in ("pos", "dep"):
        for seed in (0, 1):
            about: dict[str, Any] = {"model": "m", "task": task, "corpus": "c", "seed": seed}
            for layer in range(3):
                score = 0.123457 + 0.1 * layer + 0.01 * seed
                rows.append({**about, "probe": "linear", "layer": layer, "score": score})
        rows.append({**about, "seed": 0, "probe": "majority", "layer": None, "score": 0.3})
    return pk.Scores(filled(SCORES, rows))


def comparison() -> pk.Comparison:
    about: dict[str, Any] = {"before": "a", "task": "pos", "corpus": "c"}
    rows, behaviour = [], []
    for after, delta in (("x/1", -0.1), ("x/2", -0.2)):
        change = {"after": after, "score_before": 0.9, "score_after": 0.9 + delta, "delta": delta}
        rows += [{**about, **change, "layer": layer, "retention": 0.5} for layer in range(2)]
        rows.append({**about, **change, "layer": 2})
        behaviour.append({**about, **change, "task": "agreement", "metric": "accuracy"})
    empty = {name: filled(schema, []) for name, schema in TABLES.items() if name != "comparison"}
    return pk.Comparison(
        filled(TABLES["comparison"], rows),
        **empty,
        behaviour=filled(OPTIONAL["behaviour"], behaviour),
    )


def trajectory() -> pk.Trajectory:
    rows, behaviour = [], []
    for step in (0, 10, 20):
        about: dict[str, Any] = {"model": f"checkpoint-{step}", "step": step, "corpus": "c"}
        for task in ("pos", "dep"):
            for layer in range(2):
                score = 0.9 - step / 100
                row = {"task": task, "layer": layer, "score": score, "retention": score}
                rows.append({**about, **row})
        bits = {"task": "bits", "metric": "bits", "score_after": 8.123457, "delta": step / 10}
        behaviour.append({**about, **bits})
    tables = (filled(STEPS, rows), filled(FELL, []), filled(SUMMARY, []))
    return pk.Trajectory(*tables, behaviour=filled(BEHAVIOUR_STEPS, behaviour))


COLUMNS = {
    "scores.csv": ("layer", ("score",)),
    "comparison.csv": ("layer", ("score_before", "score_after", "delta", "retention")),
    "trajectory.csv": ("step", ("score", "retention")),
    "behaviour.csv": ("", ("score_before", "score_after", "delta")),
    "behaviour_steps.csv": ("step", ("score_after", "delta")),
}


@pytest.mark.parametrize("made", [scores, comparison, trajectory])
def test_every_value_of_the_files_is_read_back(made: Any, tmp_path: Path) -> None:
    results: Results = made()
    results.write(tmp_path / "o")
    found = logged(pk.track(made(), tmp_path / "runs", name="o"))
    expected = []
    for name, (along, measures) in COLUMNS.items():
        if not (tmp_path / "o" / name).exists():
            continue
        for row in rows_of(tmp_path / "o" / name):
            at = int(row[along] or 0) if along else 0
            for measure in measures:
                if row[measure]:
                    expected.append((measure, row["task"], at, float(row[measure])))
    told = []
    for (tag, step), value in found.items():
        measure, task, *_ = tag.split("/")
        told.append((measure, task, step, value))
    assert sorted(told) == sorted(expected) and len(told) > 10


def test_curves_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    tags = {tag for tag, _ in logged(pk.track(scores(), tmp_path))}
    assert tags == {
        *(f"score/{task}/linear/seed {seed}" for task in ("pos", "dep") for seed in (0, 1)),
        "score/pos/majority/seed 0",
        "score/dep/majority/seed 0",
    }
    tags = {tag for tag, _ in logged(pk.track(trajectory(), tmp_path))}
    assert {"retention/pos/layer 1", "score/dep/layer 0", "delta/bits"} <= tags
    tags = {tag for tag, _ in logged(pk.track(comparison(), tmp_path))}
    assert {"delta/pos/x/1", "delta/agreement/x/2"} <= tags


def test_a_run_is_replaced_and_others_stay(tmp_path: Path) -> None:
    first = pk.track(scores(), tmp_path, name="one")
    (first / "events.out.tfevents.of-another-program").write_bytes(b"")
    assert pk.track(scores(), tmp_path, name="one") == first
    assert len(list(first.iterdir())) == 2
    assert pk.track(scores(), tmp_path, name="two") != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_pictures_are_logged(tmp_path: Path) -> None:
    Figure(figsize=(2, 1)).savefig(tmp_path / "heatmap.png")
    place = pk.track(scores(), tmp_path / "runs", pictures=tmp_path / "heatmap.png")
    events = EventAccumulator(str(place)).Reload()
    assert events.Tags()["images"] == ["heatmap"]
    (image,) = events.Images("heatmap")
    assert (image.width, image.height) == (200, 100)
    (tmp_path / "bad.png").write_text("no picture", encoding="utf-8")
    for path in ("bad.png", "none.png"):
        with pytest.raises(InputError, match="cannot be read as PNG"):
            pk.track(scores(), tmp_path / "runs", pictures=[tmp_path / path])


def test_a_missing_package_is_told_in_a_line_before_any_work(
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda _: None)
    arguments = ("probe", "--model", "./none", "--task", "pos", "--track", tmp_path / "runs")
    status, out, err = run(*arguments)
    message = (
        "error: logging for TensorBoard needs tensorboard: pip install 'probekit-nlp[track]'\n"
    )
    assert (status, out, err) == (2, "", message)
    with pytest.raises(InputError, match=r"probekit-nlp\[track\]"):
        pk.track(scores(), tmp_path)


def test_results_of_other_verbs_are_refused() -> None:
    with pytest.raises(InputError, match="results takes"):
        pk.track(gated(0.5), "runs")


def test_a_command_logs_what_it_wrote(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--task", "pos", "--corpus", brief, "--layers", "0,3", "--track", "runs")
    status, out, err = run("probe", "--model", tiny_bert, *options, "--out", "o")
    assert status == 0, err
    assert "logged to runs/o: tensorboard --logdir runs" in out
    found = logged(tmp_path / "runs" / "o")
    assert len(found) == len(rows_of(tmp_path / "o" / "scores.csv"))
    for row in rows_of(tmp_path / "o" / "scores.csv"):
        at = int(row["layer"] or 0)
        assert found[f"score/pos/{row['probe']}", at] == float(row["score"])
    events = EventAccumulator(str(tmp_path / "runs" / "o")).Reload()
    assert events.Tags()["images"] == ["heatmap"]
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, _, err = run("probe", "--model", tiny_bert, *options[:-1], "file")
    assert status == 2 and err == "error: --track file is a file: give a folder\n"
