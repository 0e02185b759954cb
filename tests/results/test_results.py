"""Every kind of results: read(write(x)) == x, and nothing that is not such results is taken for
them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import probekit as pk
from probekit.errors import InputError
from probekit.reports import read as reading
from probekit.results.results import Results
from probekit.results.run import Run
from tests.results.made import KINDS, comparison, run, scores

ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def test_every_kind_is_here() -> None:
    assert set(KINDS) == set(reading.KINDS) == set(Results.__subclasses__())


@ALL
def test_what_is_written_is_read_back(kind: type[Results], tmp_path: Path) -> None:
    made = KINDS[kind](0.123456789)
    made.write(tmp_path / "a")
    found = kind.read(tmp_path / "a")
    assert found == made
    for name, table in made.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table, check_exact=True)
    found.write(tmp_path / "b")
    names = {f"{schema.name}.csv" for schema in kind.TABLES.values()} | {"run.json"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@ALL
def test_read_tells_what_it_is(kind: type[Results], tmp_path: Path) -> None:
    made = KINDS[kind](0.5)
    made.write(tmp_path)
    assert pk.read(tmp_path) == made
    assert pk.read(tmp_path / f"{kind.kind()}.csv") == made
    for other in set(KINDS) - {kind}:
        with pytest.raises(InputError, match=f"no {other.kind()} in"):
            other.read(tmp_path)
    (tmp_path / "run.json").unlink()
    alone = pk.read(tmp_path)
    assert alone == replace(made, run=Run(), warnings=())
    with pytest.raises(InputError, match="no results in"):
        pk.read(tmp_path / "nowhere")


@ALL
def test_empty_results_come_back(kind: type[Results], tmp_path: Path) -> None:
    made = kind(**{name: pd.DataFrame() for name in kind.TABLES})
    made.write(tmp_path)
    assert kind.read(tmp_path) == made


@ALL
def test_what_differs_is_not_equal(kind: type[Results]) -> None:
    made = KINDS[kind](0.5)
    assert made == KINDS[kind](0.5)
    assert made != KINDS[kind](0.25)
    assert made != replace(made, warnings=("another",))
    assert made != replace(made, run=replace(made.run, command=("another",)))
    assert made != made.run


@ALL
def test_a_folder_with_another_kind_beside_it(kind: type[Results], tmp_path: Path) -> None:
    for one in [*(set(KINDS) - {kind}), kind]:
        KINDS[one](0.5).write(tmp_path)
    assert pk.read(tmp_path) == KINDS[kind](0.5)
    for other in set(KINDS) - {kind}:
        with pytest.raises(InputError, match=f"of kind '{kind.kind()}', not '{other.kind()}'"):
            other.read(tmp_path)


def test_several_folders_are_read_if_all_hold_scores(tmp_path: Path) -> None:
    for name in ("a", "b"):
        scores(0.5).write(tmp_path / name)
    comparison(0.5).write(tmp_path / "c")
    assert pk.read([tmp_path / "a", tmp_path / "b"]) == replace(scores(0.5), run=Run())
    with pytest.raises(InputError, match="c holds results of 'probekit compare', and only scores"):
        pk.read([tmp_path / "a", tmp_path / "c"])


def test_a_table_of_scores_may_have_any_name(tmp_path: Path) -> None:
    scores(0.5).write(tmp_path)
    (tmp_path / "scores.csv").rename(tmp_path / "mine.csv")
    assert pk.Scores.read(tmp_path / "mine.csv") == pk.Scores(scores(0.5).table)


def test_a_record_of_another_version_is_told(tmp_path: Path) -> None:
    scores(0.5).write(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    odds: list[dict[str, object]] = [
        {"runs": []},
        {"command": 3},
        {"measurements": [{"model": "m"}]},
        {"seconds": 3.5},
    ]
    for odd in odds:
        changed = {key: value for key, value in record.items() if key != "files"}
        (tmp_path / "run.json").write_text(json.dumps({**changed, **odd}))
        with pytest.raises(InputError, match="another version"):
            pk.Scores.read(tmp_path)


def test_a_run_is_what_its_json_says() -> None:
    made = run(0.1)
    assert Run.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert Run.from_json(Run().to_json()) == Run()
