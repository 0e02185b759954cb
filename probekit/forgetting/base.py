"""Base: which model a checkpoint was tuned from, as its own files say."""

from __future__ import annotations

from pathlib import Path

from probekit.models.checkpoint import Checkpoint
from probekit.models.model import Model
from probekit.models.names import ALIASES
from probekit.models.weights import read_json


def base_of(model: Model) -> str | None:
    """The name of the model that `model` was tuned from.

    None where its files do not say, or where `model` is a known release itself. An adapter has it
    as `base_model_name_or_path` in adapter_config.json; another checkpoint as `_name_or_path` in
    config.json, which transformers wrote until version 5.

    Raises ModelError where such a file cannot be read.
    """
    if not isinstance(model, Checkpoint) or model.name in ALIASES or model.files.seed is not None:
        return None
    folder = model.files.adapter or model.files.folder
    facts = read_json(folder / ("adapter_config.json" if model.files.adapter else "config.json"))
    if not isinstance(facts, dict):
        return None
    named = facts.get("base_model_name_or_path" if model.files.adapter else "_name_or_path")
    if not isinstance(named, str) or not (named and named.isprintable()) or _is(named, folder):
        return None
    beside = folder / named
    if not Path(named).exists() and beside.is_dir():
        return str(beside)
    revision = facts.get("revision") if model.files.adapter else None
    if isinstance(revision, str) and not Path(named).exists():
        return f"{named}@{revision}"
    return named


def _is(name: str, folder: Path) -> bool:
    """Whether a name means the folder itself, or the run that it lies in."""
    return Path(name).expanduser().resolve() in (folder.resolve(), folder.resolve().parent)
