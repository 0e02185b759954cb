"""Tokenizers of tests are the same in every process, so that a failing test fails again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bert_tokenizer import bert_tokenizer

TEXTS = ["the quick brown fox jumps over the lazy dog", "jazz quizzes vex: sphinx of black quartz!"]
ROOT = Path(__file__).parents[1]
ELSEWHERE = (
    "import json, sys; from tests.bert_tokenizer import bert_tokenizer; "
    "print(json.dumps(bert_tokenizer(json.loads(sys.argv[1]), 80).get_vocab()))"
)


def test_other_processes_train_the_same_tokenizer() -> None:
    here = bert_tokenizer(TEXTS, 80)
    for _ in range(3):
        said = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, json.dumps(TEXTS)],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        )
        assert json.loads(said.stdout) == here.get_vocab()


def test_it_is_a_tokenizer_as_bert_has_it() -> None:
    found = bert_tokenizer(TEXTS, 80).encode("The Quick")
    assert found.tokens[0] == "[CLS]" and found.tokens[-1] == "[SEP]"
    assert "".join(found.tokens[1:-1]).replace("##", "") == "thequick"
