"""LaTeX files: the tables of results as booktabs, and their pictures as PDF, for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probekit import doors
from probekit.errors import StoreError
from probekit.paths import path_of
from probekit.reports.latex import as_latex
from probekit.reports.picture import drawn_as
from probekit.reports.pictures_of import pictures_of
from probekit.reports.several import read_each, tables_in
from probekit.reports.style import StyleName, styled
from probekit.results.folder import cannot_write, make_folder
from probekit.whole import replace_together


def latex_files(
    folders: str | Path | Sequence[str | Path],
    out: str | Path,
    style: StyleName = "paper-wide",
) -> list[Path]:
    r"""Write the tables and the pictures of results for a paper.

    A table is `NAME-TABLE.tex`, where NAME is that of the folder: a `table` environment with a
    caption and the label `tab:NAME-TABLE`. A picture is `NAME-PICTURE.pdf`. The paper needs the
    packages booktabs and graphicx, and takes them by `\input{tables/demo-scores}` and
    `\includegraphics{tables/demo-heatmap}`, without a width: they have that of a column.

    Args:
        folders: what verbs wrote.
        out: the folder to write into, made if it does not exist.
        style: of the pictures, see `pk.style`.

    Returns the files.

    Raises InputError where a folder has no results; StoreError where writing fails, and then no
    file is changed.
    """
    found = read_each(folders)
    place = path_of(doors.of_type("out", out, (str, Path)))
    contents: dict[str, bytes] = {}
    with styled("style", style):
        for name, results in found.items():
            for table, shown in tables_in(results, name).items():
                label = f"{name}-{table}"
                contents[f"{label}.tex"] = as_latex(shown, f"tab:{label}").encode()
            for picture, draw in pictures_of(results).items():
                contents[f"{name}-{picture}.pdf"] = drawn_as(draw(results), "pdf")
    make_folder(place)
    try:
        replace_together(place, contents)
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error
    return [place / name for name in contents]
