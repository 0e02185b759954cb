"""Markdown: the tables and pictures of results, for a README or a page on the web."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from probekit import doors
from probekit.errors import StoreError
from probekit.harmless import harmless
from probekit.paths import path_of
from probekit.reports.picture import drawn_as
from probekit.reports.pictures_of import pictures_of
from probekit.reports.read import Kind
from probekit.reports.several import read_each, tables_in
from probekit.reports.table import Table
from probekit.results.folder import cannot_write, make_folder
from probekit.whole import replace_together

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&#]|(?<=\w):(?=//)|(?<=www)\.", re.IGNORECASE)


def markdown_file(folders: str | Path | Sequence[str | Path], out: str | Path) -> list[Path]:
    """Write the tables of results into one Markdown file, with their pictures beside it.

    A picture is `STEM-NAME-PICTURE.png`, where STEM is the file's name without its ending, and
    NAME that of the folder.

    Args:
        folders: what verbs wrote.
        out: the file.

    Returns the files, the Markdown file last.

    Raises InputError where a folder has no results; StoreError where writing fails, and then no
    file is changed.
    """
    found = read_each(folders)
    place = path_of(doors.of_type("out", out, (str, Path)))
    parts: list[str] = []
    contents: dict[str, bytes] = {}
    for name, results in found.items():
        parts += [f"## {escaped(name)}", *markdown_parts(results, name)]
        for picture, draw in pictures_of(results).items():
            file = f"{place.stem}-{name}-{picture}.png"
            contents[file] = drawn_as(draw(results), "png")
            parts.append(f"![{escaped(picture)}]({file.replace(' ', '%20')})")
    contents[place.name] = ("\n\n".join(parts) + "\n").encode()
    make_folder(place.parent)
    try:
        replace_together(place.parent, contents)
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error
    return [place.parent / name for name in contents]


def markdown_parts(results: Kind, name: str) -> list[str]:
    """The warnings and the tables of the results in a folder, each a block of Markdown.

    Raises InputError where they have no rows.
    """
    parts = [f"> {escaped(warning)}" for warning in results.warnings]
    for table in tables_in(results, name).values():
        parts += [f"### {escaped(table.title)}", as_markdown(table)]
        if table.note:
            parts.append(escaped(table.note))
    return parts


def as_markdown(table: Table) -> str:
    """The rows of a table as GitHub has them; numbers are on the right."""
    lines = [
        [escaped(column.heading) for column in table.columns],
        ["---:" if column.is_number else ":---" for column in table.columns],
    ]
    for row in table.rows:
        lines.append([escaped(text) for text in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """Text for Markdown, on one line, in which nothing is a mark, a tag or a link."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(harmless(text).split()))
