"""Keeping: the probes of a run, on their way into a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from probekit import doors
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.saved.of_fitted import can_be_saved, saved_probes
from probekit.probes.saved.probe_file import save_probes
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.results.folder import make_folder
from probekit.states.states import States


class Keeping:
    """Collects the probes of a run, if they are wanted.

    Args:
        folder: where they are written; None to keep none.

    Raises InputError for a folder of another type, StoreError where it cannot be made.
    """

    def __init__(self, folder: str | Path | None) -> None:
        if folder is not None:
            make_folder(doors.of_type("save_probes", folder, (str, Path)))
        self.folder = folder
        self.probes: list[SavedProbe] = []
        self.left_out: list[str] = []

    def add(self, states: States, trained: Iterable[Fitted], settings: FitSettings) -> None:
        """Keep the probes that were trained on some states."""
        if self.folder is None:
            return
        for fitted in trained:
            if can_be_saved(fitted):
                self.probes += saved_probes(fitted, states, settings)
            else:
                self.left_out.append(f"{fitted.question.task.name} ({fitted.head})")

    def write(self) -> list[str]:
        """Write what was kept; the warnings. Raises StoreError where writing fails."""
        if self.folder is None:
            return []
        if self.probes:
            save_probes(self.probes, self.folder)
        warnings = []
        if self.left_out:
            names = ", ".join(dict.fromkeys(self.left_out))
            warnings.append(f"not saved: {names}: probes of products a * b are not maps of words")
        if not self.probes:
            warnings.append("no probe was saved: only probes that label words and spans can be")
        return warnings
