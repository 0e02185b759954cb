"""Foreign: TOML and JSON that others wrote, parsed within bounds on size, depth and numbers.

Every TOML file goes through `toml_table` and every JSON text of a corpus through `json_value`;
their values can safely be traversed, printed and stored.
"""

from __future__ import annotations

import json
import re
import reprlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from probekit.errors import ProbekitError, suggestion

TOML_BYTES = 262_144  # most bytes of a card or a task
DEPTH = 64  # deepest nesting of tables and lists
KEY_PARTS = 32  # most parts of a dotted key: the parser's memory is quadratic in them

_KEY_PART = r"""(?:[\w-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ \t]*\.[ \t]*"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_KEY_PART}){{{KEY_PARTS}}}")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother, _REPR.maxlist, _REPR.maxdict = 3, 80, 80, 4, 4


def shortened(value: object, longest: int = 80) -> str:
    """A value for a message: a text unchanged, anything else as its `repr`; at most `longest`
    characters."""
    text = value if isinstance(value, str) else _REPR.repr(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}…"


def toml_table(path: Path, what: str, kind: type[ProbekitError]) -> dict[str, Any]:
    """The table of a TOML file, with or without a byte-order mark.

    Args:
        path: the file.
        what: its name in messages, such as "corpus card".
        kind: the error to raise.

    Raises:
        ProbekitError: (`kind`) for a file that cannot be read, is larger than `TOML_BYTES`, is not
            UTF-8 or not TOML, or holds keys, tables, lists or integers out of bounds.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(TOML_BYTES + 1)
    except OSError as error:
        raise kind(f"cannot read the {what} {path}: {error.strerror}{suggestion(path)}") from error
    if len(raw) > TOML_BYTES:
        raise kind(f"{path} is larger than {TOML_BYTES:,} bytes: that is not a {what}")
    try:
        text = raw.decode("utf-8-sig")
        if _LONG_KEY.search(text):
            raise ValueError(f"a key of more than {KEY_PARTS} parts")
        table = tomllib.loads(text)
        _walk(table, _check_integer)
    except RecursionError as error:
        raise kind(
            f"{path} is not TOML that can be read: tables or lists more than {DEPTH} deep"
        ) from error
    except ValueError as error:  # not TOML, not UTF-8, or out of bounds
        raise kind(f"{path} is not TOML: {error}") from error
    return table


def json_value(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: says in a few words what is wrong with the text.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} (character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError(f"lists or objects more than {DEPTH} deep") from error
    except ValueError as error:
        if "digits" not in str(error):
            raise
        raise ValueError("an integer too long to be a number") from error
    if _SURROGATE.search(text) or text.count("[") + text.count("{") > DEPTH:
        _walk(value, _check_text)
    return value


def _check_text(item: Any) -> None:
    if isinstance(item, str):
        try:
            item.encode()
        except UnicodeEncodeError as error:
            wrong = f"\\u{ord(item[error.start]):x}"
            raise ValueError(
                f"half a surrogate pair ({wrong}), which is not a character"
            ) from error


def _check_integer(item: Any) -> None:
    if isinstance(item, int) and not -(2**63) <= item < 2**63:
        raise ValueError("an integer of more than 64 bits")


def _walk(value: Any, check: Callable[[Any], None]) -> None:
    """Call `check` with every key, and every value that is not a list or a table, down to
    `DEPTH`."""
    level: list[Any] = [value]
    for _ in range(DEPTH + 1):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    check(key)
                inside += item.values()
            elif isinstance(item, list):
                inside += item
            else:
                check(item)
        level = inside
        if not level:
            return
    raise ValueError(f"tables or lists more than {DEPTH} deep")
