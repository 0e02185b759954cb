"""Folder: tables and their record, written together and checked when they are read.

`run.json` is written last and has the sha256 of every table and of itself, so that files that were
changed, damaged or left by another run are noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.whole import is_full, reason, remove_abandoned, replace_together

RECORD = "run.json"
FILES = "files"
PICTURES = tuple(
    f"{name}.{ending}"
    for name in (
        "heatmap",
        "forgetting",
        "decomposition",
        "curves",
        "retention",
        "transfer",
        "erasure",
        "use_change",
        "neurons",
    )
    for ending in ("png", "svg")
)
"""Pictures of the tables in the same folder: out of date once new tables are written."""
KIND = "kind"  # of results, in the record
TABLE_SUFFIXES = (".csv", ".parquet")
"""Tables that only some results of a kind have: those of older results are removed likewise."""


def make_folder(folder: str | Path) -> Path:
    """The folder, made if it does not exist. Raises StoreError where that fails."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {reason(error)}") from error
    return path


def write(folder: str | Path, tables: Mapping[str, bytes], record: Mapping[str, Any]) -> None:
    """Write each table's file, and `run.json`, into `folder`.

    Pictures and tables of older results, and parts of killed runs, are removed.

    Args:
        folder: made if it does not exist.
        tables: the contents of files by name.
        record: the content of `run.json`, without the checksums in `files`.

    Raises StoreError where writing fails; what was in the folder is then as it was.
    """
    folder = make_folder(folder)
    old = {*PICTURES, *_tables_in(folder, record.get(KIND))} - set(tables)
    checksums = {name: _checksum(content) for name, content in tables.items()}
    text = json.dumps({**record, FILES: {**checksums, RECORD: _checksum_of(record)}}, indent=2)
    try:
        remove_abandoned(folder)
        replace_together(folder, {**tables, RECORD: f"{text}\n".encode()})
        for name in old:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(cannot_write(folder, error)) from error


def _tables_in(folder: Path, kind: object) -> list[str]:
    """Names of the tables that `run.json` in `folder` lists, if it is of this kind of results; none
    where it is damaged."""
    try:
        record, listed = _read(folder)
    except InputError:  # what it listed cannot be known
        return []
    if record.get(KIND) != kind:
        return []
    return [name for name in listed if Path(name).name == name and name.endswith(TABLE_SUFFIXES)]


def cannot_write(where: str | Path, error: OSError) -> str:
    """The message for results that cannot be written."""
    remedy = "Give another folder"
    if is_full(error):
        remedy = "Free some space, or give a folder on another disk"
    return f"cannot write {where}: {reason(error)}. {remedy}"


def read_table(path: Path) -> bytes:
    """Content of a table's file, checked against `run.json` in the same folder, if that lists it.

    Raises OSError where it cannot be read, InputError where the checksum differs.
    """
    content = path.read_bytes()
    expected = _read(path.parent)[1].get(path.name)
    if expected and _checksum(content) != expected:
        raise InputError(
            f"{path} is not the table that {RECORD} beside it belongs to: it was changed or "
            f"damaged, or is of another run. Run it again; or read the table alone, from a folder "
            f"without {RECORD}"
        )
    return content


def has_table(path: Path) -> bool:
    """Whether `run.json` in the same folder lists a table's file; without it, whether that exists.

    Raises InputError where `run.json` is damaged.
    """
    record, checksums = _read(path.parent)
    return path.name in checksums or (not record and os.path.lexists(path))


def read_record(folder: Path) -> dict[str, Any]:
    """The content of `run.json` in `folder`, without the checksums; empty where there is none.

    Raises InputError where it is damaged.
    """
    return _read(folder)[0]


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record in `folder`, and the checksums in it."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_bytes())
        checksums = dict(record.pop(FILES, {}))
        whole = RECORD not in checksums or checksums[RECORD] == _checksum_of(record)
    except OSError as error:
        if not os.path.lexists(path):
            return {}, {}
        raise InputError(f"{path} cannot be read: {reason(error)}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged ({error}): run it again, or delete it to read the tables alone"
        ) from error
    if not whole:
        raise InputError(
            f"{path} was changed or damaged: run it again, or delete it to read the tables alone"
        )
    return record, checksums


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_of(record: Mapping[str, Any]) -> str:
    """The same for a record in whatever layout."""
    return _checksum(json.dumps(record, sort_keys=True).encode())
