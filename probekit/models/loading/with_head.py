"""With head: the model of a checkpoint with the head of one of transformers' auto classes."""

from __future__ import annotations

from typing import Any

import torch

from probekit.errors import ModelError, first_line
from probekit.models.adapter import with_adapter
from probekit.models.files import Files
from probekit.models.loading.quiet import quiet_loading
from probekit.models.loading.random import load_random
from probekit.models.loading.trained import (
    Held,
    read_weights,
    require_complete,
    without_other_adapter,
)

_ZERO_AT_FIRST = ("final_logits_bias",)  # of BART's head: a checkpoint without it has zeros there


def load_with_head(
    files: Files,
    config: Any,
    dtype: torch.dtype,
    kind: str,
    *,
    allow_pickle: bool,
    remote_code: bool,
    bits: int | None = None,
) -> tuple[Any, bool]:
    """The model with the head of an auto class, and whether the head's weights are in the files.

    Args:
        files: files of the model.
        config: configuration of the model, see `load_config`.
        dtype: type of the weights in memory.
        kind: name of transformers' auto class, such as `AutoModelForMaskedLM`.
        allow_pickle: whether pickled weights may be loaded.
        remote_code: whether Python code of the checkpoint may run.
        bits: bits per weight of quantised weights.

    Raises ModelError where a weight below the head is missing or has another shape, or the family
    has no such head.
    """
    import transformers

    auto = getattr(transformers, kind)
    if files.seed is not None:
        return _random_with_head(auto, files, config, dtype, remote_code), True
    with quiet_loading(), without_other_adapter(files) as folder:
        how = {"folder": folder, "allow_pickle": allow_pickle, "remote_code": remote_code}
        model, report = read_weights(auto, files, config, dtype, Held(bits), how)
    of_head = [key for key in report["missing_keys"] if _is_of_head(model, key)]
    below = [key for key in report["missing_keys"] if not _is_of_head(model, key)]
    require_complete({**report, "missing_keys": below}, files, ())
    if files.adapter and with_adapter(model.base_model, files, dtype) is not model.base_model:
        raise ModelError(
            f"'{files.name}' puts a prompt before every text: its language model is not read"
        )
    missing = [key for key in of_head if key not in _ZERO_AT_FIRST]
    return model, not missing


def _is_of_head(model: Any, key: str) -> bool:
    """Whether a weight is of the head, not of the model below it."""
    if model.base_model is not model:
        return not key.startswith(f"{model.base_model_prefix}.")
    return not key.startswith(("shared.", "encoder.", "decoder."))


def _random_with_head(
    auto: Any, files: Files, config: Any, dtype: torch.dtype, remote_code: bool
) -> Any:
    """A random model with a random head; below the head it is that of `load_random`."""
    with torch.random.fork_rng(devices=[]), quiet_loading():
        torch.manual_seed(files.seed or 0)
        try:
            model = auto.from_config(config, dtype=dtype, trust_remote_code=remote_code)
        except ValueError as error:
            raise ModelError(first_line(f"'{files.name}' cannot be random", error)) from error
    put_below_head(model, load_random(files, config, dtype, remote_code))
    model.tie_weights()  # where the family ties them
    return model


def put_below_head(model: Any, bare: Any) -> None:
    """Replace what is below a model's head by a bare model of the same kind.

    What the head shared with the model, such as the table of embeddings, stays the head's own.
    """
    if model.base_model is not model:
        setattr(model, model.base_model_prefix, bare)
        return
    for name, part in bare.named_children():
        setattr(model, name, part)
