"""Errors: one family of exceptions, whose messages tell the user what to do."""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

ENTRIES = 5_000  # most entries of a folder that are searched for a similar name


class ProbekitError(Exception):
    """A mistake or a shortage that the user can fix.

    The command line prints it in a line or two and exits with 2.
    """


class InputError(ProbekitError):
    """A name, option or argument that probekit does not know or cannot use."""


class CorpusError(ProbekitError):
    """An annotated file that is malformed, missing, or differs from its checksum."""


class TaskError(ProbekitError):
    """A task whose description is wrong, or that does not fit the corpus."""


class ModelError(ProbekitError):
    """A checkpoint that cannot be found, read or trusted."""


class StoreError(ProbekitError):
    """States that cannot be written or read back."""


class ProbekitWarning(UserWarning):
    """Something the user should know, although the work goes on."""


def nearest(given: str, valid: Iterable[str]) -> str | None:
    """The valid name that `given` is most likely meant to be, if any.

    >>> nearest("linaer", ["linear", "mlp"])
    'linear'
    >>> nearest("xyz", ["linear", "mlp"]) is None
    True
    """
    given = _cut(given)  # since the comparison takes quadratic time
    near = difflib.get_close_matches(given, sorted(valid), n=1, cutoff=0.5)
    return near[0] if near else None


def unknown(what: str, given: str, valid: Iterable[str]) -> str:
    """The message for an unknown name, with the nearest valid one, or else with all of them.

    >>> unknown("probe", "linaer", ["linear", "mlp"])
    "unknown probe 'linaer': did you mean 'linear'?"
    >>> unknown("probe", "xyz", ["linear", "mlp"])
    "unknown probe 'xyz': known: linear, mlp"
    """
    names = sorted(valid)
    near = nearest(given, names)
    hint = f"did you mean '{near}'?" if near else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} '{_cut(given)}': {hint}"


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"


def suggestion(path: Path) -> str:
    """The end of a message about a missing path: the nearest existing one, or nothing.

    The first missing part of the path is compared with the names in its folder.
    """
    missing = path
    # Path.is_dir can raise.
    while not os.path.isdir(missing.parent) and missing.parent != missing:  # noqa: PTH112
        missing = missing.parent
    if os.path.lexists(missing):
        return ""
    try:
        with os.scandir(missing.parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, ENTRIES)]
    except OSError:  # the folder cannot be listed: the message about the path matters more
        return ""
    near = nearest(missing.name, [name for name in names if not name.startswith(".")])
    if near is None:
        return ""
    found = missing.with_name(near)
    whole = found / path.relative_to(missing)
    if os.path.lexists(whole):
        found = whole
    return f" (did you mean '{found if found.is_absolute() else f'./{found}'}'?)"


OF_TYPES = (AttributeError, IndexError, KeyError, TypeError, ZeroDivisionError)
"""Errors that a value of a wrong type, or out of range, leads to. Their texts do not name it."""


def first_line(what: str, error: BaseException, *, of_file: str = "") -> str:
    """An error of another library in one line: its first, and the second after a colon.

    Args:
        what: the beginning of the line.
        error: the error.
        of_file: the file that holds a value of a wrong type, where that is what the error says.
    """
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    text = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    if text.endswith("("):  # a module in full, and what is wrong with it
        text = lines[-1]
    if of_file and isinstance(error, OF_TYPES):
        kind = type(error).__name__
        text = f"perhaps a value in {of_file} has a wrong type, or is out of range ({kind}: {text})"
    if "trust_remote_code" in str(error):
        text += " (trust_remote_code=True lets the checkpoint run its own code)"
    return f"{what}: {text}"
