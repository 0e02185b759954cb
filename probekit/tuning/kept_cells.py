"""Kept cells: the folder of a run of transfer, whose trained models are never trained again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from probekit.errors import InputError, StoreError
from probekit.results.folder import RECORD, cannot_write, make_folder
from probekit.results.run import plain
from probekit.tuning.other_request import other_request
from probekit.tuning.outcome import Outcome
from probekit.whole import remove_abandoned, written_whole

STARTED = "transfer.json"
"""What was asked for, written when a run begins."""

CELLS = "cells"
OWN = (RECORD, "transfer.csv", "label_curves.csv", "factors.csv", "transfer.png", "transfer.svg")


class Coordinates(NamedTuple):
    """What tells one trained model from the others of a run."""

    method: str
    labels: int
    seed: int


class KeptCells:
    """The outcomes in a folder."""

    def __init__(self, folder: Path, asked: Mapping[str, Any], overwrite: bool) -> None:
        """Go on with the run in the folder, or begin one.

        Args:
            folder: made where it does not exist.
            asked: all that decides an outcome, beside its coordinates.
            overwrite: delete a run that is there.

        Raises InputError for a folder that holds a run that was asked for something else, or other
        files; StoreError where it cannot be written.
        """
        self.folder = folder
        wanted = plain(dict(asked))
        found = _require_free(folder, wanted, overwrite)
        make_folder(folder)
        remove_abandoned(folder)
        try:
            if overwrite and found is not None:
                self._clear()
            with written_whole(folder / STARTED) as file:
                file.write(json.dumps(wanted, indent=2).encode())
        except OSError as error:
            raise StoreError(cannot_write(folder, error)) from error

    def read(self, cell: Coordinates, test_labels: int) -> Outcome | None:
        """The outcome of a cell; None where it is not there, whole, or of so many labels of
        test."""
        return Outcome.read(self._path(cell), test_labels)

    def write(self, cell: Coordinates, outcome: Outcome) -> None:
        """Keep an outcome. Raises StoreError where that fails."""
        outcome.write(self._path(cell))

    def _path(self, cell: Coordinates) -> Path:
        return self.folder / CELLS / f"{cell.method}-{cell.labels}-{cell.seed}.npz"

    def _clear(self) -> None:
        """Delete what a run writes, and nothing else. Raises OSError."""
        if (self.folder / CELLS).is_dir():
            shutil.rmtree(self.folder / CELLS)
        for name in OWN:
            (self.folder / name).unlink(missing_ok=True)


def _require_free(
    folder: Path, wanted: Mapping[str, Any], overwrite: bool
) -> Mapping[str, Any] | None:
    """What was asked for in a folder; None for a new one. Raises InputError as above."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"out: {folder} is a file: give a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    try:
        found = json.loads((folder / STARTED).read_bytes())
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"out: {folder} holds other files: give a new folder")
    other = other_request(found, wanted)
    if other and not overwrite:
        raise InputError(
            f"out: the run in {folder} was started with {other}: give what it was started with, "
            "overwrite=True, or another folder"
        )
    return found
