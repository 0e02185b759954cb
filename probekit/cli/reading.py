"""Reading: the options of how a model is read, which many commands take, and their settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from probekit.cli.options import (
    Adapter,
    AllowPickle,
    BatchTokens,
    Device,
    DeviceMap,
    Dtype,
    LastLayer,
    Layers,
    Site,
    Stack,
    StoreDtype,
    Subwords,
    Tokenizer,
    TrustRemoteCode,
)
from probekit.errors import InputError

if TYPE_CHECKING:
    from probekit.states.settings import ExtractSettings

DEEPEST = 10_000


def _reading(
    layers: Layers = "",
    last_layer: LastLayer = None,
    stack: Stack = "auto",
    site: Site = "residual",
    subwords: Subwords = "mean",
    adapter: Adapter = "on",
    tokenizer: Tokenizer = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    device_map: DeviceMap = "none",
    store_dtype: StoreDtype = "float16",
    batch_tokens: BatchTokens = None,
    allow_pickle: AllowPickle = False,
    trust_remote_code: TrustRemoteCode = False,
) -> dict[str, Any]:
    encoder = {
        "device": device,
        "dtype": dtype,
        "device_map": device_map,
        "stack": stack,
        "site": site,
        "adapter": adapter == "on",
        "tokenizer": tokenizer,
        "allow_pickle": allow_pickle,
        "trust_remote_code": trust_remote_code,
    }
    how = {"subwords": subwords, "store_dtype": store_dtype, "batch_tokens": batch_tokens}
    return {"encoder": encoder, "layers": _layers(layers, last_layer), **how}


def changed(reading: dict[str, Any]) -> dict[str, Any]:
    """The options of a command's `reading` that are not their defaults."""
    given, default = ({**one, **one["encoder"]} for one in (reading, _reading()))
    del given["encoder"]
    return {name: value for name, value in given.items() if value != default[name]}


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of how models are read, as its argument `reading` (see
    `extract_settings`). A parameter of its own with the name of one of these has its own help."""
    own = dict(inspect.signature(command, eval_str=True).parameters)
    del own["reading"]
    shared = inspect.signature(_reading, eval_str=True).parameters

    @wraps(command)
    def with_reading(**given: Any) -> None:
        reading = _reading(**{name: given[name] for name in shared})
        command(reading=reading, **{name: given[name] for name in own})

    parameters = []
    further = [one for name, one in shared.items() if name not in own]
    for parameter in (*own.values(), *further):
        parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    with_reading.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_reading.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_reading


def extract_settings(reading: dict[str, Any]) -> ExtractSettings:
    """The settings that a command's `reading` describes. It imports torch."""
    import probekit as pk

    return pk.ExtractSettings(**{**reading, "encoder": pk.EncoderSettings(**reading["encoder"])})


def _layers(text: str, last: int | None) -> tuple[int, ...]:
    """`0,4,8-12` as numbers; with `last`, 0 to that one."""
    if text and last is not None:
        raise InputError("give --layers or --last-layer, not both")
    if last is not None:
        _check_depth("--last-layer", last)
        return tuple(range(last + 1))
    chosen: list[int] = []
    for part in text.split(",") if text else ():
        written = part.strip()
        as_range = written if "-" in written else f"{written}-{written}"
        numbers = re.fullmatch("([0-9]{1,18})-([0-9]{1,18})", as_range)
        if numbers is None or int(numbers[1]) > int(numbers[2]):
            raise InputError(f"--layers takes numbers and ranges such as 0,4,8-12, not '{text}'")
        _check_depth("--layers", int(numbers[2]))
        chosen.extend(range(int(numbers[1]), int(numbers[2]) + 1))
    return tuple(chosen)


def _check_depth(option: str, layer: int) -> None:
    if layer > DEEPEST:
        raise InputError(f"{option}: no model has a layer {layer}")
