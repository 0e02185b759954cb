"""Track: scores and pictures of a run for TensorBoard, without a Trainer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError, StoreError
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.harmless import harmless
from probekit.paths import path_of, portable
from probekit.probes.scores import Scores
from probekit.results.folder import cannot_write
from probekit.results.results import Results
from probekit.whole import part_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ENDING = ".probekit"
"""Of the names of event files, by which those of an older run are known."""


@dataclass(frozen=True)
class Curves:
    """The curves of a table.

    Attributes:
        table: the table, by its name in the results.
        along: the column that they go along; empty for single values, which are at 0.
        measures: the columns that are drawn.
    """

    table: str
    along: str
    measures: tuple[str, ...]


_CHANGES = ("score_before", "score_after", "delta")
CURVES: dict[type[Results], tuple[Curves, ...]] = {
    Scores: (Curves("table", "layer", ("score",)),),
    Comparison: (
        Curves("comparison", "layer", (*_CHANGES, "retention")),
        Curves("behaviour", "", _CHANGES),
    ),
    Trajectory: (
        Curves("table", "step", ("score", "retention")),
        Curves("behaviour", "step", ("score_after", "delta")),
    ),
}
"""What is logged of each kind of results."""


def track(
    results: Results,
    folder: str | Path,
    *,
    name: str = "probekit",
    pictures: str | Path | Sequence[str | Path] = (),
) -> Path:
    """Log scores and pictures for TensorBoard, as one run of a folder of runs.

    Scores of `probe` and `compare` go along layers, those of `trace` along steps. A curve is named
    after measure and task, with whatever else tells it from others: `score/pos/linear`,
    `retention/dep/layer 6`. Baselines and behaviour have one value, at 0. Values are of single
    precision: those of the CSV files to the sixth decimal.

    Args:
        results: of `probe`, `compare` or `trace`.
        folder: of the runs, which `tensorboard --logdir` takes; made if it does not exist.
        name: of this run; an older one of this name is replaced.
        pictures: PNG files that are logged too.

    Returns the run's folder.

    Raises InputError where tensorboard is not installed, for results of another kind and pictures
    that cannot be read, StoreError where writing fails.
    """
    require_tensorboard()
    doors.of_type("results", results, tuple(CURVES))
    place = path_of(doors.of_type("folder", folder, (str, Path)))
    run = place / (portable(doors.of_type("name", name, str)) or "probekit")
    files = doors.several("pictures", pictures, (str, Path)) if pictures else []
    drawn = {Path(path).stem: _pixels(path_of(path)) for path in files}
    begun = part_of(run)
    try:
        begun.mkdir(parents=True, exist_ok=True)
        _write(results, drawn, begun)
        run.mkdir(exist_ok=True)
        for old in run.glob(f"events.out.tfevents.*{ENDING}"):
            old.unlink()
        for new in begun.iterdir():
            new.replace(run / new.name)
    except OSError as error:
        raise StoreError(cannot_write(run, error)) from error
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return run


def require_tensorboard() -> None:
    """Raise InputError where tensorboard is not installed."""
    if find_spec("tensorboard") is None:
        raise InputError(
            "logging for TensorBoard needs tensorboard: pip install 'probekit-nlp[track]'"
        )


def _write(results: Results, drawn: dict[str, np.ndarray], folder: Path) -> None:
    """Write the event file."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), filename_suffix=ENDING) as writer:
        for tag, value, step in scalars(results):
            writer.add_scalar(tag, value, step)
        for name, pixels in drawn.items():
            writer.add_image(name, pixels, dataformats="HWC")


def scalars(results: Results) -> Iterator[tuple[str, float, int]]:
    """Each value that is logged: its tag, the value, and the layer or step."""
    for curves in CURVES[type(results)]:
        table: pd.DataFrame = getattr(results, curves.table)
        schema = {**results.TABLES, **results.OPTIONAL}[curves.table]
        rows = table.assign(at=table[curves.along].fillna(0) if curves.along else 0)
        telling = _telling(rows, [key for key in schema.key if key != curves.along])
        for _, row in rows.iterrows():
            words = [_word(name, row[name]) for name in telling]
            for measure in curves.measures:
                if row[measure] == row[measure]:  # it is not missing
                    yield "/".join([measure, *words]), float(row[measure]), int(row["at"])


def _telling(rows: pd.DataFrame, keys: Sequence[str]) -> list[str]:
    """The fewest columns, in order, that tell the curves apart."""
    chosen = ["task"]
    for name in keys:
        before = int(rows.duplicated([*chosen, "at"]).sum())
        if name not in chosen and rows.duplicated([*chosen, name, "at"]).sum() < before:
            chosen.append(name)
    return chosen


def _word(name: str, value: Any) -> str:
    """A part of a curve's name: texts as they are, numbers with the column's name."""
    return harmless(value) if isinstance(value, str) else f"{name} {value}"


def _pixels(path: Path) -> np.ndarray:
    """A PNG file as `(height, width, 3)` bytes. Raises InputError where there is none."""
    from matplotlib.image import imread

    try:
        shown = imread(path, format="png")
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"pictures: {path} cannot be read as PNG ({error})") from error
    return (255 * shown[..., :3]).round().astype("uint8")
