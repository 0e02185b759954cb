"""Out folder: where a command writes its results."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from probekit.errors import InputError
from probekit.paths import path_of, portable

LONGEST_NAME = 100  # characters of a model's name in the name of a folder


@contextmanager
def results_folder(out: Path | None, models: list[str]) -> Iterator[Path]:
    """The folder for results, made before hours of work; removed again if it stays empty."""
    from probekit.results.folder import make_folder

    folder = new_folder(out, models)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield folder
    finally:
        for path in made:
            with suppress(OSError):  # it is not empty
                path.rmdir()


def new_folder(out: Path | None, models: list[str]) -> Path:
    """`--out`, or a new folder, named after the time and the first model."""
    if out is not None:
        path = path_of(out)
        if path.exists() and not path.is_dir():
            raise InputError(f"--out {out} is a file: give a folder")
        return path
    name = portable(Path(models[0].rstrip("/")).name[:LONGEST_NAME]) or "model"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    folder = Path("probekit-runs") / stem
    for number in range(2, 1000):
        if not folder.exists():
            break
        folder = Path("probekit-runs") / f"{stem}-{number}"
    return folder
