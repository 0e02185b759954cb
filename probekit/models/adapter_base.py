"""Adapter base: which model a PEFT adapter says that it is for."""

from __future__ import annotations

from pathlib import Path

from probekit.errors import InputError, ModelError
from probekit.models.names import name_of_folder
from probekit.models.weights import holds_adapter, holds_weights, read_object
from probekit.paths import path_of


def is_adapter(folder: Path) -> bool:
    """Whether a folder has a PEFT adapter and no whole model."""
    return holds_adapter(folder) and not holds_weights(folder)


def named_base(folder: Path, name: str) -> tuple[str, str | None]:
    """The base model in an adapter's configuration, and its revision.

    Raises ModelError where it is missing or not a text.
    """
    source = folder / "adapter_config.json"
    config = read_object(source)
    base, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not base:
        raise ModelError(
            f"the adapter '{name}' names no base model (base_model_name_or_path in {source})"
        )
    for key, value in (("base_model_name_or_path", base), ("revision", revision)):
        if value is not None and not isinstance(value, str):
            raise ModelError(f"{key} in {source} must be a text, not {repr(value)[:40]}")
    try:
        path = path_of(base)
    except InputError as error:
        raise ModelError(f"the adapter '{name}' has no valid base model: {error}") from error
    beside = folder / base
    if path.is_dir():
        return name_of_folder(path), revision or None
    if beside.is_dir() and not path.exists():
        return name_of_folder(beside), revision or None
    return base, revision or None
