"""Paths: what a user's name means as a place on this disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

from probekit.errors import InputError
from probekit.whole import reason

_NOT_PORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')


def path_of(name: str | Path) -> Path:
    """The path of a name, there or not; `~` is the home folder.

    Raises InputError for an empty name, the home folder of an unknown user, and what no file can be
    called.
    """
    if not str(name):
        raise InputError(
            "an empty name is no name of a file or folder ('.' is the folder you are in)"
        )
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser has an exception of its own
    short = str(name) if len(str(name)) <= 80 else f"{str(name)[:77]}…"
    if str(path).startswith("~"):
        raise InputError(
            f"'{short}': there is no user '{path.parts[0][1:]}' here whose folder that is"
        )
    if not is_utf8(str(name)):
        raise InputError(f"{short!r} is not UTF-8: tables and pictures cannot name it; rename it")
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return path  # whoever opens it says so
    except (OSError, ValueError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"'{short}' is no name of a file or folder: {said}") from error
    return path


def portable(name: str) -> str:
    """A name with `-` for what no file may have in its name on some file system; empty where
    nothing is left."""
    return _NOT_PORTABLE.sub("-", name).rstrip(" .")


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8: no lone surrogates, which stand for other bytes in a
    file's name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
