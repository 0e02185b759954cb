"""Several: results from several folders, each under a name of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import InputError
from probekit.reports.read import Kind, read
from probekit.reports.table import Table
from probekit.reports.tables import tables_of

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9.-]+")


def read_each(folders: Any) -> dict[str, Kind]:
    """The results of each folder, by the folder's name in letters that LaTeX and links take.

    Folders of one name are numbered.

    Raises InputError where there are no results in one, or they are not what was written.
    """
    found: dict[str, Kind] = {}
    for path in map(Path, doors.several("folders", folders, (str, Path))):
        name = _name(path, list(found))
        try:
            found[name] = read(path)
        except InputError as error:
            raise InputError(f"folders: {error}") from error
    return found


def tables_in(subject: Kind, name: str) -> dict[str, Table]:
    """The tables of the results in a folder. Raises InputError where they have no rows."""
    if not any(len(table) for table in subject.tables.values()):
        raise InputError(f"the results in {name} have no rows: give another folder")
    return tables_of(subject)


def _name(path: Path, taken: Sequence[str]) -> str:
    """A new name for the results in a folder, or in the folder of a file."""
    folder = path.parent if os.path.isfile(path) else path  # noqa: PTH113 - Path.is_file can raise
    wanted = _NOT_IN_NAMES.sub("-", Path(os.path.abspath(folder)).name).strip("-.") or "results"  # noqa: PTH100
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
