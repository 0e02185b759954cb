"""Gate: what a policy may say, what is judged, and how a command and its files tell the verdict."""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel

import probekit as pk
from probekit.cli.gate import workflow_commands
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ProbekitError
from probekit.forgetting.behaviour_steps import BEHAVIOUR_STEPS
from probekit.forgetting.comparison import LARGE, OPTIONAL, TABLES, Comparison
from probekit.forgetting.gate.example import EXAMPLE
from probekit.forgetting.gate.margin import loss, retention
from probekit.forgetting.gate.policy import Criterion, read_policy
from probekit.forgetting.gate.target import read_target
from probekit.forgetting.trajectory import BEST_STEPS, FELL, STEPS, SUMMARY
from probekit.reports.junit import as_junit
from probekit.reports.tables.gate import needed_text
from probekit.results import columnar
from probekit.results.run import Run as Record
from probekit.tuning.recipe_scores import CELLS as RECIPE_CELLS
from probekit.tuning.recipe_scores import TRADES
from tests.language_models import make_language_model
from tests.results.made import arrow, filled, only
from tests.test_cli import Run, run  # noqa: F401 - a fixture

QUICK: dict[str, Any] = {"resample_train": 0, "layers": (0, 3), "progress": False}
OPTIONS = ("--resample-train", 0, "--layers", "0,3")
EVIL = 'n\x1b[31m<script>&"%\n::error::x'


def policy(folder: Path, *criteria: str, top: str = "") -> Path:
    """A policy with these criteria."""
    path = folder / "policy.toml"
    tables = [f"[[criterion]]\n{text}\n" for text in criteria]
    path.write_text("\n".join([top, *tables]), encoding="utf-8")
    return path


def compared(
    delta: float,
    half: float,
    *,
    value: str = "NOUN",
    n: int = 10_000,
    resampled: str = "sentence",
) -> Comparison:
    """A comparison of two checkpoints with one task of probes and two of behaviour."""
    ends = {"delta": delta, "ci_low": delta - half, "ci_high": delta + half}
    about: dict[str, Any] = {"before": "a", "after": "b", "task": "pos", "corpus": "c"}
    about |= {"before_fingerprint": "1", "after_fingerprint": "2", "seeds": 3, "groups": 900}
    about |= {"resampled": resampled}
    sources = {"from_test": 0.9, "from_seeds": 0.1, "n_test": n, "metric": "accuracy"}
    scores = {"score_before": 0.9, "score_after": 0.9 + delta, "retention": 0.9, "floor": 0.4}
    task = {**about, **ends, **sources, **scores}
    of_part = {**about, **ends, **sources}
    del of_part["metric"]
    kinds = [
        {**of_part, "kind": "label", "value": value, "layer": 6},
        {**of_part, "kind": "seen", "value": "no", "n_test": 50, "layer": 6},
    ]
    own = {name: one for name, one in task.items() if name in OPTIONAL["behaviour"].names}
    worse = {"delta": -delta, "ci_low": -delta - half, "ci_high": -delta + half}
    behaviour = [
        {**own, "task": "agreement"},
        {**own, "task": "bits", "metric": "bits", "score_before": 8.0, **worse},
    ]
    flip = {**about, "instance": 3, "sentence": "s", "text": f"a {value} b", "words": value}
    flip |= {
        "layer_before": 6,
        "layer_after": 6,
        "gold": value,
        "predicted": "VERB",
        "right_before": 1.0,
        "right_after": 0.0,
    }
    flip |= {"slices": ["seen: no"]}
    return Comparison(
        comparison=filled(
            TABLES["comparison"], [task | {"layer": 0}, task | {"layer": 6, "layer_after": 6}]
        ),
        best=filled(TABLES["best"], [task | {"layer_before": 6, "layer_after": 6}]),
        decomposition=filled(TABLES["decomposition"], []),
        similarity=filled(TABLES["similarity"], []),
        by_label=filled(TABLES["by_label"], kinds),
        behaviour=filled(OPTIONAL["behaviour"], behaviour),
        flipped=arrow(LARGE["flipped"], [flip]),
    )


# What a policy says


def test_the_example_is_a_policy(tmp_path: Path) -> None:
    (tmp_path / "example.toml").write_text(EXAMPLE, encoding="utf-8")
    found = read_policy(tmp_path / "example.toml")
    assert found.task_names == ["pos", "dep"] and found.correction == "holm"
    assert [one.margin.unit for one in found.criterion] == ["points", "retention", "points"]
    # What is commented out is right too.
    whole = []
    for line in EXAMPLE.splitlines():
        is_key = line.startswith("# ") and (" = " in line or line.startswith("# [["))
        whole.append(line[2:] if is_key else line)
    (tmp_path / "whole.toml").write_text("\n".join(whole), encoding="utf-8")
    assert len(tomllib.loads("\n".join(whole))["criterion"]) == 7
    found = read_policy(tmp_path / "whole.toml")
    assert len(found.criterion) == 7 and found.extract_settings().layers == (0, 3, 6)


def test_margins_have_units() -> None:
    assert loss("1 point").most == 0.01 and loss("0.1 bits").most == 0.1
    assert retention(" 97.5% ").most == pytest.approx(0.025)
    for text in ("0 points", "0.01", "1", "", "1%", "101 points", "-1 points", "1 pionts", "1e3"):
        with pytest.raises(InputError):
            loss(text)
    for text in ("100%", "120%", "0%", "0.95%", "0.95", "95", "5 points"):
        with pytest.raises(InputError):
            retention(text)


MISTAKES = [
    ('taks = "pos"\nlose_at_most = "1 point"', "criterion 1: unknown key 'taks': did you mean"),
    ('task = "poss"\nlose_at_most = "1 point"', "criterion 1: unknown task 'poss'"),
    ("lose_at_most = 0.01", "criterion 1: lose_at_most = 0.01 has no unit: say '1 point'"),
    ("retain_at_least = 1", "criterion 1: retain_at_least = 1 has no unit: say '95%'"),
    ('lose_at_most = "0.01"', "'0.01' has no unit"),
    ('lose_at_most = "0 points"', "a margin of 0 cannot be shown"),
    ('lose_at_most = "1%"', "say '1 points', or retain_at_least = '99%'"),
    ('lose_at_most = "200 points"', "a score has 100 points"),
    ('lose_at_most = "1 ponit"', "did you mean 'points'"),
    ('retain_at_least = "100%"', "leaves no margin"),
    ('retain_at_least = "0.95%"', "was '95%' meant"),
    ('task = "pos"', "either 'lose_at_most'"),
    ('lose_at_most = "1 point"\nretain_at_least = "9%"', "either 'lose_at_most'"),
    ('lose_at_most = "1 point"\nlayer = "lst"', "unknown layer 'lst': did you mean 'last'"),
    ('task = "pos"\nslice = "sen: no"\nlose_at_most = "1 point"', "did you mean 'seen'"),
    ('label = "NOUN"\nlose_at_most = "1 point"', "'label' goes with a task"),
    ('task = "pos"\nlabel = "X"\nretain_at_least = "9%"', "retention is of whole tasks"),
    ('task = "pos"\nlabel = "X"\nlayer = "last"\nlose_at_most = "1 point"', "best layer before"),
    ('task = "bits"\nmetric = "kll"\nlose_at_most = "1 bit"', "did you mean 'kl'"),
    ('task = "pos"\nfile = "x.csv"\nlose_at_most = "1 point"', "'file' stands alone"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_a_mistake_in_a_policy_is_told(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_policy(policy(tmp_path, text))
    assert message in str(refused.value)
    assert "policy.toml" in str(refused.value) and len(str(refused.value).splitlines()) == 1


def test_mistakes_above_the_criteria_are_told(tmp_path: Path) -> None:
    good = 'task = "pos"\nlose_at_most = "1 point"'
    for top, message in (
        ('corection = "holm"', "did you mean 'correction'"),
        ('correction = "bh"', "unknown correction 'bh'"),
        ('floor = "majorty"', "did you mean 'majority'"),
        ("[reading]\nlayrs = [0]", "did you mean 'layers'"),
        ("[reading]\ntrust_remote_code = true", "unknown option of reading"),
        ('[reading]\nsubwords = "men"', "did you mean 'mean'"),
        ("seeds = 'two'", "'seeds' takes a number"),
    ):
        with pytest.raises(ProbekitError, match=message):
            read_policy(policy(tmp_path, good, top=top))
    with pytest.raises(InputError, match="has no criterion"):
        read_policy(policy(tmp_path))
    with pytest.raises(InputError, match="policy file"):
        read_policy(tmp_path / "nowhere.toml")


# What is judged


def test_verdicts_follow_intervals_and_units(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        'task = "pos"\nlose_at_most = "2 points"',
        'task = "pos"\nlayer = "last"\nlose_at_most = "0.5 points"',
        'task = "pos"\nlayer = "0"\nlose_at_most = "1.01 points"',
        'task = "pos"\nretain_at_least = "96%"',
        'task = "pos"\nlabel = "NOUN"\nlose_at_most = "3 points"',
        'task = "pos"\nslice = "seen: no"\nlose_at_most = "2 points"',
        'task = "agreement"\nlose_at_most = "2 points"',
        'task = "bits"\nlose_at_most = "0.02 bits"',
        top='correction = "none"',
    )
    found = pk.gate(policy=rules, comparison=compared(-0.01, 0.002))
    table = found.table.set_index("criterion")
    verdicts = found.table["verdict"].tolist()
    # 50 instances show nothing of 2 points, however narrow the interval of the sentences.
    undecided = "CANNOT TELL"
    expected = ["PASS", "FAIL", undecided, "PASS", "PASS", undecided, "PASS", "PASS"]
    assert verdicts == expected
    assert found.table["margin"].tolist()[3] == pytest.approx(0.04 * 0.5)
    assert table.loc["bits", "change"] == pytest.approx(0.01)
    assert table.loc["bits", "ci_low"] == pytest.approx(0.008)
    assert table.loc["bits", "ci_high"] == pytest.approx(0.012)
    best = table.loc["pos, best layer"].iloc[0]
    assert best["flipped"] == 1 and best["worst_kind"] == "seen"  # 1 of 50, not of 10,000
    assert best["worst_lost"] == pytest.approx(1 / 50)
    assert (found.table["level"] == 0.95).all()
    assert found.decision == "must not ship" and found.status == 1
    assert "1 of 8 criteria fails (pos, last layer)" in found.sentence
    undecided_rows = found.table[found.table["verdict"] == undecided]
    assert (undecided_rows["needed_groups"] > 900).all()
    assert set(found.flips["criterion"]) == {
        "pos, best layer",
        "pos, label NOUN",
        "pos, seen no",
    }
    assert pk.gate(policy=rules, comparison=compared(-0.01, 0.002)) == found  # the same again


def test_holm_is_stated_and_widens(tmp_path: Path) -> None:
    criteria = [f'task = "pos"\nlose_at_most = "{n} points"' for n in (2, 3, 4, 5)]
    holm = pk.gate(policy=policy(tmp_path, *criteria), comparison=compared(-0.01, 0.002))
    assert set(holm.table["level"].round(4)) == {0.95, 0.975, 0.9833, 0.9875}
    assert "(Holm)" in holm.family and holm.status == 0
    assert holm.sentence == "b may ship: all 4 criteria pass"
    one = pk.gate(policy=policy(tmp_path, criteria[0]), comparison=compared(-0.01, 0.005))
    assert one.table["ci_low"][0] == pytest.approx(-0.015, abs=1e-5)  # that of compare


def test_a_criterion_without_a_task_is_on_every_task(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'lose_at_most = "2 points"')
    found = pk.gate(policy=rules, comparison=compared(-0.01, 0.002))
    assert found.table["criterion"].tolist() == ["pos, best layer", "agreement"]


def test_few_data_cannot_tell_and_say_what_is_needed(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "2 points"')
    found = pk.gate(policy=rules, comparison=compared(-0.01, 0.03))
    assert found.status == 3 and found.sentence.startswith("cannot tell whether b may ship")
    assert pd.isna(found.table["needed_groups"][0])  # other seeds would move it too
    assert found.table["needed_times"][0] > 5
    assert "near" not in needed_text(found.table.iloc[0])
    unknown = pk.gate(policy=rules, comparison=compared(-0.01, float("nan")))
    assert unknown.status == 3
    assert needed_text(unknown.table.iloc[0]) == "more than one sentence"


def test_near_the_limit_it_says_so_and_promises_nothing_out_of_reach(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "2 points"')
    for delta in (-0.0205, -0.02, -0.0195):
        (row,) = pk.gate(policy=rules, comparison=compared(delta, 0.002)).table.itertuples()
        assert (row.verdict, row.near_limit) == ("CANNOT TELL", 1)
        assert pd.isna(row.needed_groups) and pd.isna(row.needed_seeds) and isnan(row.needed_times)
        text = needed_text(pd.Series(row._asdict()))
        assert text == "more than 10 times all data, near the limit"
    near = pk.gate(policy=rules, comparison=compared(-0.0185, 0.002)).table.iloc[0]
    assert 900 < near["needed_groups"] < 9_000
    assert needed_text(near).endswith(" sentences (there are 900), near the limit")
    documents = compared(-0.0185, 0.002, resampled="document")
    needed = needed_text(pk.gate(policy=rules, comparison=documents).table.iloc[0])
    assert needed.endswith(" documents (there are 900), near the limit")


def test_a_comparison_of_an_earlier_build_does_not_say_what_was_resampled(tmp_path: Path) -> None:
    compared(-0.0185, 0.002).write(tmp_path)
    (tmp_path / "run.json").unlink()  # it has the checksums of the tables
    for name in ("comparison", "best", "by_label", "behaviour"):
        path = tmp_path / f"{name}.csv"
        pd.read_csv(path).drop(columns="resampled").to_csv(path, index=False)
    earlier = Comparison.read(tmp_path)
    assert set(earlier.best["resampled"]) == {""}
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "2 points"')
    needed = needed_text(pk.gate(policy=rules, comparison=earlier).table.iloc[0])
    assert needed.endswith(" groups (there are 900), near the limit")


def test_what_the_comparison_lacks_is_told(tmp_path: Path) -> None:
    for text, message in (
        (
            'task = "dep"\nlose_at_most = "1 point"',
            "criterion 1: the comparison did not measure the task 'dep'",
        ),
        ('task = "pos"\nlabel = "NOUM"\nlose_at_most = "1 point"', "did you mean 'NOUN'"),
        ('task = "pos"\nslice = "seen: on"\nlose_at_most = "1 point"', "did you mean 'no'"),
        ('task = "pos"\nlayer = "9"\nlose_at_most = "1 point"', "unknown layer '9'"),
        (
            'task = "pos"\nlose_at_most = "1 bit"',
            "at most 1 bit' does not fit the task 'pos'",
        ),
        ('task = "agreement"\nretain_at_least = "95%"', "does not fit the task 'agreement'"),
    ):
        with pytest.raises(InputError, match=message):
            pk.gate(policy=policy(tmp_path, text), comparison=compared(-0.01, 0.01))
    good = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    two = compared(-0.01, 0.01)
    other = replace(two, behaviour=two.behaviour.assign(after="c"))
    with pytest.raises(InputError, match="2 checkpoints after"):
        pk.gate(policy=good, comparison=other)


def test_a_file_of_scores_is_judged_without_a_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["before,after,group,text"]
    for number in range(600):
        after = int(rng.random() > 0.2)
        lines.append(f'1,{after},{number // 2},"text {number}, {"<b>"}"')
    target = tmp_path / "target.csv"
    target.write_text("\n".join(lines), encoding="utf-8")
    rules = policy(tmp_path, f"file = '{target}'\nlose_at_most = \"2 points\"")
    found = pk.gate(policy=rules)
    assert found.table["verdict"].tolist() == ["FAIL"] and found.table["groups"][0] == 300
    assert found.table["resampled"][0] == "group"
    assert found.table["flipped"][0] == len(found.flips) > 80
    assert found.flips["text"][0].startswith("text ")
    for text, message in (
        ("before,aftr\n1,1", "did you mean 'after'"),
        ("before\n1", "expected the columns before and after"),
        ("before,after\n1,2", "line 2: '2' is not a score from 0 to 1"),
        ("before,after\n1,x", "line 2: 'x' is not a score"),
        ("before,after\n1,0,1", ":2: 3 cells, but the file has 2 columns"),
        ("before,after", "a row per instance"),
    ):
        target.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            read_target(str(target))
    with pytest.raises(InputError, match="cannot read it"):
        read_target(str(tmp_path / "targte.csv"))


# Remedies


STEPS_OF = ("base", "run/checkpoint-10", "run/checkpoint-20", "run/checkpoint-30")


def traced(*changes: float, seeds: int = 3) -> pk.Trajectory:
    """A trajectory of the task of `compared`, with the change of each checkpoint after the base."""
    about: dict[str, Any] = {"task": "pos", "corpus": "c", "metric": "accuracy", "floor": 0.4}
    about |= {"seeds": seeds, "groups": 900, "resampled": "sentence", "n_test": 10_000}
    about |= {"from_test": 0.9, "from_seeds": 0.1}
    steps, best, behaviour = [], [], []
    for number, change in enumerate((0.0, *changes)):
        ends = {"change": change, "change_low": change - 0.002, "change_high": change + 0.002}
        row = about | {"model": STEPS_OF[number], "step": 10 * number, **ends}
        row |= {"model_fingerprint": f"{number + 1}0", "score": 0.9 + change, "retention": 0.9}
        if not number:
            row["model_fingerprint"] = "1"
        steps += [row | {"layer": layer} for layer in (0, 6)]
        best.append(row | {"layer_first": 6, "layer": 6, "score_first": 0.9})
        change_of_pairs = {"delta": change, "ci_low": change - 0.002, "ci_high": change + 0.002}
        behaviour.append(row | {"task": "agreement", "score_before": 0.9} | change_of_pairs)
    tables = []
    for schema, rows in ((STEPS, steps), (BEST_STEPS, best), (BEHAVIOUR_STEPS, behaviour)):
        tables.append(filled(schema, [only(schema.names, row) for row in rows]))
    return pk.Trajectory(
        tables[0],
        FELL.table([]),
        SUMMARY.table([]),
        best=tables[1],
        behaviour=tables[2],
        run=Record(settings={"base": "base"}),
    )


def test_the_last_checkpoint_that_passes_is_the_remedy(tmp_path: Path) -> None:
    rules = policy(
        tmp_path,
        'task = "pos"\nlose_at_most = "1 point"',
        'task = "pos"\nlayer = "last"\nlose_at_most = "1 point"',
        'task = "pos"\nlayer = "0"\nlose_at_most = "1 point"',
        'task = "pos"\nretain_at_least = "95%"',
        'task = "agreement"\nlose_at_most = "1 point"',
    )
    lossy = compared(-0.05, 0.002)
    traced(-0.001, -0.002, -0.03).write(tmp_path / "trace")
    found = pk.gate(policy=rules, comparison=lossy, remedies=tmp_path / "trace")
    assert found.status == 1
    (line,) = found.remedy_lines
    assert line.startswith("remedy: run/checkpoint-20 passes all 5 criteria, as 1 other does (")
    assert "3 tried" in line and "leave out other training sentences for the probes" in line
    assert len(found.remedies) == 15 and set(found.remedies["level"]) > {0.95}
    # Each verdict is what a gate of that checkpoint would say, or less.
    for name, rows in found.remedies.groupby("candidate"):
        verdicts = set(rows["verdict"])
        assert verdicts == ({"FAIL"} if name == "run/checkpoint-30" else {"PASS"}), name
    assert pk.Gated.read(_written(found, tmp_path / "gated")) == found
    assert "remedy: run/checkpoint-20" in as_junit(found)
    assert any("remedy" in one for one in workflow_commands(found))
    # What passes needs none.
    passing = pk.gate(policy=rules, comparison=compared(0.0, 0.0), remedies=tmp_path / "trace")
    assert passing.status == 0 and passing.remedy_lines == []


def _written(found: pk.Gated, folder: Path) -> Path:
    found.write(folder)
    return folder


def test_the_checkpoint_itself_and_what_came_after_it_are_no_remedies(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    course = traced(-0.001, -0.05, -0.001)
    gated_is_second = compared(-0.05, 0.002)
    for name in ("best", "comparison", "behaviour"):
        table = getattr(gated_is_second, name).assign(after_fingerprint="30")
        gated_is_second = replace(gated_is_second, **{name: table})
    found = pk.gate(policy=rules, comparison=gated_is_second, remedies=course)
    assert set(found.remedies["candidate"]) == {"run/checkpoint-10"}


def test_a_remedy_claims_no_more_than_was_measured(tmp_path: Path) -> None:
    target = tmp_path / "target.csv"
    target.write_text("before,after\n" + "1,0\n" * 50, encoding="utf-8")
    rules = policy(
        tmp_path,
        'task = "pos"\nlose_at_most = "1 point"',
        'task = "pos"\nslice = "seen: no"\nlose_at_most = "1 point"',
        'task = "bits"\nlose_at_most = "0.1 bits"',
        f"file = '{target}'\nlose_at_most = \"1 point\"",
    )
    found = pk.gate(policy=rules, comparison=compared(-0.05, 0.002), remedies=traced(-0.001))
    assert found.remedies["verdict"].tolist() == ["PASS", *["not measured"] * 3]
    assert found.remedies["why"].tolist()[1:] == [
        "labels and slices are not in these results",
        "the comparison did not measure the task 'bits' (its tasks: agreement, pos)",
        "the file is about the gated checkpoint",
    ]
    (line,) = found.remedy_lines
    assert line.startswith("no remedy in a trajectory (1 tried): run/checkpoint-10 comes closest")
    assert "passes 1 of 4 criteria" in line and "not measured" in line
    one = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    other = compared(-0.05, 0.002)
    for name, value, why in (
        ("before_fingerprint", "x", "another checkpoint before"),
        ("probe", "mlp", "another kind of probe"),
        ("fit_fingerprint", "x", "fitted otherwise"),
        ("corpus_fingerprint", "x", "on another corpus"),
    ):
        changed = replace(other, best=other.best.assign(**{name: value}))
        found = pk.gate(policy=one, comparison=changed, remedies=traced(-0.001))
        assert why in found.remedies["why"][0] and found.remedies["verdict"][0] == "not measured"
    kept = policy(tmp_path, 'task = "pos"\nretain_at_least = "95%"')
    lexical = replace(other, run=Record(settings={"floor": "lexical"}))
    found = pk.gate(policy=kept, comparison=lexical, remedies=traced(-0.001))
    assert "another floor" in found.remedies["why"][0]
    wide = pk.gate(policy=one, comparison=other, remedies=compared(-0.009, 0.01))
    assert wide.remedies.empty  # it is the checkpoint itself


def test_of_recipes_that_pass_the_best_on_dev_is_the_remedy(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    rows = []
    for number, (recipe, change, dev) in enumerate(
        (("full", -0.04, 0.9), ("lora", -0.001, 0.8), ("wise", -0.002, 0.85))
    ):
        name = f"{recipe}-0.0001-0"
        cell = compared(change, 0.002)
        best = cell.best.assign(after=name, after_fingerprint=f"cell{number}")
        cell = replace(cell, best=best, behaviour=cell.behaviour.iloc[:0])
        cell.write(tmp_path / "grid" / "cells" / name / "compare-0")
        about = {"recipe": recipe, "rate": "0.0001", "seed": 0, "task": "pos", "dev": dev}
        rows.append({**about, "metric": "accuracy", "target": dev})
    grid = tmp_path / "grid"
    pk.RecipeScores(filled(RECIPE_CELLS, rows), filled(TRADES, [])).write(grid)
    found = pk.gate(policy=rules, comparison=compared(-0.05, 0.002), remedies=[grid])
    (line,) = found.remedy_lines
    place = grid / "cells" / "wise-0.0001-0"
    assert line.startswith(
        f"remedy: {place} (accuracy 0.850 on its own task) passes the criterion, as 1 other does ("
    )
    with pytest.raises(InputError, match="did you mean"):
        pk.gate(policy=rules, comparison=compared(-0.05, 0.002), remedies=tmp_path / "gird")


def test_many_candidates_are_judged_more_strictly(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    close = -0.01 + 0.0021  # passes alone
    alone = pk.gate(policy=rules, comparison=compared(-0.05, 0.002), remedies=traced(close))
    assert alone.remedy_lines[0].startswith("remedy: run/checkpoint-10 passes the criterion (")
    three = traced(close, close, close)
    found = pk.gate(policy=rules, comparison=compared(-0.05, 0.002), remedies=three)
    assert set(found.remedies["verdict"]) == {"CANNOT TELL"}
    assert "none passes any criterion" in found.remedy_lines[0]


# How it is told


def test_text_from_a_corpus_is_harmless_everywhere(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "0.5 points"')
    found = pk.gate(policy=rules, comparison=compared(-0.01, 0.002, value=EVIL))
    root = ElementTree.fromstring(as_junit(found))
    assert root.attrib["tests"] == "1" and root.attrib["failures"] == "1"
    (case,) = root.iter("testcase")
    assert case.find("failure") is not None
    output = root.find(".//system-out")
    assert output is not None and output.text is not None and "<script>" in output.text
    assert "\x1b" not in output.text
    renamed = found.table.assign(criterion=EVIL, after=EVIL)
    lines = list(workflow_commands(replace(found, table=renamed)))
    assert len(lines) == 2
    for line in lines:
        assert "\n" not in line and line.count("::error") <= 2
    assert lines[0].startswith("::error title=FAIL%3A n")
    assert "%0A%3A%3Aerror%3A%3Ax" in lines[0].split("::")[1]


def test_junit_counts_what_cannot_be_told_as_an_error(tmp_path: Path) -> None:
    rules = policy(
        tmp_path, 'task = "pos"\nlose_at_most = "2 points"', 'task = "pos"\nretain_at_least = "50%"'
    )
    found = pk.gate(policy=rules, comparison=compared(-0.01, 0.03))
    pk.junit(found, tmp_path / "new" / "gate.xml")
    root = ElementTree.parse(tmp_path / "new" / "gate.xml").getroot()
    counts = {name: root.attrib[name] for name in ("tests", "failures", "errors")}
    assert counts == {"tests": "2", "failures": "0", "errors": "1"}
    (error,) = root.iter("error")
    assert "needed: " in error.attrib["message"]


def test_gated_results_come_back_with_the_comparison(tmp_path: Path) -> None:
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "2 points"')
    comparison = compared(-0.01, 0.002)
    found = replace(pk.gate(policy=rules, comparison=comparison), found=comparison)
    found.write(tmp_path / "o")
    again = pk.Gated.read(tmp_path / "o")
    assert again == found and again.found == comparison
    assert again.found is not None and again.found.flipped.num_rows == 1
    assert pk.gate(policy=rules, comparison=tmp_path / "o" / "comparison").table.equals(found.table)


# From checkpoints


@pytest.fixture(scope="module")
def destroyed(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny BERT with one vector for all words."""
    folder = shutil.copytree(tiny_bert, tmp_path_factory.mktemp("destroyed") / "destroyed")
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.zero_()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def few(brief: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same corpus with a short test split."""
    folder = shutil.copytree(brief, tmp_path_factory.mktemp("few") / "few")
    sentences = (folder / "test.conllu").read_text(encoding="utf-8").split("\n\n")[:25]
    (folder / "test.conllu").write_text("\n\n".join(sentences) + "\n\n", encoding="utf-8")
    return folder


def gate_of(run: Run, *arguments: object) -> tuple[int, str]:  # noqa: F811
    status, out, err = run("gate", *arguments, *OPTIONS)
    assert status in (0, 1, 3), err
    return status, out


def test_a_copy_ships_a_destroyed_checkpoint_does_not_and_few_sentences_cannot_tell(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    destroyed: Path,
    brief: Path,
    few: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    rules = policy(
        tmp_path,
        'task = "pos"\nlose_at_most = "1 point"',
        'task = "pos"\nslice = "seen: no"\nlose_at_most = "10 points"',
    )
    shared = ("--before", tiny_bert, "--policy", rules)
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    status, out = gate_of(run, *shared, "--after", copy, "--corpus", brief, "--out", "same")
    assert status == 0 and out.startswith(f"{copy} may ship: both criteria pass\n")

    arguments = ("--after", destroyed, "--corpus", brief, "--out", "o", "--junit", "o/gate.xml")
    status, out = gate_of(run, *shared, *arguments)
    assert status == 1 and out.startswith(f"{destroyed} must not ship: ")
    assert "right before and wrong after (the first 3)" in out and " in: " in out
    with (tmp_path / "o/gate_flipped.csv").open(encoding="utf-8") as file:
        flips = list(csv.DictReader(file))
    with (tmp_path / "o/gate.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["verdict"] == "FAIL" and rows[0]["worst_kind"]
    assert int(rows[0]["flipped"]) == sum(one["criterion"] == "pos, best layer" for one in flips)
    for flip in flips[:20]:
        assert flip["words"] in flip["text"] and flip["gold"] != flip["predicted"]
    assert ElementTree.parse(tmp_path / "o/gate.xml").getroot().attrib["failures"] != "0"

    # The same data again, without measuring: the same answer.
    monkeypatch.setattr("probekit.forgetting.gate.gate.compare", None)
    judged = ("--comparison", "o/comparison", "--policy", rules, "--json", "--out", "p")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    status, again, err = run("gate", *judged)
    printed = json.loads(again)
    assert (status, printed["status"], printed["decision"]) == (1, 1, "must not ship")
    assert "comparison/" in out and "comparison/" not in printed["files"]  # which this lacks
    assert "::error title=FAIL%3A pos%2C best layer::" in err and "::notice" in err
    assert (tmp_path / "p/gate.csv").read_bytes() == (tmp_path / "o/gate.csv").read_bytes()
    monkeypatch.undo()


def test_few_sentences_cannot_tell(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    few: Path,
    tmp_path: Path,
) -> None:
    shaken = shutil.copytree(tiny_bert, tmp_path / "shaken")
    model = AutoModel.from_pretrained(shaken)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.001 * torch.randn_like(parameter))
    model.save_pretrained(shaken)
    # Few words flip, but so few are there that none could have by chance.
    rules = policy(tmp_path, 'task = "pos"\nlose_at_most = "0.2 points"')
    arguments = ("--before", tiny_bert, "--after", shaken, "--corpus", few, "--policy", rules)
    status, out = gate_of(run, *arguments)
    assert status == 3 and out.startswith(f"cannot tell whether {shaken} may ship: ")
    assert "CANNOT" in out and "about" in out  # how much data would tell


@pytest.mark.slow
def test_the_instances_that_flipped_are_those_of_the_comparison(
    tiny_bert: Path, destroyed: Path, small: Corpus
) -> None:
    change = pk.compare(tiny_bert, destroyed, ["pos", "dep"], corpus=small, seeds=1, **QUICK)
    rows = columnar.decoded(LARGE["flipped"], change.flipped).to_pandas()
    layers = change.best.set_index("task")[["layer_before", "layer_after"]]
    for task in ("pos", "dep"):
        answers = []
        for model, column in ((tiny_bert, "layer_before"), (destroyed, "layer_after")):
            scores = pk.probe(model, task, corpus=small, layers=(0, 3), progress=False)
            said = scores.predictions(
                task=task, probe="linear", layer=int(layers.loc[task, column])
            )
            answers.append(said)
        right = [(one["predicted"] == one["gold"]).to_numpy() for one in answers]
        lost = np.flatnonzero(right[0] & ~right[1])
        at = {"task": task, **layers.loc[task]}
        mine = rows[(rows[list(at)] == pd.Series(at)).all(axis=1)]
        # The probes of compare are those of probe up to the order of their batches.
        assert len(set(mine["instance"]) & set(lost)) > 0.9 * len(lost) > 0
        chosen = answers[1].iloc[mine["instance"].to_numpy()]
        assert mine["gold"].tolist() == chosen["gold"].tolist()


@pytest.mark.slow
def test_states_and_a_policy_that_says_how_to_read(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    states = pk.extract(tiny_bert, small, layers=(0, 3), progress=False)
    text = 'task = "pos"\nlose_at_most = "1 point"'
    quick: dict[str, Any] = {"seeds": 1, "resample_train": 0, "progress": False}
    found = pk.gate(states, states, policy=policy(tmp_path, text), **quick)
    assert found.status == 0 and any("seeds=1" in warning for warning in found.warnings)
    rules = policy(tmp_path, text, top="[reading]\nlayers = [0, 3]")
    named = pk.gate(tiny_bert, tiny_bert, policy=rules, corpus=small, **quick)
    assert named.found is not None and set(named.found.comparison["layer"]) == {0, 3}


def test_pairs_that_flipped_have_both_sentences(
    sample: Corpus, small: Corpus, tmp_path: Path
) -> None:
    texts = [" ".join(passage.words) for passage in sample.splits["train"]]
    model = str(make_language_model("gpt2", tmp_path / "gpt2", texts))
    change = pk.compare(model, f"random:{model}:3", "agreement", corpus=small, progress=False)
    rows = change.flipped.to_pylist()
    lost = float(change.behaviour["lost"][0]) * int(change.behaviour["n_test"][0])
    assert len(rows) == pytest.approx(lost, abs=1e-2) and rows
    for row in rows:
        first, second = row["text"].split(), row["predicted"].split()
        assert sum(one != other for one, other in zip(first, second, strict=True)) == 1
    rules = policy(tmp_path, 'task = "agreement"\nlose_at_most = "2 points"')
    found = pk.gate(policy=rules, comparison=change)
    assert found.table["flipped"].tolist() == [len(rows)]


def test_bad_input_is_a_line_and_status_2(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    tmp_path: Path,
) -> None:
    good = policy(tmp_path, 'task = "pos"\nlose_at_most = "1 point"')
    bad = tmp_path / "bad.toml"
    bad.write_text("[[criterion]]\nlose_at_most = 1\n", encoding="utf-8")
    for arguments, message in (
        (("--policy", bad), "has no unit"),
        (("--policy", good), "no value of --before"),
        (("--before", tiny_bert, "--policy", good), "no value of --after"),
        (("--before", tiny_bert), "give --policy"),
        (("--comparison", tmp_path, "--policy", good), "no comparison in"),
        (("--comparison", tmp_path, "--seeds", 2, "--policy", good), "takes no value of --seeds"),
        (("--policy", tmp_path / "none.toml"), "none.toml"),
        (("--write-policy", good), "exists"),
    ):
        status, out, err = run("gate", *arguments)
        assert (status, out) == (2, "") and message in err, err
        assert len(err.splitlines()) <= 2
    assert not (tmp_path / "probekit-runs").exists()
    status, out, _ = run("gate", "--write-policy", "new/mine.toml")
    assert status == 0 and (tmp_path / "new/mine.toml").read_text(encoding="utf-8") == EXAMPLE


def test_criteria_know_their_part() -> None:
    assert Criterion(slice="frequency: 1-9").part == ("frequency", "1-9")
    assert Criterion(label="a: b").part == ("label", "a: b")
    assert Criterion().part == ("", "")
