"""Schema: a TOML table read as a dataclass, whose fields are the allowed keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from probekit.errors import ProbekitError, unknown
from probekit.foreign import shortened

T = TypeVar("T")

_FORMS: dict[Any, tuple[Any, str]] = {
    int: (int, "a number"),
    float | None: ((int, float), "a number"),
    tuple[str, ...]: (list, "a list of texts"),
    Mapping[str, str]: (dict, "a table of texts"),
    Mapping[str, Any]: (dict, "a table"),
}
# For any other type, such as a Literal, whose choices the dataclass checks itself.
_TEXT = (str, "a text")


def read(
    kind: type[T], table: dict[str, Any], where: str, error: type[ProbekitError], **given: Any
) -> T:
    """Read a table as a dataclass.

    Args:
        kind: a dataclass of texts, numbers, lists and tables of texts, and lists of other such
            dataclasses. The metadata of a field may hold the old name of its key as `formerly`.
        table: from a TOML file.
        where: the file's name in messages.
        error: the error to raise.
        given: values of fields that are not keys of the table.

    Raises:
        ProbekitError: (`error`) for an unknown key (with the nearest one) or a missing one, and for
            a value of another type.
    """
    known = {field.name: field for field in fields(kind) if field.name not in given}  # type: ignore[arg-type]
    renamed = {field.metadata.get("formerly"): name for name, field in known.items()}
    types = get_type_hints(kind)
    values = dict(given)
    for key, value in table.items():
        if key in renamed:
            raise error(f"{where}: the key '{key}' is now '{renamed[key]}'")
        if key not in known:
            raise error(f"{where}: {unknown('key', key, known)}")
        values[key] = _value(types[key], key, value, where, error)
    for key, field in known.items():
        if key not in table and field.default is MISSING and field.default_factory is MISSING:
            raise error(f"{where}: the key '{key}' is missing")
    return kind(**values)


def _value(wanted: Any, key: str, value: Any, where: str, error: type[ProbekitError]) -> Any:
    """The value of a key, converted to the type of its field."""
    part = get_args(wanted)[0] if get_origin(wanted) is tuple else str
    holds_tables = is_dataclass(part)
    form, description = _FORMS.get(wanted, _TEXT)
    if holds_tables:
        form, description = list, f"[[{key}]] tables"
    inside = list(value.values()) if isinstance(value, dict) else value
    fits = isinstance(value, form) and not isinstance(value, bool)
    if fits and isinstance(inside, list) and wanted != Mapping[str, Any]:
        fits = all(isinstance(one, dict if holds_tables else str) for one in inside)
    if not fits:
        raise error(f"{where}: '{key}' takes {description}, not {shortened(value)}")
    if not holds_tables:
        return tuple(value) if isinstance(value, list) else value
    name = key.removesuffix("s")
    found = []
    for number, one in enumerate(value, 1):
        found.append(read(part, one, f"{where}, {name} {number}", error))
    return tuple(found)
