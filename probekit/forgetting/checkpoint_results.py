"""Checkpoint results: what was measured of one checkpoint of a trajectory, on disk.

    FOLDER/KEY/scores.csv       one row for each probe and baseline, numbers in full
    FOLDER/KEY/answers.npz      labels given to the test instances: (layers, seeds, n) for each
                                task; of structural ones counts (layers, seeds, n, k)
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
from probekit.probes.score_rows import SCORES
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
            order of layers; of structural tasks `(layers, seeds, n_test, k)` counts.
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
    names = np.array(list(results.answers))
    # Names of tasks may hold what a name in an archive may not: arrays are called by their places.
    arrays: dict[str, Any] = {str(i): array for i, array in enumerate(results.answers.values())}
    np.savez_compressed(answers, names=names, **arrays)
    record = {
        "measurements": [one.to_json() for one in results.measurements],
        "warnings": results.warnings,
    }
    contents = {
        "scores.csv": SCORES.as_csv(results.scores, decimals=None).encode(),
        "answers.npz": answers.getvalue(),
        "run.json": _json(record),
    }
    checksums = {name: _checksum(key, name, content) for name, content in contents.items()}
    contents[CHECKSUMS] = _json(checksums)
    try:
        remove_abandoned(make_folder(folder))
        place = make_folder(folder / key)
        remove_abandoned(place)
        replace_together(place, contents)
    except OSError as error:
        raise StoreError(cannot_write(folder / key, error)) from error


def _json(record: Any) -> bytes:
    text = json.dumps(record, indent=2)
    return f"{text}\n".encode()


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
        scores = SCORES.from_csv(contents["scores.csv"].decode(), decimals=None)
        arrays = np.load(BytesIO(contents["answers.npz"]), allow_pickle=False)
        answers = {str(name): arrays[str(i)] for i, name in enumerate(arrays["names"])}
        record = json.loads(contents["run.json"])
        measurements = tuple(Measurement.from_json(one) for one in record["measurements"])
        return CheckpointResults(scores, answers, measurements, tuple(record["warnings"]))
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
