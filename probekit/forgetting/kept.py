"""Kept: what was measured of one checkpoint, known by what it was measured of, and checked before it is believed.

    FOLDER/KEY/scores.csv       a row a probe and baseline, numbers in full
    FOLDER/KEY/answers.npz      what the probes say of the test instances: (layers, seeds, n) for each task
    FOLDER/KEY/run.json         the record, with the warnings
    FOLDER/KEY/checksums.json   of the three, each together with KEY: what is of another checkpoint does not match

Numbers are read back from these files even by the run that wrote them, so that a run that goes on where another stopped
ends with the same numbers to the last digit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from probekit.errors import StoreError
from probekit.results.folder import cannot_write, make_folder
from probekit.whole import remove_left_behind, replace_together

if TYPE_CHECKING:
    import pandas as pd

CHECKSUMS = "checksums.json"
FILES = ("scores.csv", "answers.npz", "run.json")
NUMBERS = ("score", "ci_low", "ci_high", "dev_score")


class DamagedError(StoreError):
    """Kept results that are not what was written, or are of something else."""


@dataclass(frozen=True)
class Kept:
    """What was measured of a checkpoint on a corpus.

    Attributes:
        scores: a row a probe and baseline, as in `Scores.table`.
        answers: for each task, `(layers, seeds, n_test)` labels given to the test instances, in the order of layers.
        run: the record; its `notices` are what a reader must know.
    """

    scores: pd.DataFrame
    answers: Mapping[str, np.ndarray]
    run: Mapping[str, Any]


def keep(folder: Path, key: str, kept: Kept) -> None:
    """Write it into `folder/key`.

    Raises StoreError where that fails.
    """
    answers = BytesIO()
    names = list(kept.answers)
    arrays: dict[str, Any] = {str(i): kept.answers[name] for i, name in enumerate(names)}
    np.savez_compressed(answers, names=np.array(names), **arrays)
    contents = {
        "scores.csv": kept.scores.to_csv(index=False).encode(),  # without a float format: numbers in full
        "answers.npz": answers.getvalue(),
        "run.json": (json.dumps(dict(kept.run), indent=2, default=str) + "\n").encode(),
    }
    checksums = {name: _checksum(key, name, content) for name, content in contents.items()}
    try:
        remove_left_behind(make_folder(folder))
        place = make_folder(folder / key)
        remove_left_behind(place)
        replace_together(place, {**contents, CHECKSUMS: (json.dumps(checksums, indent=2) + "\n").encode()})
    except OSError as error:
        raise StoreError(cannot_write(folder / key, error)) from error


def find(folder: Path, key: str) -> Kept | None:
    """What was kept in `folder/key`; None where nothing was.

    Raises DamagedError where it is not what was written there.
    """
    place = folder / key
    try:
        checksums = json.loads((place / CHECKSUMS).read_bytes())
        contents = {name: (place / name).read_bytes() for name in FILES}
        for name, content in contents.items():
            if checksums[name] != _checksum(key, name, content):
                raise DamagedError(f"{place / name} does not match its checksum")
        answers = np.load(BytesIO(contents["answers.npz"]), allow_pickle=False)
        return Kept(
            _scores(contents["scores.csv"]),
            {str(name): answers[str(i)] for i, name in enumerate(answers["names"])},
            json.loads(contents["run.json"]),
        )
    except FileNotFoundError as error:
        if not place.is_dir():
            return None
        raise DamagedError(f"{place} is not complete: it has no {Path(error.filename).name}") from error
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise DamagedError(f"{place} cannot be read ({type(error).__name__})") from error


def _scores(content: bytes) -> pd.DataFrame:
    """The table, with its numbers to the last digit: parsed by Python, not by pandas, which may round."""
    import pandas as pd

    table = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False)
    for name in NUMBERS:
        table[name] = [float(value or "nan") for value in table[name]]
    return table.assign(layer=pd.array([int(value) if value else None for value in table["layer"]], dtype="Int64"))


def _checksum(key: str, name: str, content: bytes) -> str:
    return hashlib.sha256(f"{key}/{name}\n".encode() + content).hexdigest()
