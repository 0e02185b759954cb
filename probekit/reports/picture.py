"""Picture: a figure, drawn and written to files.

Every picture is made here: names of models, labels and all other text are drawn as they are, `$` and `\\` included.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

FORMATS = (".png", ".svg", ".pdf")


# Nobody's own settings may read text as formulas; ids in SVG are the same for the same picture.
SETTINGS: Any = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "svg.hashsalt": "probekit",
}


def save(make: Callable[[], Any], *paths: str | Path) -> None:
    """Write the matplotlib figure that `make` makes into each of `paths`, whose endings (.png, .svg or .pdf) say how.

    Raises InputError for another ending, StoreError where writing fails.
    """
    import matplotlib as mpl

    for path in paths:
        if Path(path).suffix not in FORMATS:
            raise InputError(f"cannot draw into '{path}': expected a name that ends in {', '.join(FORMATS)}")
    with mpl.rc_context(SETTINGS):
        figure = make()
        for path in map(Path, paths):
            _write(figure, path)


def _write(figure: Any, path: Path) -> None:
    # No date in the file: the same scores give the same bytes.
    extra = {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            figure.savefig(file, format=path.suffix[1:], dpi=160, bbox_inches="tight", **extra)
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error
