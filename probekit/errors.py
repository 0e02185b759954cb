"""One family of exceptions: everything a user can get wrong is a ProbekitError with a message that
says what to do."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

ENTRIES = 5_000  # of a folder that are looked at for the one that was meant


class ProbekitError(Exception):
    """A mistake or a shortage that the user can mend. The command line prints it in a line or two
    and exits with 2."""


class InputError(ProbekitError):
    """A name, option or argument that probekit does not know or cannot use."""


class CorpusError(ProbekitError):
    """An annotated file that is malformed, missing, or differs from its checksum."""


class TaskError(ProbekitError):
    """A task that is badly described, or that a corpus cannot carry."""


class ModelError(ProbekitError):
    """A checkpoint that cannot be found, read or trusted."""


class StoreError(ProbekitError):
    """States that cannot be written or read back."""


class ProbekitWarning(UserWarning):
    """Something the user should know although the work goes on."""


def nearest(given: str, valid: Iterable[str]) -> str | None:
    """The valid name that `given` is likely to mean, if any.

    >>> nearest("linaer", ["linear", "mlp"])
    'linear'
    >>> nearest("xyz", ["linear", "mlp"]) is None
    True
    """
    given = (
        given if len(given) <= 80 else f"{given[:77]}…"
    )  # the comparison takes time quadratic in the length
    near = difflib.get_close_matches(given, sorted(valid), n=1, cutoff=0.5)
    return near[0] if near else None


def unknown(what: str, given: str, valid: Iterable[str]) -> str:
    """The message for a name outside a closed vocabulary: names the nearest valid one, else all of
    them.

    >>> unknown("probe", "linaer", ["linear", "mlp"])
    "unknown probe 'linaer': did you mean 'linear'?"
    >>> unknown("probe", "xyz", ["linear", "mlp"])
    "unknown probe 'xyz': known: linear, mlp"
    """
    names = sorted(valid)
    near = nearest(given, names)
    given = given if len(given) <= 80 else f"{given[:77]}…"
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(names)}"
    return f"unknown {what} '{given}': {hint}"


def suggestion(path: Path) -> str:
    """For the end of a message about a path that is not there: the nearest one that is, or nothing.

    The first part of the path that is not there is compared with what lies in its folder.
    """
    missing = path
    while not os.path.isdir(missing.parent) and missing.parent != missing:  # noqa: PTH112 - Path.is_dir can raise
        missing = missing.parent
    if os.path.lexists(missing):
        return ""
    try:
        with os.scandir(missing.parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, ENTRIES)]
    except OSError:  # a folder that may not be listed suggests nothing; the error that is being told matters more
        return ""
    near = nearest(missing.name, [name for name in names if not name.startswith(".")])
    if near is None:
        return ""
    found = missing.with_name(near)
    whole = found / path.relative_to(missing)
    found = whole if os.path.lexists(whole) else found
    return f" (did you mean '{found if found.is_absolute() else f'./{found}'}'?)"


def first_line(what: str, error: BaseException) -> str:
    """An error of another library in one line: its first, and where that ends in a colon also the
    one it announces."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    said = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    hint = (
        " (trust_remote_code=True lets it run its own)" if "trust_remote_code" in str(error) else ""
    )
    return f"{what}: {said}{hint}"
