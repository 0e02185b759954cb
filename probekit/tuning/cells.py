"""Cells of a grid: a recipe, rate and seed each, fine-tuned and compared with its start."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from probekit.engine.engine import Report
from probekit.errors import StoreError
from probekit.forgetting.compare import compare
from probekit.forgetting.comparison import Comparison
from probekit.progress import Progress, within
from probekit.results.folder import RECORD
from probekit.results.run import Measurement, plain
from probekit.tuning.diverged import Diverged
from probekit.tuning.finetune import finetune
from probekit.tuning.predicted import Answers
from probekit.tuning.predictions import kept_predictions
from probekit.tuning.recipe_scores import CellRow
from probekit.tuning.settings import TuningSettings
from probekit.tuning.target_differences import RecipeAtRate
from probekit.tuning.tuned import Tuned


@dataclass(frozen=True)
class Cell:
    """One recipe, rate and seed."""

    recipe: str
    rate: float
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.recipe}-{self.rate:g}-{self.seed}"

    @property
    def recipe_at_rate(self) -> RecipeAtRate:
        """Without the seed."""
        return RecipeAtRate(self.recipe, f"{self.rate:g}")


class CellResult(NamedTuple):
    """What came of a cell.

    Attributes:
        rows: one for each probing task, or one that says that training diverged.
        warnings: of fine-tuning.
        compared: the warnings of the comparison.
        said: of test; None where training diverged.
        measurements: what it was trained on, and what was probed before and after.
    """

    rows: list[CellRow]
    warnings: tuple[str, ...]
    compared: tuple[str, ...] = ()
    said: Answers | None = None
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True)
class CellWork:
    """What is done with each cell: see `Work`.

    Attributes:
        model: the starting checkpoint.
        data: what it is fine-tuned on.
        columns: which columns of it are read.
        folder: of all cells.
        settings: how all are trained; rate and seed are those of the cell.
        probing: what the comparison measures.
        overwrite: delete what is there.
        progress: of fine-tuning and comparison.
    """

    model: str | Path
    data: str | Path
    columns: Mapping[str, Any]
    folder: Path
    settings: TuningSettings
    probing: Mapping[str, Any]
    overwrite: bool
    progress: Progress

    @property
    def one_thread(self) -> bool:
        """A cell takes all threads of its process."""
        return False

    def run(self, jobs: Sequence[Cell], report: Report) -> list[CellResult]:
        """Fine-tune and compare cells, one after another.

        Raises StoreError where this process cannot see the folder.
        """
        if not self.folder.parent.is_dir():
            raise StoreError(
                f"a worker on {socket.gethostname()} cannot see {self.folder.parent}: give 'out' a "
                "folder that all machines of the cluster share"
            )
        results = []
        for number, cell in enumerate(jobs):
            if not self._is_finished(cell):  # one that took no time would shorten the time left
                report(number)
            part = f"{number + 1} of {len(jobs)} ({cell.name})"
            results.append(self._result(cell, within(self.progress, part)))
        report(len(jobs))
        return results

    def _result(self, cell: Cell, progress: Progress) -> CellResult:
        home = self.folder / cell.name
        own = replace(self.settings, rate=cell.rate, seed=cell.seed)
        try:
            tuned = finetune(
                self.model, self.data, cell.recipe, out=home, settings=own,
                overwrite=self.overwrite, resume=home.exists() and not self.overwrite,
                progress=progress, **self.columns,
            )  # fmt: skip
        except Diverged as error:
            warning = f"{cell.name} is in no mean and not on the front: {error}"
            return CellResult([_diverged(cell, error)], (warning,))
        said = kept_predictions(home, "test", str(tuned.run.settings.get("predictions", "")))
        change = self._compared(home, progress)
        read = (*tuned.run.measurements, *change.run.measurements)
        rows = _rows(cell, tuned, change)
        return CellResult(rows, tuned.warnings, change.warnings, said, read)

    def _is_finished(self, cell: Cell) -> bool:
        folder = self._comparison_folder(self.folder / cell.name)
        return not self.overwrite and (folder / RECORD).is_file()

    def _comparison_folder(self, home: Path) -> Path:
        """Where the comparison of a cell is kept, by what it measures."""
        asked = json.dumps(plain(dict(self.probing)), sort_keys=True).encode()
        return home / f"compare-{hashlib.sha256(asked).hexdigest()[:8]}"

    def _compared(self, home: Path, progress: Progress) -> Comparison:
        """The comparison of a cell with the starting checkpoint, measured once."""
        folder = self._comparison_folder(home)
        if (folder / RECORD).is_file():
            return Comparison.read(folder)
        change = compare(str(self.model), str(home), progress=progress, **self.probing)
        change.write(folder)
        return change


def _diverged(cell: Cell, error: Diverged) -> CellRow:
    """The row of a cell whose training diverged."""
    nothing = float("nan")
    return CellRow(
        recipe=cell.recipe,
        rate=f"{cell.rate:g}",
        seed=cell.seed,
        task="",
        corpus="",
        outcome=f"diverged at step {error.step:,}",
        metric="",
        dev=nothing,
        target=nothing,
        target_low=nothing,
        target_high=nothing,
        retention=nothing,
        retention_low=nothing,
        retention_high=nothing,
        trained=error.trained,
        seconds=error.seconds,
    )


def _rows(cell: Cell, tuned: Tuned, change: Comparison) -> list[CellRow]:
    test, dev = (tuned.table[tuned.table["split"] == one].iloc[0] for one in ("test", "dev"))
    rows = []
    for _, best in change.best.iterrows():
        rows.append(
            CellRow(
                recipe=cell.recipe,
                rate=f"{cell.rate:g}",
                seed=cell.seed,
                task=best["task"],
                corpus=best["corpus"],
                metric=test["metric"],
                dev=dev["score"],
                target=test["score"],
                target_low=test["ci_low"],
                target_high=test["ci_high"],
                retention=best["retention"],
                retention_low=best["retention_low"],
                retention_high=best["retention_high"],
                trained=test["trained"],
                seconds=tuned.run.seconds["all"],
            )
        )
    return rows
