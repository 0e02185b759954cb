"""Finds the files probekit ships, the tasks in `probes/` and the corpora in `corpora/`.

A wheel carries both folders inside the package; an editable install does not copy them, so there
they are read from the checkout.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from probekit.errors import InputError, ProbekitWarning, nearest, suggestion, unknown

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


def is_shipped(kind: str, name: str, shipped: Iterable[str]) -> bool:
    """Whether a name is one of probekit's own, of a model (an alias), a corpus or a task.

    One rule for the three: such a name always means the same, whatever lies in the working
    directory; a file or folder there is `./NAME`. Where a name means both, a warning says so.
    """
    if name not in shipped:
        return False
    if Path(name).exists():
        warnings.warn(
            f"'{name}' is a {kind} of probekit's, which is read, and also lies in the working directory: give "
            f"./{name} for that",
            ProbekitWarning,
            stacklevel=1,  # once a name, however often it is asked for
        )
    return True


def find(what: Folder, name: str) -> Path:
    """The TOML file of a shipped name.

    Raises InputError, with the nearest name, where nothing is called so.
    """
    kind = "task" if what == "probes" else "corpus"
    if not is_shipped(kind, name, names(what)):
        hint = "" if nearest(name, names(what)) else suggestion(Path(name))
        raise InputError(
            f"{unknown(kind, name, names(what))}{hint or ' (a path to a file works too)'}"
        )
    return folder(what) / f"{name}.toml"
