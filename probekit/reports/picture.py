"""Picture: a figure written to files."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.harmless import as_xml
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

FORMATS = (".png", ".svg", ".pdf")


def save(figure: Any, *paths: str | Path) -> None:
    """Write a matplotlib figure into each of `paths`, whose endings (.png, .svg or .pdf) say how.

    Raises InputError for another ending, StoreError where writing fails.
    """
    for path in paths:
        if Path(path).suffix not in FORMATS:
            raise InputError(f"cannot draw into '{path}': expected a name that ends in {', '.join(FORMATS)}")
    for path in map(Path, paths):
        content = _drawn(figure, path.suffix[1:])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.write(content)
        except OSError as error:
            raise StoreError(cannot_write(path, error)) from error


def _drawn(figure: Any, form: str) -> bytes:
    import matplotlib as mpl

    if form != "svg":
        drawn = BytesIO()
        figure.savefig(drawn, format=form, dpi=160, bbox_inches="tight")
        return drawn.getvalue()
    text = StringIO()
    # No date in the file, and no chance in its ids: the same scores give the same bytes.
    with mpl.rc_context({"svg.hashsalt": "probekit"}):
        figure.savefig(text, format=form, dpi=160, bbox_inches="tight", metadata={"Date": None})
    return as_xml(text.getvalue()).encode()
