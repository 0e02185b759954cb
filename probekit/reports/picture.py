"""Picture: a figure written to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

FORMATS = (".png", ".svg", ".pdf")


def save(figure: Any, *paths: str | Path) -> None:
    """Write a matplotlib figure into each of `paths`, whose endings (.png, .svg or .pdf) say how.

    Raises InputError for another ending, StoreError where writing fails.
    """
    import matplotlib as mpl

    for path in paths:
        if Path(path).suffix not in FORMATS:
            raise InputError(f"cannot draw into '{path}': expected a name that ends in {', '.join(FORMATS)}")
    for path in map(Path, paths):
        # No date in the file, and no chance in its ids: the same scores give the same bytes.
        extra = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with mpl.rc_context({"svg.hashsalt": "probekit"}), written_whole(path) as file:
                figure.savefig(file, format=path.suffix[1:], dpi=160, bbox_inches="tight", **extra)
        except OSError as error:
            raise StoreError(cannot_write(path, error)) from error
