"""jiant's edge-probing JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probekit.corpora.passage import Edge
from probekit.corpora.readers.edges import (
    BAD_SPAN,
    BAD_TARGET,
    IGNORED_LABELS,
    NO_TARGETS,
    NO_TEXT,
    read_file,
)
from probekit.corpora.readers.masks import MASKED_DOCUMENTS
from probekit.corpora.tally import Tally
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
    first, second = read_file(path, Tally())
    assert first.words == ("The", "cat", "sat", ".") and first.document == "d"
    assert first.edges["targets"] == (
        Edge(((2, 3), (0, 2)), "ARG0"),
        Edge(((0, 2),), "animal"),
        Edge(((0, 2),), "noun"),
        Edge(((0, 1),), "1"),
    )
    assert second.document == second.id == "train-3" and second.edges == {"targets": ()}


@pytest.mark.parametrize(
    ("line", "kind", "passages"),
    [
        ("[]", NO_TEXT, 1),
        ('{"targets": []}', NO_TEXT, 1),
        ('{"text": 3, "targets": []}', NO_TEXT, 1),
        ('{"text": " ", "targets": []}', NO_TEXT, 1),
        ('{"text": "a"}', NO_TARGETS, 2),
        ('{"text": "a", "targets": {}}', NO_TARGETS, 2),
        ('{"text": "a", "info": 1, "targets": [1]}', BAD_TARGET, 2),
        ('{"text": "a", "targets": [{"span1": [0, 1]}]}', BAD_TARGET, 2),
        ('{"text": "a", "targets": [{"span1": [0, 2], "label": "x"}]}', BAD_SPAN, 2),
        ('{"text": "a", "targets": [{"span1": [1, 1], "label": "x"}]}', BAD_SPAN, 2),
        ('{"text": "a", "targets": [{"span1": [0, true], "label": "x"}]}', BAD_SPAN, 2),
        ('{"text": "a", "targets": [{"span1": 1, "label": "x"}]}', BAD_SPAN, 2),
        ('{"text": "a", "targets": [{"label": "x"}]}', BAD_SPAN, 2),
        ('{"text": "a", "targets": [{"span1": [0, 1], "label": -100}]}', IGNORED_LABELS, 2),
        ('{"text": "[WORD] _", "targets": []}', MASKED_DOCUMENTS, 1),
    ],
)
def test_what_cannot_be_read_is_left_out_counted_and_located(
    line: str, kind: str, passages: int, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n")
    tally = Tally()
    found = read_file(path, tally)
    assert len(found) == passages
    assert tally[kind] == 1 and tally.first[kind] == f"{path}:2"
    assert found[1:] == [p for p in found[1:] if not p.edges.get("targets")]


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps(GOOD) + "\n{\n")
    with pytest.raises(CorpusError, match="not JSON") as error:
        read_file(path, Tally())
    assert str(error.value).startswith(f"{path}:2: ")
