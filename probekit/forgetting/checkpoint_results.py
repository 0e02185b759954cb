"""Checkpoint results: what was measured of one checkpoint of a trajectory, on disk.

    FOLDER/KEY/scores.csv       one row for each probe and baseline, numbers in full
    FOLDER/KEY/answers.npz      labels given to the test instances: (layers, seeds, n) for each task
    FOLDER/KEY/run.json         what was read, and the warnings
    FOLDER/KEY/checksums.json   of the three files

KEY stands for everything that the results depend on. Checksums include it, so that the results of
another checkpoint do not match. Numbers are read back from these files even by the run that wrote
them: a run that continues an interrupted one ends with the same numbers to the last digit.
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

from probekit.errors import InputError, StoreError
from probekit.probes.scores import SCORES
from probekit.results.folder import cannot_write, make_folder
from probekit.results.run import Measurement
from probekit.whole import remove_abandoned, replace_together

if TYPE_CHECKING:
    import pandas as pd

CHECKSUMS = "checksums.json"
FILES = ("scores.csv", "answers.npz", "run.json")


class DamagedError(StoreError):
    """Results on disk that are not what was written, or are of something else."""


@dataclass(frozen=True)
class CheckpointResults:
    """What was measured of a checkpoint on a corpus.

    Attributes:
        scores: one row for each probe and baseline, as in `Scores.table`, with numbers in full.
        answers: for each task, `(layers, seeds, n_test)` labels given to the test instances, in the
            order of layers.
        measurements: what was read, one for each context.
        warnings: what a reader must know.
    """

    scores: pd.DataFrame
    answers: Mapping[str, np.ndarray]
    measurements: tuple[Measurement, ...]
    warnings: tuple[str, ...]


def save(folder: Path, key: str, results: CheckpointResults) -> None:
    """Write the results into `folder/key`.

    Raises StoreError where that fails.
    """
    answers = BytesIO()
    names = list(results.answers)
    arrays: dict[str, Any] = {str(i): results.answers[name] for i, name in enumerate(names)}
    np.savez_compressed(answers, names=np.array(names), **arrays)
    record = {
        "measurements": [one.to_json() for one in results.measurements],
        "warnings": results.warnings,
    }
    contents = {
        "scores.csv": SCORES.as_csv(results.scores, decimals=None).encode(),
        "answers.npz": answers.getvalue(),
        "run.json": (json.dumps(record, indent=2) + "\n").encode(),
    }
    checksums = {name: _checksum(key, name, content) for name, content in contents.items()}
    try:
        remove_abandoned(make_folder(folder))
        place = make_folder(folder / key)
        remove_abandoned(place)
        replace_together(
            place, {**contents, CHECKSUMS: (json.dumps(checksums, indent=2) + "\n").encode()}
        )
    except OSError as error:
        raise StoreError(cannot_write(folder / key, error)) from error


def load(folder: Path, key: str) -> CheckpointResults | None:
    """The results in `folder/key`; None where there are none.

    Raises DamagedError where they are not what was written there.
    """
    place = folder / key
    try:
        checksums = json.loads((place / CHECKSUMS).read_bytes())
        contents = {name: (place / name).read_bytes() for name in FILES}
        for name, content in contents.items():
            if checksums[name] != _checksum(key, name, content):
                raise DamagedError(f"{place / name} does not match its checksum")
        answers = np.load(BytesIO(contents["answers.npz"]), allow_pickle=False)
        record = json.loads(contents["run.json"])
        return CheckpointResults(
            SCORES.from_csv(contents["scores.csv"].decode(), decimals=None),
            {str(name): answers[str(i)] for i, name in enumerate(answers["names"])},
            tuple(Measurement.from_json(one) for one in record["measurements"]),
            tuple(record["warnings"]),
        )
    except FileNotFoundError as error:
        if not place.is_dir():
            return None
        raise DamagedError(
            f"{place} is not complete: it has no {Path(error.filename).name}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, InputError, BadZipFile) as error:
        raise DamagedError(f"{place} cannot be read ({type(error).__name__})") from error


def _checksum(key: str, name: str, content: bytes) -> str:
    return hashlib.sha256(f"{key}/{name}\n".encode() + content).hexdigest()
