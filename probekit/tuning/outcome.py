"""Outcome: what one trained model says of the test split, kept in a file so that it is trained
once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from probekit.errors import StoreError
from probekit.results.folder import cannot_write
from probekit.whole import written_whole


@dataclass(frozen=True)
class Outcome:
    """What one method came to, with one sample of labels.

    Attributes:
        said: `(n,)` predictions for the labels of test, in order.
        dev_score: on dev.
        chosen: the learning rate, or the inverse strength C of regularisation, that dev chose.
        seconds: of training and predicting.
        warnings: what a reader must know.
    """

    said: np.ndarray
    dev_score: float
    chosen: float
    seconds: float
    warnings: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Keep it. Raises StoreError where that fails."""
        facts = {
            "dev_score": self.dev_score,
            "chosen": self.chosen,
            "seconds": self.seconds,
            "warnings": self.warnings,
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                np.savez_compressed(file, said=self.said, facts=np.array(json.dumps(facts)))
        except OSError as error:
            raise StoreError(cannot_write(path, error)) from error

    @classmethod
    def read(cls, path: Path, labels: int) -> Outcome | None:
        """The one that was kept; None where there is none for so many labels of test."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                said, facts = kept["said"], json.loads(str(kept["facts"]))
            found = cls(said, **{**facts, "warnings": tuple(facts["warnings"])})
        except (OSError, ValueError, KeyError, TypeError, BadZipFile):
            return None  # it is computed again
        return found if len(found.said) == labels else None
