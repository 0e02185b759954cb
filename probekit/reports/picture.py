"""Picture: a figure, drawn and written to files.

Every picture is made here: names of models, labels and all other text are drawn as they are, `$` and `\\` included.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.harmless import as_xml
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
            _write(_drawn(figure, path.suffix[1:]), path)


def _write(content: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(cannot_write(path, error)) from error


def _drawn(figure: Any, form: str) -> bytes:
    if form != "svg":
        drawn = BytesIO()
        figure.savefig(drawn, format=form, dpi=160, bbox_inches="tight")
        return drawn.getvalue()
    text = StringIO()
    # No date in the file: the same scores give the same bytes.
    figure.savefig(text, format=form, dpi=160, bbox_inches="tight", metadata={"Date": None})
    return as_xml(text.getvalue()).encode()
