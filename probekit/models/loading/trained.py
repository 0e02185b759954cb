"""Trained: the bare model of a checkpoint, with all of its weights."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from probekit.errors import InputError, ModelError, ProbekitError, first_line
from probekit.models.adapter import with_adapter
from probekit.models.files import Files
from probekit.models.loading.config import no_decoder
from probekit.models.loading.quiet import quiet_loading

# Weights per byte of the files: at most 5, for four bits per weight and half of a pair.
_MAX_PER_BYTE = 8
_FEW_WEIGHTS = 1 << 26  # up to this many (256 MB) are not checked


class Held(NamedTuple):
    """How weights are held.

    Attributes:
        bits: bits per weight of quantised weights; None for weights as they are.
        is_spread: whether accelerate puts them on all devices, and on disk.
    """

    bits: int | None = None
    is_spread: bool = False


AS_THEY_ARE = Held()


def load_trained(
    files: Files,
    config: Any,
    dtype: torch.dtype,
    *,
    allow_pickle: bool,
    remote_code: bool,
    unread: tuple[str, ...] = (),
    held: Held = AS_THEY_ARE,
) -> Any:
    """The bare model with its trained weights, and with its adapter where there is one.

    Args:
        files: files of the model.
        config: configuration of the model, see `load_config`.
        dtype: type of the weights in memory.
        allow_pickle: whether pickled weights may be loaded.
        remote_code: whether Python code of the checkpoint may run.
        unread: prefixes of the names of weights that may be missing, since they are not used.
        held: how the weights are held.

    Raises ModelError where a weight is missing or has another shape.
    """
    from transformers import AutoModel

    with quiet_loading(), without_other_adapter(files) as folder:
        how = {"folder": folder, "allow_pickle": allow_pickle, "remote_code": remote_code}
        model, report = read_weights(AutoModel, files, config, dtype, held, how)
    require_complete(report, files, unread)
    return with_adapter(model, files, dtype) if files.adapter else model


def read_weights(
    kind: Any,
    files: Files,
    config: Any,
    dtype: torch.dtype,
    held: Held,
    how: Mapping[str, Any],
) -> tuple[Any, Mapping[str, Any]]:
    """A model of an auto class, and transformers' report of its weights.

    Args:
        kind: the auto class.
        files, config, dtype, held: see `load_trained`.
        how: `folder` with the weights, `allow_pickle`, `remote_code`.

    Raises ModelError where they cannot be read.
    """
    placed: dict[str, Any] = {"device_map": "auto"} if held.is_spread else {}
    if held.bits:
        placed = _quantised(files.name, held.bits)
    try:
        _require_enough_bytes(config, files, how["remote_code"])
        model, report = kind.from_pretrained(
            how["folder"],
            config=config,
            dtype=dtype,
            use_safetensors=None if how["allow_pickle"] else True,
            trust_remote_code=how["remote_code"],
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused afterwards, with their names
            **placed,
        )
    except ProbekitError:
        raise
    except Exception as error:  # safetensors and torch raise their own kinds
        raise ModelError(
            first_line(
                f"the weights of '{files.name}' cannot be loaded", error, of_file="its config.json"
            )
        ) from error
    return model, report


def require_complete(report: Mapping[str, Any], files: Files, unread: tuple[str, ...]) -> None:
    """Raise ModelError where transformers' report names weights that are missing or mis-shaped.

    A missing pooler is common and harmless, since hidden states do not pass through it; any other
    missing weight would be random.
    """
    needed = [key for key in report["missing_keys"] if "pooler" not in key]
    missing = sorted(key for key in needed if not key.startswith(unread))
    wrong = [
        f"{key} is {tuple(on_disk)}, not {tuple(own)}"
        for key, on_disk, own in report["mismatched_keys"]
    ]
    if not missing and not wrong:
        return
    if not wrong and all(key.startswith("decoder.") for key in missing):
        raise no_decoder(files.name)
    what = "has weights that do not fit its configuration"
    if missing:
        what = "lacks weights that its configuration names"
    problems = [*missing, *wrong]
    names = "; ".join(problems[:3]) + (" …" if len(problems) > 3 else "")
    raise ModelError(
        f"the weights of '{files.name}': it {what} ({names}): the model would be partly random"
    )


def _require_enough_bytes(config: Any, files: Files, remote_code: bool) -> None:
    """Raise ModelError where a configuration describes far more weights than the files can hold.

    Memory is allocated for them before their sizes are compared one by one.
    """
    from transformers import AutoModel

    with torch.device("meta"):  # shapes without memory
        model = AutoModel.from_config(config, trust_remote_code=remote_code)
    described = sum(parameter.numel() for parameter in model.parameters())
    size = sum(path.stat().st_size for path in files.weights)
    if described > _MAX_PER_BYTE * size + _FEW_WEIGHTS:
        raise ModelError(
            f"the configuration of '{files.name}' describes a model of {described:,} weights, and "
            f"its files have {size:,} bytes: they do not belong together"
        )


@contextmanager
def without_other_adapter(files: Files) -> Iterator[Path]:
    """The model's folder; where it also has an adapter, a folder of links to everything else.

    transformers 5 applies the adapter of a folder with adapter_config.json, even where it is merged
    into the weights.
    """
    if not files.other_adapter:
        yield files.folder
        return
    with tempfile.TemporaryDirectory(prefix="probekit-") as made:
        for path in files.folder.iterdir():
            if path.name != "adapter_config.json":
                (Path(made) / path.name).symlink_to(path.absolute())
        yield Path(made)


def _quantised(name: str, bits: int) -> dict[str, Any]:
    if not torch.cuda.is_available():
        raise InputError(f"'{name}' in {bits} bits needs a GPU: use dtype='float32'")
    try:
        import bitsandbytes  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"'{name}' in {bits} bits needs bitsandbytes: pip install bitsandbytes"
        ) from error
    from transformers import BitsAndBytesConfig

    how = BitsAndBytesConfig(load_in_8bit=bits == 8, load_in_4bit=bits == 4)
    return {"quantization_config": how, "device_map": {"": 0}}
