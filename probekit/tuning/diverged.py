"""Diverged: training whose loss is no longer a number, and the file that remembers it."""

from __future__ import annotations

import json
from pathlib import Path

from probekit.errors import ProbekitError, StoreError
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

DIVERGED = "diverged.json"


class Diverged(ProbekitError):
    """Training whose loss or weights are no longer numbers.

    Attributes:
        step: of training, from 1; 0 where it is not known.
        trained: weights that were trained.
        seconds: that it took.
    """

    def __init__(self, message: str, step: int = 0, trained: int = 0, seconds: float = 0.0) -> None:
        """With what to tell the user."""
        super().__init__(message)
        self.step, self.trained, self.seconds = step, trained, seconds

    def keep(self, folder: Path) -> None:
        """Write it into the folder of its run. Raises StoreError where that fails."""
        facts = {"message": str(self), "step": self.step, "trained": self.trained}
        try:
            with written_whole(folder / DIVERGED) as file:
                file.write(json.dumps({**facts, "seconds": self.seconds}, indent=2).encode())
        except OSError as error:
            raise StoreError(cannot_write(folder, error)) from error

    @classmethod
    def kept(cls, folder: Path) -> Diverged | None:
        """The divergence of the run in a folder; None where there is none."""
        try:
            facts = json.loads((folder / DIVERGED).read_bytes())
            message = f"{facts['message']}; overwrite=True runs it again"
            return cls(message, int(facts["step"]), int(facts["trained"]), float(facts["seconds"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # the run goes on, and finds out again
