"""Report: results of any verbs as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probekit import doors
from probekit.errors import InputError, StoreError
from probekit.paths import path_of
from probekit.reports.page.opened import opened
from probekit.reports.page.render import render
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

TITLE = "probekit report"
LARGEST = 5_000_000  # bytes
SUFFIXES = (".html", ".htm")


def report(
    folders: str | Path | Sequence[str | Path],
    out: str | Path = "report.html",
    *,
    title: str = TITLE,
) -> Path:
    """Write results as one HTML file that needs no network and opens from disk.

    It has what was measured, the verdicts, pictures, tables that can be sorted and filtered, how to
    read each, every warning, a methods paragraph with references, and the commands that made the
    results.

    Args:
        folders: what `probe`, `compare`, `trace`, `recipes`, `transfer`, `attribute`, `erase`,
            `neurons`, `gate`, `compare_probes`, `finetune` or `replicate` wrote; one or several, of
            the same corpora.
        out: the file, whose name ends in .html; its folder is made if it does not exist.
        title: of the page.

    Returns the path of the file.

    Raises InputError where a folder has no results, is given twice, or is of another corpus than
    the others, where results are damaged, and where the page would be larger than 5 MB; StoreError
    where the file cannot be written.
    """
    paths = doors.several("folders", folders, (str, Path))
    place = _checked(doors.of_type("out", out, (str, Path)))
    name = doors.of_type("title", title, str)
    if not name.strip():
        raise InputError("title is empty: give the page a title, or leave it out")
    content = render(opened(paths), name).encode()
    if len(content) > LARGEST:
        raise InputError(
            f"folders make a page of {len(content) / 1e6:.1f} MB, and 5 MB is the most: give fewer"
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(place) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error
    return place


def _checked(out: str | Path) -> Path:
    """The path of the page. Raises InputError where it cannot be one."""
    place = path_of(out)
    if place.is_dir():
        raise InputError(f"out is {place}, a folder: give a file, such as {place}/report.html")
    if place.suffix not in SUFFIXES:
        raise InputError(f"out is '{place}': expected a name that ends in .html")
    return place
