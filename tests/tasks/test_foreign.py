"""Foreign task files: each bad one is an error of one line, in bounded time. One row per file."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path

import pytest

from probekit.errors import TaskError
from probekit.foreign import DEPTH, TOML_BYTES
from probekit.tasks.task import Task, load_task

TASK = 'title = "t"\nannotation = "upos"\nshape = "word"\n'
NEEDED = {"title": '"t"', "annotation": '"upos"', "shape": '"word"'}
TEXTS = [field.name for field in fields(Task) if field.name != "exclude"]
WRONG = {
    "number": "1",
    "float": "nan",
    "bool": "true",
    "date": "2020-01-01",
    "list": '["a"]',
    "nested": "[" * 60 + "]" * 60,
    "table": "{a = 1}",
}


def refused(text: str | bytes, folder: Path) -> str:
    path = folder / "mine.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    begin = time.perf_counter()
    with pytest.raises(TaskError) as error:
        load_task(path)
    assert time.perf_counter() - begin < 5
    message = str(error.value).replace(str(folder), "")
    assert len(message) < 400 and "\n" not in message
    return message


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_every_key_takes_a_text(key: str, value: str, tmp_path: Path) -> None:
    table = {**NEEDED, key: value}
    text = "\n".join(f"{name} = {given}" for name, given in table.items())
    assert f"'{key}' takes a text" in refused(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(TASK + "exclude = 1", "'exclude' takes a list of texts", id="exclude-number"),
        pytest.param(
            TASK + "exclude = [[]]", "'exclude' takes a list of texts", id="exclude-lists"
        ),
        pytest.param(
            TASK + "exclude = {a = 1}", "'exclude' takes a list of texts", id="exclude-table"
        ),
        pytest.param(TASK + 'metric = "' + "m" * 100_000 + '"', "unknown metric", id="long-metric"),
        pytest.param("x = " + "[" * 100_000, "deep", id="list-deep"),
        pytest.param(
            "x = " + "[" * 100 + "]" * 100, f"more than {DEPTH} deep", id="list-deeper-than-allowed"
        ),
        pytest.param("x = " + "{a = " * 20_000, "deep", id="table-deep"),
        pytest.param("a." * 100_000 + "a = 1", "a key of more than 32 parts", id="key-deep"),
        pytest.param("#" * (TOML_BYTES + 1), "larger than", id="large"),
        pytest.param(TASK + "x = 1" + "0" * 5_000, "not TOML", id="integer-of-5000-digits"),
        pytest.param(
            TASK + "x = 0x1" + "0" * 5_000, "more than 64 bits", id="hexadecimal-of-5000-digits"
        ),
        pytest.param(TASK + 'name = "\\ud800"', "not TOML", id="lone-surrogate"),
        pytest.param(b"\xff\xfe", "not TOML", id="utf-16"),
        pytest.param("", "is missing", id="empty"),
    ],
)
def test_bad_tasks(text: str | bytes, message: str, tmp_path: Path) -> None:
    assert message in refused(text, tmp_path)


def test_a_task_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TASK.encode())
    assert load_task(path).title == "t"


def test_a_folder_is_no_task(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot read the task file"):
        load_task(tmp_path)
