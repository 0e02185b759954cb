"""Files: where a checkpoint's files are, and whether they may be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from probekit.errors import InputError, ModelError
from probekit.models.adapter_base import is_adapter, named_base
from probekit.models.hub import download
from probekit.models.names import ModelSource, resolve
from probekit.models.weights import (
    adapter_weights,
    holds_adapter,
    holds_weights,
    model_weights,
    read_json,
    read_object,
)
from probekit.paths import path_of

HEADLESS = ("Model", "Encoder")  # ends of the names of classes without a head


@dataclass(frozen=True)
class Files:
    """The files of a model on this disk.

    Attributes:
        name: the name that the user gave.
        folder: the folder with its configuration, tokenizer and weights.
        weights: all weight files that are loaded, with an index where there is one; empty where the
            model is random and has none.
        adapter: the folder of a PEFT adapter to apply.
        adapter_weights: the weight files of the adapter.
        other_adapter: whether an adapter lies beside the weights of a whole model, and is not
            applied.
        code: Python files that are run.
        seed: seed of random weights in place of those on disk.
        warnings: warnings about the choice of files.
    """

    name: str
    folder: Path
    weights: tuple[Path, ...]
    adapter: Path | None = None
    adapter_weights: tuple[Path, ...] = ()
    other_adapter: bool = False
    code: tuple[Path, ...] = ()
    seed: int | None = None
    warnings: tuple[str, ...] = ()

    @property
    def homes(self) -> list[Path]:
        """The folders whose settings are used, the adapter's before its base's."""
        return [self.adapter, self.folder] if self.adapter else [self.folder]


def find_files(
    name: str, *, allow_pickle: bool, remote_code: bool, adapter: bool = True, is_base: bool = False
) -> Files:
    """The files of a model: a folder, a Trainer's output folder, a PEFT adapter, a hub id, or
    `random:` of one.

    Args:
        name: the name that the user gave.
        allow_pickle: use `.bin` files where there are no safetensors.
        remote_code: download Python files too.
        adapter: whether a PEFT adapter is applied, or only its base is read.
        is_base: whether the model is the base of an adapter, and must not be one.

    Raises ModelError where files are missing or of a kind that is not allowed.
    """
    source = resolve(name)
    folder, warnings = _folder_of(source, allow_pickle, remote_code)
    if is_adapter(folder):
        if is_base:  # an adapter that is its own base would never end
            raise ModelError(
                "it is an adapter itself: merge it into its own base first (merge_and_unload)"
            )
        return _with_base(
            source,
            folder,
            warnings,
            allow_pickle=allow_pickle,
            remote_code=remote_code,
            adapter=adapter,
        )
    if not (folder / "config.json").is_file():
        raise ModelError(f"'{name}' is not a model folder: it has no config.json ({folder})")
    code = tuple(sorted(folder.rglob("*.py"))) if remote_code else ()
    if source.seed is not None:
        present = model_weights(folder, name, allow_pickle=True) if holds_weights(folder) else ()
        return Files(name, folder, present, code=code, seed=source.seed, warnings=warnings)
    warnings += _head(folder, name)
    beside = holds_adapter(folder)
    if beside and not is_base and _is_own_base(folder):
        return _on_itself(name, folder, warnings, code, allow_pickle=allow_pickle, adapter=adapter)
    if beside:
        warnings += (
            f"{name}: adapter_config.json beside its weights is not applied, the weights are read "
            "as they are (an adapter in a folder of its own is applied to its base)",
        )
    elif not adapter:
        warnings += (f"{name}: it has no adapter to turn off",)
    weights = model_weights(folder, name, allow_pickle)
    return Files(name, folder, weights, other_adapter=beside, code=code, warnings=warnings)


def _is_own_base(folder: Path) -> bool:
    """Whether the adapter in a folder names the weights beside it as its base, so that it is not
    merged into them."""
    base = read_object(folder / "adapter_config.json").get("base_model_name_or_path")
    if not base or not isinstance(base, str):
        return False
    path = path_of(base)
    return path.is_dir() and path.samefile(folder)


def _on_itself(
    name: str,
    folder: Path,
    warnings: tuple[str, ...],
    code: tuple[Path, ...],
    *,
    allow_pickle: bool,
    adapter: bool,
) -> Files:
    """The files of a base and its adapter in one folder."""
    whole = model_weights(folder, name, allow_pickle)
    base = Files(name, folder, whole, other_adapter=True, code=code)
    if not adapter:
        warning = f"{name}: its adapter is off, the weights beside it are read alone"
        return replace(base, warnings=(*warnings, warning))
    warning = (
        f"{name}: its adapter is applied to the weights beside it, which its "
        "base_model_name_or_path names"
    )
    weights = adapter_weights(folder, name, allow_pickle)
    return replace(base, adapter=folder, adapter_weights=weights, warnings=(*warnings, warning))


def find_tokenizer(name: str, *, remote_code: bool) -> Path:
    """The folder of a tokenizer, by the name of its model.

    Raises ModelError where it does not exist.
    """
    folder = path_of(name)
    if folder.is_dir() and not (folder / "modules.json").is_file():
        return folder
    source = replace(resolve(name), seed=0)
    folder, _ = _folder_of(source, allow_pickle=False, remote_code=remote_code)
    return folder


def folder_of_hub(hub_id: str) -> Path:
    """The folder of a hub model's configuration and tokenizer, without its weights.

    Raises ModelError where it cannot be downloaded.
    """
    return download(ModelSource(hub_id, hub_id, seed=0), allow_pickle=False, remote_code=False)


def _folder_of(
    source: ModelSource, allow_pickle: bool, remote_code: bool
) -> tuple[Path, tuple[str, ...]]:
    """The folder with the configuration, and warnings about its choice."""
    if source.is_local:
        folder = Path(source.location)
    else:
        folder = download(source, allow_pickle, remote_code)
    folder = _transformer_within(folder)
    last = _last_checkpoint(folder)
    if last is None:
        return folder, ()
    return last, (f"{source.name}: its last checkpoint is read, {last.name}",)


def _with_base(
    source: ModelSource,
    folder: Path,
    warnings: tuple[str, ...],
    *,
    allow_pickle: bool,
    remote_code: bool,
    adapter: bool,
) -> Files:
    """The files of a PEFT adapter and of its base."""
    name = source.name
    base_name, revision = named_base(folder, name)
    if source.seed is not None:
        raise ModelError(
            f"'{name}': an adapter has no random weights of its own: give random:{base_name}"
        )
    try:
        found = resolve(base_name)
        if found.is_local and revision:
            warnings += (
                f"{name}: revision '{revision}' in its adapter_config.json has no effect on a "
                f"folder, {base_name}",
            )
        elif revision and found.revision is None:
            base_name = f"{base_name}@{revision}"
        base = find_files(
            base_name, allow_pickle=allow_pickle, remote_code=remote_code, is_base=True
        )
    except (InputError, ModelError) as error:
        raise ModelError(
            f"the base of the adapter '{name}', '{base_name}' (base_model_name_or_path in its "
            f"adapter_config.json), cannot be read: {error}"
        ) from error
    if not adapter:
        warning = f"{name}: its adapter is off, this is {base.name}"
        return replace(base, name=name, warnings=(*warnings, warning))
    weights = adapter_weights(folder, name, allow_pickle)
    warnings = (*warnings, f"{name}: an adapter on {base.name}", *base.warnings)
    return replace(base, name=name, adapter=folder, adapter_weights=weights, warnings=warnings)


def _transformer_within(folder: Path) -> Path:
    """The transformer's folder in a sentence-transformers folder; else the folder itself."""
    if _is_home(folder) or not (folder / "modules.json").is_file():
        return folder
    modules = read_json(folder / "modules.json")
    first = modules[0] if isinstance(modules, list) and modules else {}
    place = first.get("path", "") if isinstance(first, dict) else ""
    inner = folder / Path(str(place)).name
    return inner if _is_home(inner) else folder


def _is_home(folder: Path) -> bool:
    return (folder / "config.json").is_file() or holds_adapter(folder)


def _last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint in a Trainer's output folder; None in a folder with a model."""
    if holds_adapter(folder) or holds_weights(folder):
        return None
    found = [
        path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)
    ]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _head(folder: Path, name: str) -> tuple[str, ...]:
    """A warning where the model has a head, which is not read."""
    classes = read_object(folder / "config.json").get("architectures")
    if not isinstance(classes, list):
        return ()
    heads = [one for one in classes if not str(one).endswith(HEADLESS)]
    if not heads:
        return ()
    return (f"{name}: its head is left out ({heads[0]}), the model under it is read",)


def digest_file(path: Path, digest: Any) -> None:
    """Add a file's bytes to a checksum."""
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
