"""jiant's edge-probing JSON lines."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from probekit.corpora.passage import Edge
from probekit.corpora.readers.edges import read_file
from probekit.errors import CorpusError

GOOD = {
    "text": "The cat sat .",
    "info": {"document_id": "d", "sentence_id": 3},
    "targets": [
        {"span1": [2, 3], "span2": [0, 2], "label": "ARG0"},
        {"span1": [0, 2], "label": ["animal", "noun"]},
        {"span1": [0, 1], "span2": None, "label": 1},
    ],
}


def test_reads_pairs_spans_and_many_labels(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GOOD) + "\n\n" + json.dumps({"text": "Hm .", "targets": []}) + "\n")
    first, second = read_file(path, Counter())
    assert first.words == ("The", "cat", "sat", ".") and first.document == "d"
    assert first.edges["targets"] == (
        Edge(((2, 3), (0, 2)), "ARG0"),
        Edge(((0, 2),), "animal"),
        Edge(((0, 2),), "noun"),
        Edge(((0, 1),), "1"),
    )
    assert second.document == second.id == "train-3" and second.edges == {"targets": ()}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object with"),
        ('{"text": "a"}', "the key 'targets' is missing"),
        ('{"text": " ", "targets": []}', "no words"),
        ('{"text": "a", "targets": [{"span1": [0, 1]}]}', "the key 'label' is missing"),
        ('{"text": "a", "targets": [{"span1": [0, 2], "label": "x"}]}', "span [0, 2] is not"),
        ('{"text": "a", "targets": [{"span1": [1, 1], "label": "x"}]}', "span [1, 1] is not"),
        ('{"text": "a", "targets": [{"span1": 1, "label": "x"}]}', "'span1' takes [first"),
    ],
)
def test_malformed_lines_are_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n")
    with pytest.raises(CorpusError) as error:
        read_file(path, Counter())
    assert str(error.value).startswith(f"{path}:2: ") and message in str(error.value)
