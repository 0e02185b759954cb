"""Base: which model a checkpoint was tuned from, as its own files say."""

from __future__ import annotations

from pathlib import Path

from probekit.models.checkpoint import Checkpoint
from probekit.models.model import Model
from probekit.models.names import ALIASES, name_of_folder
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
    folder, file, key = model.files.folder, "config.json", "_name_or_path"
    if model.files.adapter:
        folder, file = model.files.adapter, "adapter_config.json"
        key = "base_model_name_or_path"
    facts = read_json(folder / file)
    named = facts.get(key) if isinstance(facts, dict) else None
    if not isinstance(named, str) or not named or not named.isprintable() or _is(named, folder):
        return None
    for place in (Path(named), folder / named):
        if place.is_dir():
            return name_of_folder(place)
    revision = facts.get("revision")
    if model.files.adapter and isinstance(revision, str):
        return f"{named}@{revision}"
    return named


def _is(name: str, folder: Path) -> bool:
    """Whether a name means the folder itself, or the run that it lies in."""
    own, named = folder.resolve(), Path(name).expanduser().resolve()
    return named in (own, own.parent)
