"""Weights: the files of a folder that transformers and peft read, by their own rules.

All of them are fingerprinted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probekit.errors import ModelError

SAFE = ("model.safetensors", "model.safetensors.index.json")
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
ADAPTER_SAFE = ("adapter_model.safetensors",)
ADAPTER_PICKLED = ("adapter_model.bin",)
_INDEX = ".index.json"
_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def model_weights(folder: Path, name: str, allow_pickle: bool) -> tuple[Path, ...]:
    """The weight files of a model, the index first where there is one.

    A file that the configuration names (`transformers_weights`) comes before `model.safetensors`,
    and that before its index, as in `transformers.PreTrainedModel.from_pretrained`.

    Raises ModelError where there are none, where they are pickles and pickles are not allowed, or
    where one is not in the folder.
    """
    config = folder / "config.json"
    file = read_object(config).get("transformers_weights")
    if file is None:
        return _listed(folder, _choose(folder, name, "model", SAFE, PICKLED, allow_pickle))
    if not isinstance(file, str) or not file.endswith((".safetensors", ".safetensors" + _INDEX)):
        raise ModelError(
            f"transformers_weights in {config} must be the name of a .safetensors file or of its "
            f"index, not {file!r}"
        )
    return _listed(folder, _within(folder, file, config))


def adapter_weights(folder: Path, name: str, allow_pickle: bool) -> tuple[Path, ...]:
    """The weight file of a PEFT adapter.

    Raises ModelError where there is none, or where it is a pickle and pickles are not allowed.
    """
    return (_choose(folder, name, "adapter", ADAPTER_SAFE, ADAPTER_PICKLED, allow_pickle),)


def stored_type(weights: Sequence[Path]) -> str | None:
    """The type of all decimals in safetensors files, such as `float32`; None where there are
    several types, or other files."""
    from safetensors import safe_open

    found = set()
    for path in weights:
        if path.name.endswith(_INDEX):
            continue
        if path.suffix != ".safetensors":
            return None
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - not a dictionary
                found.add(file.get_slice(name).get_dtype())
    kinds = [kind for kind in found if not kind.startswith(("I", "U", "BOOL"))]
    return _TYPES.get(kinds[0]) if len(kinds) == 1 else None


def holds_weights(folder: Path) -> bool:
    """Whether a folder has a whole model: its configuration, and weights in any format."""
    config = folder / "config.json"
    if not config.is_file():
        return False
    if any((folder / file).is_file() for file in SAFE + PICKLED):
        return True
    return read_object(config).get("transformers_weights") is not None


def holds_adapter(folder: Path) -> bool:
    """Whether a folder has the configuration of a PEFT adapter."""
    return (folder / "adapter_config.json").is_file()


def _choose(
    folder: Path,
    name: str,
    kind: str,
    safe: tuple[str, ...],
    pickled: tuple[str, ...],
    allow_pickle: bool,
) -> Path:
    for file in safe:
        if (folder / file).is_file():
            return folder / file
    pickles = [folder / file for file in pickled if (folder / file).is_file()]
    if not pickles:
        raise ModelError(
            f"the {kind} '{name}' has no weights: there is no {' or '.join(safe)} in {folder}"
        )
    if not allow_pickle:
        raise ModelError(
            f"the {kind} '{name}' has only pickled weights ({pickles[0].name}), which can run code "
            "when loaded: convert it to safetensors, or allow it with allow_pickle=True if you "
            "trust its author"
        )
    return pickles[0]


def _listed(folder: Path, file: Path) -> tuple[Path, ...]:
    """The file; for an index, the index and the files that it names, which are in `folder`."""
    if not file.is_file():
        raise ModelError(f"there is no weight file {file}, which {folder / 'config.json'} names")
    if not file.name.endswith(_INDEX):
        return (file,)
    places = read_object(file).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise ModelError(f"{file} has no weight_map from the names of weights to their files")
    shards = [_within(folder, place, file) for place in sorted(set(places.values()))]
    lost = [shard for shard in shards if not shard.is_file()]
    if lost:
        raise ModelError(f"there is no weight file {lost[0]}, which {file} names")
    return (file, *shards)


def _within(folder: Path, place: str, source: Path) -> Path:
    """A file of the folder, which may be a link to elsewhere, as in the hub's cache."""
    path = Path(place)
    if path.is_absolute() or ".." in path.parts:
        raise ModelError(f"{source} names weights outside its folder: {place!r}")
    return folder / path


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises ModelError where it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises ModelError where the file cannot be read or holds something else.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a {type(found).__name__}, and must hold an object {{…}}")
    return found
