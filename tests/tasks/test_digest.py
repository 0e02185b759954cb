"""Questions have one digest exactly where they are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from probekit.corpora.passage import Corpus
from probekit.tasks.digest import digest
from probekit.tasks.question import Question, ask
from probekit.tasks.resample import resample_train
from probekit.tasks.task import load_task
from probekit.tasks.trees import ask_trees


def changed(question: Question, column: str) -> Question:
    """The question with another first value in a column of test."""
    test = question.splits["test"]
    values = getattr(test, column)
    values = np.zeros(len(test), dtype=np.float32) if values is None else values.copy()
    values[0] += 1
    given: dict[str, Any] = {column: values}
    return replace(question, splits={**question.splits, "test": replace(test, **given)})


@pytest.mark.parametrize("column", ["spans", "labels", "groups", "weights"])
def test_any_other_instance_is_another_question(column: str, small: Corpus) -> None:
    question = ask(load_task("pos"), small)
    assert digest(ask(load_task("pos"), small)) == digest(question)
    assert digest(changed(question, column)) != digest(question)


def test_so_is_another_task_draw_or_split(small: Corpus) -> None:
    question = ask(load_task("pos"), small)
    splits = {**question.splits, "dev": question.splits["test"]}
    others = [
        ask(load_task("dep"), small),
        resample_train(question, 1),
        resample_train(question, 2),
        replace(question, splits=splits),
    ]
    assert len({digest(one) for one in (question, *others)}) == 5


def test_trees(small: Corpus) -> None:
    asked = ask_trees(load_task("distance"), small)
    test = asked.splits["test"]
    heads = test.heads.copy()
    heads[0] += 1
    other = replace(asked, splits={**asked.splits, "test": replace(test, heads=heads)})
    assert digest(ask_trees(load_task("distance"), small)) == digest(asked) != digest(other)
