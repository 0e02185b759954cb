"""Finds the files probekit ships, the tasks in `probes/` and the corpora in `corpora/`.

A wheel carries both folders inside the package; an editable install does not copy them, so there they are
read from the checkout.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from probekit.errors import InputError, unknown

Folder = Literal["probes", "corpora"]


@cache
def folder(name: Folder) -> Path:
    """The folder of shipped files called `name`."""
    package = Path(__file__).resolve().parent
    for root in (package / "_bundle", package.parent):
        if (root / name).is_dir() and any((root / name).glob("*.toml")):
            return root / name
    raise InputError(f"probekit's own '{name}' folder is missing: reinstall probekit-nlp")


def names(name: Folder) -> list[str]:
    """The shipped names, in alphabetical order: every TOML file of the folder is one."""
    return sorted(path.stem for path in folder(name).glob("*.toml"))


def find(what: Folder, name: str) -> Path:
    """The TOML file of a shipped name.

    Raises InputError, with the nearest name, where nothing is called so.
    """
    if name not in names(what):
        kind = "task" if what == "probes" else "corpus"
        raise InputError(f"{unknown(kind, name, names(what))} (a path to a file works too)")
    return folder(what) / f"{name}.toml"
