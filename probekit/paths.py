"""Paths: the path on this disk that a user's text means."""

from __future__ import annotations

import os
import re
from pathlib import Path

from probekit.errors import InputError
from probekit.whole import reason

_NOT_PORTABLE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')


def path_of(name: str | Path) -> Path:
    """The path that `name` means, existing or not; `~` is the home folder.

    Raises:
        InputError: for an empty name, the home folder of an unknown user, and a name that no file
            can have.
    """
    if not str(name):
        raise InputError("the name of a file or folder is empty ('.' is the current folder)")
    path = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises RuntimeError
    short = str(name) if len(str(name)) <= 80 else f"{str(name)[:77]}…"
    if str(path).startswith("~"):
        raise InputError(f"'{short}': there is no user '{path.parts[0][1:]}' here")
    if not is_utf8(str(name)):
        raise InputError(f"{short!r} is not UTF-8: tables and pictures cannot name it; rename it")
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return path  # opening it raises the error
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"'{short}' cannot be the name of a file or folder: {why}") from error
    return path


def portable(name: str) -> str:
    """A name with `-` for characters that some file systems do not allow; empty if nothing is
    left."""
    return _NOT_PORTABLE.sub("-", name).rstrip(" .")


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8: it has no lone surrogates, which represent other
    bytes in file names."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
