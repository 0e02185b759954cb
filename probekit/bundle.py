"""Bundle: the files that probekit ships: tasks in `probes/`, replications of papers in
`probes/replications/`, and corpora in `corpora/`.

A wheel has these folders inside the package; an editable installation reads them from the checkout.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from probekit.errors import InputError, ProbekitWarning, nearest, suggestion, unknown

Folder = Literal["probes", "probes/replications", "corpora"]


@cache
def folder(name: Folder) -> Path:
    """The shipped folder `name`."""
    package = Path(__file__).resolve().parent
    for root in (package / "_bundle", package.parent):
        if (root / name).is_dir() and any((root / name).glob("*.toml")):
            return root / name
    raise InputError(f"probekit's own '{name}' folder is missing: reinstall probekit-nlp")


def names(name: Folder) -> list[str]:
    """The shipped names in alphabetical order: the stems of the folder's TOML files."""
    return sorted(path.stem for path in folder(name).glob("*.toml"))


def is_shipped(kind: str, name: str, shipped: Iterable[str]) -> bool:
    """Whether a name is a shipped one: of a model (an alias), a corpus or a task.

    A shipped name always means the same, whatever is in the working directory; a file or folder
    there is `./NAME`. If a name could mean both, a warning says so.
    """
    if name not in shipped:
        return False
    if Path(name).exists():
        warnings.warn(
            f"'{name}' is a {kind} name of probekit; "
            f"for the one in the working directory, give ./{name}",
            ProbekitWarning,
            stacklevel=1,  # so that Python shows it once per name
        )
    return True


def find(what: Folder, name: str) -> Path:
    """The TOML file of a shipped name.

    Raises:
        InputError: for an unknown name; the message has the nearest one.
    """
    kind = "task" if what == "probes" else "corpus"
    if not is_shipped(kind, name, names(what)):
        if "," in name:
            several = [one.strip() for one in name.split(",")]
            raise InputError(f"unknown {kind} '{name}': give several as a list, {several}")
        hint = "" if nearest(name, names(what)) else suggestion(Path(name))
        hint = hint or " (a path to a file works too)"
        raise InputError(f"{unknown(kind, name, names(what))}{hint}")
    return folder(what) / f"{name}.toml"
