"""Files: where a checkpoint's files are, and whether they may be read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probekit.errors import InputError, ModelError
from probekit.paths import path_of
from probekit.states.names import ModelSource, resolve

_HEADLESS = ("Model", "Encoder")
WEIGHTS = {"model": "model*.safetensors", "adapter": "adapter_model*.safetensors"}
PICKLES = {"model": "pytorch_model*.bin", "adapter": "adapter_model*.bin"}


@dataclass(frozen=True)
class Files:
    """What a model's name stands for on this disk.

    Attributes:
        name: what the user called it.
        folder: with its configuration, tokenizer and weights.
        weights: in name order; empty where the model is random and none are there.
        adapter: the folder of a PEFT adapter that goes on top.
        adapter_weights: of the adapter.
        seed: of random weights, in place of those on disk.
        notices: what a reader must know.
    """

    name: str
    folder: Path
    weights: tuple[Path, ...]
    adapter: Path | None = None
    adapter_weights: tuple[Path, ...] = ()
    seed: int | None = None
    notices: tuple[str, ...] = ()


def find_files(
    name: str, *, allow_pickle: bool, remote_code: bool, adapter: bool = True, is_base: bool = False
) -> Files:
    """The files of a model: a folder, a Trainer's output folder, a PEFT adapter, a hub id, or `random:` of one.

    Args:
        name: as the user gives it.
        allow_pickle: take `.bin` files where there are no safetensors.
        remote_code: download Python files too.
        adapter: whether a PEFT adapter is applied, or only its base is meant.
        is_base: whether it is the base of an adapter, and must not be one.

    Raises ModelError where files are missing or of a kind that is not allowed.
    """
    source = resolve(name)
    folder = Path(source.location) if source.is_local else _download(source, allow_pickle, remote_code)
    folder = _transformer_within(folder)
    notices: tuple[str, ...] = ()
    if last := _last_checkpoint(folder):
        folder, notices = last, (f"{name}: its last checkpoint is read, {last.name}",)
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        if is_base:  # or the same adapter again, without end
            raise ModelError("it is an adapter itself: merge it into its own base first")
        of = _base_of(folder, name)
        if source.seed is not None:
            raise ModelError(f"'{name}': an adapter has no random weights of its own: give random:{of}")
        try:
            base = find_files(of, allow_pickle=allow_pickle, remote_code=remote_code, is_base=True)
        except ModelError as error:
            raise ModelError(
                f"the base of the adapter '{name}', '{of}' (base_model_name_or_path in its adapter_config.json), "
                f"cannot be read: {error}"
            ) from error
        if not adapter:
            return replace(base, name=name, notices=(*notices, f"{name}: its adapter is off, this is {base.name}"))
        weights = _weights(folder, name, "adapter", allow_pickle)
        notices = (*notices, f"{name}: an adapter on {base.name}", *base.notices)
        return replace(base, name=name, adapter=folder, adapter_weights=weights, notices=notices)
    if not (folder / "config.json").is_file():
        raise ModelError(f"'{name}' is no model folder: it has no config.json ({folder})")
    if source.seed is not None:
        present = sorted(folder.glob(WEIGHTS["model"]))
        return Files(name, folder, tuple(present), seed=source.seed, notices=notices)
    notices += _head(folder, name)
    if not adapter:
        notices += (f"{name}: it has no adapter to be off",)
    return Files(name, folder, _weights(folder, name, "model", allow_pickle), notices=notices)


def _transformer_within(folder: Path) -> Path:
    """Of a sentence-transformers folder that keeps its model in a folder of its own; else the folder itself."""
    if (folder / "config.json").is_file() or not (folder / "modules.json").is_file():
        return folder
    modules = read_json(folder / "modules.json")
    first = modules[0] if isinstance(modules, list) and modules else None
    inner = folder / Path(str(first.get("path", "")) if isinstance(first, dict) else "").name
    return inner if (inner / "config.json").is_file() else folder


def _last_checkpoint(folder: Path) -> Path | None:
    """Of a Trainer's output folder that holds no model of its own."""
    if (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file():
        return None
    found = [path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _base_of(folder: Path, name: str) -> str:
    config = read_json(folder / "adapter_config.json")
    found = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not found or not isinstance(found, str):
        what = "names no base model" if found is None else f"has the base model {str(found)[:40]!r}, which is no name"
        raise ModelError(f"the adapter '{name}' {what} (base_model_name_or_path in {folder}/adapter_config.json)")
    try:
        path = path_of(found)
    except InputError as error:
        raise ModelError(f"the adapter '{name}' has a base model that is none: {error}") from error
    beside = folder / found
    return str(beside) if not path.exists() and beside.is_dir() else found


def _head(folder: Path, name: str) -> tuple[str, ...]:
    """What is said of a head: it is not read."""
    config = read_json(folder / "config.json")
    named = config.get("architectures") if isinstance(config, dict) else None
    heads = [one for one in named if not str(one).endswith(_HEADLESS)] if isinstance(named, list) else []
    return (f"{name}: its head is left out ({heads[0]}), the model under it is read",) if heads else ()


def _weights(folder: Path, name: str, kind: str, allow_pickle: bool) -> tuple[Path, ...]:
    """The weight files, in name order: safetensors, or with leave pickles."""
    safe, pickled = sorted(folder.glob(WEIGHTS[kind])), sorted(folder.glob(PICKLES[kind]))
    if safe:
        return tuple(safe)
    if not pickled:
        raise ModelError(f"the {kind} '{name}' has no weights: there is no {WEIGHTS[kind]} in {folder}")
    if not allow_pickle:
        raise ModelError(
            f"the {kind} '{name}' has only pickled weights ({pickled[0].name}), which can run code when "
            "loaded: convert it to safetensors, or allow it with allow_pickle=True if you trust its author"
        )
    return tuple(pickled)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises ModelError where it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def digest_file(path: Path, digest: Any) -> None:
    """Add a file's bytes to a checksum."""
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)


def _download(source: ModelSource, allow_pickle: bool, remote_code: bool) -> Path:
    """The folder with a hub model's files, in the hub's own cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    patterns = ["*.json", "*.txt", "*.model", "*.jinja"]
    patterns += ["*.safetensors"] if source.seed is None else []
    patterns += ["*.bin"] if allow_pickle else []
    patterns += ["*.py"] if remote_code else []
    try:
        return Path(
            snapshot_download(
                source.location,
                revision=source.revision,
                allow_patterns=patterns,
                ignore_patterns=["onnx/*", "openvino/*", "*/*.bin", "training_args.bin", "optimizer*"],
            )
        )
    except RepositoryNotFoundError as error:
        raise ModelError(f"the hub has no model '{source.location}', or it is private: check the name") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"cannot get '{source.location}' from the model hub, and it is not in the local cache. Offline: give "
            "the path of a folder with its config.json, tokenizer and model.safetensors, or set HF_HOME to a "
            f"filled cache ({type(error).__name__})"
        ) from error
    except ValueError as error:
        raise ModelError(f"'{source.name}': {error}") from error
