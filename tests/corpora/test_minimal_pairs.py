"""Minimal pairs as JSON lines: read as BLiMP has them, and refused with the line where they are
not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probekit.corpora.find import reader_of
from probekit.corpora.load import load_corpus
from probekit.errors import CorpusError, TaskError
from probekit.tasks.minimal_pairs import ask_behaviour
from probekit.tasks.task import load_task
from tests.corpora.conftest import require

LINES = [
    {"sentence_good": "These cats  purr.", "sentence_bad": "These cats purrs.", "UID": "plural"},
    {"sentence_good": "A cat purrs.", "sentence_bad": "A cat purr.", "UID": "singular"},
]


def written(folder: Path, lines: list[object]) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def test_all_of_a_file_is_tested(tmp_path: Path) -> None:
    path = written(tmp_path, [*LINES, {**LINES[0], "UID": 3}])
    assert reader_of(path) == "minimal_pairs"
    corpus = load_corpus(path)
    assert not corpus.splits["train"] and len(corpus.splits["test"]) == 3
    question = ask_behaviour(load_task("minimal-pairs"), corpus)
    assert [pair.kind for pair in question.pairs] == ["plural", "singular", ""]
    assert question.pairs[0].good == ("These", "cats", "purr.")
    assert question.pairs[0].bad == ("These", "cats", "purrs.")
    assert "rough" in question.warnings[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"sentence_good": "a b"}, "pairs.jsonl:2: expected an object with two sentences"),
        ({"sentence_good": "a b", "sentence_bad": 3}, "expected an object with two sentences"),
        ({"sentence_good": " ", "sentence_bad": "a"}, "expected an object with two sentences"),
        ([], "expected an object with two sentences"),
    ],
)
def test_a_line_without_two_sentences_is_located(
    line: object, message: str, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match=message) as refusal:
        load_corpus(written(tmp_path, [LINES[0], line]))
    assert "\n" not in str(refusal.value)


def test_pairs_of_equal_sentences_are_left_out_and_counted(tmp_path: Path) -> None:
    equal = {"sentence_good": "a b", "sentence_bad": "a  b"}
    corpus = load_corpus(written(tmp_path, [LINES[0], equal]))
    assert len(corpus.splits["test"]) == 1
    assert "1 pairs are left out" in corpus.warnings[0] and "jsonl:2" in corpus.warnings[0]
    with pytest.raises(TaskError, match="2 pairs are left out"):
        alone = load_corpus(written(tmp_path, [equal, equal]))
        ask_behaviour(load_task("minimal-pairs"), alone)


def test_a_line_that_is_not_json_is_located(tmp_path: Path) -> None:
    path = written(tmp_path, [LINES[0]])
    path.write_text(path.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"pairs.jsonl:2: "):
        load_corpus(path)


@pytest.mark.slow
def test_blimp_has_67_paradigms_of_a_thousand_pairs() -> None:
    require("blimp")
    question = ask_behaviour(load_task("minimal-pairs"), load_corpus("blimp"))
    kinds = [pair.kind for pair in question.pairs]
    assert len(set(kinds)) == 67
    assert len(kinds) == 67_000 - 7  # the sentences of seven are equal
