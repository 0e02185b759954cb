"""GLUE: its tasks by name, with the columns and metrics that it defines (Wang et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from probekit.corpora.readers.rows import Rows, concatenated, hub_rows, read_rows
from probekit.errors import InputError
from probekit.tuning.data import Data, Examples
from probekit.tuning.table_data import from_tables
from probekit.tuning.table_rows import Columns

HUB = "nyu-mll/glue"
PREFIX = "glue/"


class GlueTask(NamedTuple):
    """One task.

    Attributes:
        text: its column of texts, or the two of pairs.
        metrics: names in `METRICS`, as GLUE reports them.
    """

    text: tuple[str, ...]
    metrics: tuple[str, ...]


GLUE: Mapping[str, GlueTask] = {
    "cola": GlueTask(("sentence",), ("matthews",)),
    "sst2": GlueTask(("sentence",), ("accuracy",)),
    "mrpc": GlueTask(("sentence1", "sentence2"), ("accuracy", "f1")),
    "stsb": GlueTask(("sentence1", "sentence2"), ("pearson", "spearman")),
    "qqp": GlueTask(("question1", "question2"), ("accuracy", "f1")),
    "mnli": GlueTask(("premise", "hypothesis"), ("accuracy",)),
    "qnli": GlueTask(("question", "sentence"), ("accuracy",)),
    "rte": GlueTask(("sentence1", "sentence2"), ("accuracy",)),
    "wnli": GlueTask(("sentence1", "sentence2"), ("accuracy",)),
}

MISMATCHED = "test_mismatched"
"""MNLI's second test: texts of genres that its training texts are not from."""

VALIDATION: Mapping[str, Mapping[str, str]] = {
    "mnli": {"test": "validation_matched", MISMATCHED: "validation_mismatched"}
}
"""Of a task the splits that are reported, and what the hub calls them; `test` alone, its
`validation`, where none are given."""

HELD_OUT = 10  # of so many training examples one is in dev


def is_glue_folder(path: Path) -> bool:
    """Whether a folder is one task of a copy of the hub's GLUE."""
    return path.name in GLUE and bool(list(path.glob("validation*.parquet")))


def from_glue(name: str, folder: Path | None = None) -> Data:
    """A task of GLUE.

    Its test labels are secret. So its validation split is reported as test, and a tenth of its
    training split chooses the checkpoint. Of MNLI the matched one is `test`, the mismatched one
    `test_mismatched`.

    Args:
        name: of the task.
        folder: a folder with `train-….parquet` and `validation-….parquet`, as the hub lays them
            out; None for the hub's.

    Raises InputError for a missing split; CorpusError where it cannot be read.
    """
    task = GLUE[name]
    tables = _local(folder) if folder else hub_rows(f"{HUB}:{name}")
    reported = VALIDATION.get(name, {"test": "validation"})
    for split in ("train", *reported.values()):
        if split not in tables:
            raise InputError(f"glue/{name} has no split {split} in {folder or HUB}")
    columns = Columns(task.text, "label", regression=name == "stsb")
    whole: dict[str, Rows] = {"train": tables["train"], "dev": tables[reported["test"]]}
    whole |= {split: tables[called] for split, called in reported.items()}
    data = from_tables(f"{PREFIX}{name}", whole, columns)
    train, dev = _held_out(data.splits["train"])
    classes = _in_order(data, tables["train"])
    are = " and ".join(f"{called} is reported as {split}" for split, called in reported.items())
    warning = (
        f"glue/{name}: its test labels are secret: {are}, and a tenth of train chooses the "
        "checkpoint"
    )
    splits = {**data.splits, "train": train, "dev": dev}
    data = replace(data, splits=splits, metrics=task.metrics, warnings=(warning,))
    return _numbered(data, classes)


def _local(folder: Path) -> dict[str, Rows]:
    """The table of each split in a folder."""
    found: dict[str, Rows] = {}
    for split in ("train", "validation", "validation_matched", "validation_mismatched"):
        paths = sorted(folder.glob(f"{split}-*.parquet")) + sorted(folder.glob(f"{split}.parquet"))
        if paths:
            found[split] = concatenated([read_rows([path]) for path in paths])
    return found


def _held_out(train: Examples) -> tuple[Examples, Examples]:
    """The training examples, and every tenth of them for dev."""
    numbers = range(len(train))
    dev = [i for i in numbers if i % HELD_OUT == HELD_OUT - 1]
    kept = [i for i in numbers if i % HELD_OUT != HELD_OUT - 1]
    return train.take(kept), train.take(dev)


def _in_order(data: Data, table: Rows) -> tuple[str, ...]:
    """The classes in GLUE's order, in which the second is the one that F1 is of."""
    named = table.classes.get("label")
    return tuple(named) if named and set(named) == set(data.classes) else data.classes


def _numbered(data: Data, classes: tuple[str, ...]) -> Data:
    """The same labels, numbered by their place in `classes`."""
    if classes == data.classes:
        return data
    places = {number: classes.index(label) for number, label in enumerate(data.classes)}
    splits: dict[str, Examples] = {}
    for split, examples in data.splits.items():
        labels = []
        for label in examples.labels:
            moved = label.copy()
            moved[0] = places[int(label[0])]
            labels.append(moved)
        splits[split] = Examples(examples.texts, labels)
    return replace(data, splits=splits, classes=classes)
