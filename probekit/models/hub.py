"""Hub: the files of a model are downloaded from the model hub."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from probekit.errors import ModelError, suggestion
from probekit.models.names import ModelSource

_UNREAD = ["onnx/*", "openvino/*", "*/*.bin", "training_args.bin", "optimizer*"]


def download(source: ModelSource, allow_pickle: bool, remote_code: bool) -> Path:
    """The folder of a hub model's files in the hub's own cache.

    Args:
        source: the model; weights are left out where it has a seed in their place.
        allow_pickle: `.bin` files too.
        remote_code: Python files too.

    Raises ModelError where it cannot be downloaded, and is not in the cache.
    """
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    patterns = ["*.json", "*.txt", "*.model", "*.jinja"]
    if source.seed is None:
        patterns.append("*.safetensors")
    if allow_pickle:
        patterns.append("*.bin")
    if remote_code:
        patterns.append("*.py")
    try:
        return Path(_snapshot(source, patterns))
    except RepositoryNotFoundError as error:
        hint = _folder_beside(source.location)
        raise ModelError(
            f"the hub has no model '{source.location}', or it is private: check the name{hint}"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"cannot get '{source.location}' from the model hub, and it is not in the local cache. "
            "Offline: give the path of a folder with its config.json, tokenizer and "
            "model.safetensors, or set HF_HOME to a filled cache "
            f"({type(error).__name__}){_folder_beside(source.location)}"
        ) from error
    except ValueError as error:
        raise ModelError(f"'{source.name}': {error}") from error


def _snapshot(source: ModelSource, patterns: list[str]) -> str:
    """The folder of the files that match, in the hub's cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import OfflineModeIsEnabled

    find = partial(
        snapshot_download,
        source.location,
        revision=source.revision,
        allow_patterns=patterns,
        ignore_patterns=_UNREAD,
    )
    try:
        return find()
    except OfflineModeIsEnabled:
        # huggingface_hub 1.33 asks for a list of files that an older cache does not have.
        return find(local_files_only=True)


def _folder_beside(hub_id: str) -> str:
    """A suggestion for a hub id that looks like a path into an existing folder."""
    path = Path(hub_id)
    return suggestion(path) if path.parent.name and path.parent.is_dir() else ""
