"""What some tasks do not have is named, and nothing is refused at the end of the work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import probekit as pk
from probekit.corpora.passage import Corpus, Split
from probekit.probes.unmeasured import NAMES, wanted_of
from probekit.tasks.question import ask, ask_elsewhere
from probekit.tasks.task import load_task
from tests.commands import run_main
from tests.made import made_states
from tests.probes.test_structural import planted

SIZES: dict[Split, int] = {"train": 60, "dev": 20, "test": 20}
QUICK = pk.FitSettings(words=5_000)


@pytest.fixture(scope="module")
def states() -> pk.States:
    corpus, values = planted(SIZES)
    return made_states(corpus, values)


def test_every_kind_of_evidence_has_a_name() -> None:
    asked = wanted_of(dict.fromkeys(NAMES, True))
    assert asked == list(NAMES)
    assert wanted_of({"seen": True, "beyond": 0}, test_corpus=None, save_probes="x") == [
        "beyond",
        "save_probes",
    ]


def test_structural_tasks_say_what_they_do_not_have(states: pk.States, tmp_path: Path) -> None:
    scores = pk.probe(
        states,
        ["distance", "arc"],
        codelength=True,
        mix=True,
        save_probes=tmp_path / "probes",
        fit_settings=QUICK,
        progress=False,
    )
    said = "\n".join(scores.warnings)
    assert "distance: structural probes have no codelength: their losses" in said
    assert "distance, arc: structural probes are not trained on mixes of layers" in said
    assert "distance, arc: structural probes are not saved: only probes of labels are" in said
    assert len(scores.codelengths) and len(scores.learning_curves)
    assert (scores.table["test_corpus"] == scores.table["corpus"]).all()


def test_codelength_of_a_task_without_one_prints_its_table(
    tiny_bert: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["probe", "--model", str(tiny_bert), "--task", "distance", "--corpus", str(brief)]
    options = ["--layers", "0,1", "--codelength", "--out", str(tmp_path / "run")]
    status, out, err = run_main([*command, *options], monkeypatch, capsys)
    assert status == 0, err
    assert "Best layer of each task" in out and "of 0–1" in out
    said = " ".join(out.split())
    assert "distance: structural probes have no codelength" in said
    assert not (tmp_path / "run" / "learning-curves.png").exists()


def test_another_corpus_without_a_known_label_is_refused(small: Corpus) -> None:
    foreign = []
    for passage in small.splits["test"]:
        foreign.append(replace(passage, tags={"upos": ("ZZ",) * len(passage.words)}))
    other = Corpus("other", {**small.splits, "test": tuple(foreign)})
    with pytest.raises(pk.ProbekitError, match="no test label of 'other' for 'pos' is one that"):
        ask_elsewhere(ask(load_task("pos"), small), other)
