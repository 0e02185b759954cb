"""Checkpoint: a Hugging Face model on disk, from which states are extracted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import xxhash

from probekit import doors
from probekit.errors import InputError, ModelError
from probekit.models.encoder import Encoder, Reading
from probekit.models.encoder_model import VOLATILE, EncoderModel
from probekit.models.families import Site, Stack
from probekit.models.files import Files, digest_file, find_files, find_tokenizer
from probekit.models.loading.config import has_no_decoder, load_config, no_decoder
from probekit.models.loading.random import load_random
from probekit.models.loading.tokenizer import load_tokenizer
from probekit.models.loading.trained import Held, load_trained
from probekit.models.tokenizer_files import tokenizer_files
from probekit.models.weights import read_object, stored_type
from probekit.models.window import MAX_WINDOW

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "float16", "bfloat16", "int8", "int4"]
DeviceMap = Literal["none", "auto"]

_CHOICES: dict[str, Any] = {
    "device": Device,
    "dtype": Dtype,
    "device_map": DeviceMap,
    "stack": Stack,
    "site": Site,
}
_BEFORE_TEXT = {
    "PROMPT_TUNING": "prompt",
    "P_TUNING": "prompt",
    "MULTITASK_PROMPT_TUNING": "prompt",
    "PREFIX_TUNING": "prefix",
}


@dataclass(frozen=True)
class EncoderSettings:
    """How a checkpoint is loaded and run.

    Attributes:
        device: `auto` is a GPU where there is one.
        dtype: type of the computation; `auto` is float32, the only choice on a CPU. `int8` and
            `int4` need a GPU and bitsandbytes.
        device_map: `auto` spreads the weights over all GPUs, then memory, then disk, for a model
            larger than one GPU; it needs accelerate.
        stack: which half of an encoder-decoder is read; `auto` is its encoder.
        site: the residual stream, or what `attn` or `mlp` adds to it.
        adapter: whether a PEFT adapter is applied, or only its base is read.
        tokenizer: the name or folder of another tokenizer; None for the model's own.
        allow_pickle: load `pytorch_model.bin` where there are no safetensors; a pickle can run any
            code.
        trust_remote_code: run the Python code of a checkpoint.
    """

    device: Device = "auto"
    dtype: Dtype = "auto"
    device_map: DeviceMap = "none"
    stack: Stack = "auto"
    site: Site = "residual"
    adapter: bool = True
    tokenizer: str | Path | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raise InputError where a field has a value outside its range."""
        for name, valid in _CHOICES.items():
            doors.choice(name, getattr(self, name), get_args(valid))
        for name in ("adapter", "allow_pickle", "trust_remote_code"):
            doors.of_type(name, getattr(self, name), bool)
        if self.tokenizer is not None:
            doors.of_type("tokenizer", self.tokenizer, (str, Path))


class Checkpoint(EncoderModel):
    """A checkpoint, whose weights are loaded when they are needed."""

    def __init__(self, name: str, settings: EncoderSettings) -> None:
        """Find the checkpoint and load its tokenizer and configuration.

        Raises ModelError where files are missing or of a kind that is not allowed, InputError for a
        device, a type, a stack or a site that is not available.
        """
        self.settings = settings
        dtype, bits = _dtype(settings)
        remote_code = settings.trust_remote_code
        _require_accelerate(settings)
        self.files = find_files(
            name,
            allow_pickle=settings.allow_pickle,
            remote_code=remote_code,
            adapter=settings.adapter,
        )
        config = load_config(self.files, remote_code)
        if settings.stack == "decoder" and has_no_decoder(config) and self.files.seed is None:
            raise no_decoder(name)
        other = None
        if settings.tokenizer is not None:
            other = find_tokenizer(str(settings.tokenizer), remote_code=remote_code)
        tokenizer, self._tokenizer_folder, warnings = load_tokenizer(self.files, remote_code, other)
        device = choose_device(settings.device)
        reading = Reading(settings.stack, settings.site, **_before_text(self.files))
        load = self._loader(config, settings, dtype, bits)
        encoder = Encoder(name, config, tokenizer, device, load, reading)
        is_plain = self.files.seed is None and not self.files.adapter and bits is None
        if is_plain and settings.device_map == "none":
            encoder.held.load_as_stored = partial(self._load_as_stored, load)
        super().__init__(name, encoder, dtype, bits, (*self.files.warnings, *warnings))

    def _loader(
        self, config: Any, settings: EncoderSettings, dtype: torch.dtype, bits: int | None
    ) -> Callable[..., Any]:
        """The function that loads the weights.

        Raises InputError for weights that are made or changed here, and so cannot be spread.
        """
        remote_code = settings.trust_remote_code
        is_spread = settings.device_map != "none"
        if is_spread and (bits or self.files.adapter or self.files.seed is not None):
            raise InputError(
                f"device_map='auto' spreads weights as they are in files: '{self.files.name}' is "
                "quantised, random or has an adapter (merge it into its base)"
            )
        if self.files.seed is not None:
            return partial(load_random, self.files, config, dtype, remote_code)
        only_encoder = config.is_encoder_decoder and settings.stack != "decoder"
        return partial(
            load_trained,
            self.files,
            config,
            dtype=dtype,
            allow_pickle=settings.allow_pickle,
            remote_code=remote_code,
            unread=("decoder.",) if only_encoder else (),
            held=Held(bits, is_spread),
        )

    def _load_as_stored(self, load: Callable[..., Any]) -> Any:
        """The model with weights in the type of its files, where they have one."""
        kind = stored_type(self.files.weights)
        return load(dtype=getattr(torch, kind)) if kind else load()

    def fingerprint(self) -> dict[str, str]:
        """Checksums of weights with configuration, and of the tokenizer (xxh3, 128 bit)."""
        config = {k: v for k, v in self.encoder.config.to_dict().items() if k not in VOLATILE}
        weights = xxhash.xxh3_128(json.dumps(config, sort_keys=True, default=str).encode())
        if self.files.seed is None:
            for path in self.files.weights:
                digest_file(path, weights)
        else:
            # The weights of a seed depend on the versions of the libraries.
            libraries = f"{version('torch')} {version('transformers')}"
            weights.update(f"random {self.files.seed} {libraries}".encode())
        if self.files.adapter:
            digest_file(self.files.adapter / "adapter_config.json", weights)
        for path in (*self.files.adapter_weights, *self.files.code):
            digest_file(path, weights)
        return {"weights": weights.hexdigest(), "tokenizer": self._tokenizer_digest()}

    def _tokenizer_digest(self) -> str:
        tokenizer = self.encoder.tokenizer
        if tokenizer.is_fast:
            return str(xxhash.xxh3_128(tokenizer.backend_tokenizer.to_str().encode()).hexdigest())
        lower_case = getattr(tokenizer, "do_lower_case", False)
        found = xxhash.xxh3_128(f"{type(tokenizer).__name__} {lower_case}".encode())
        for path in tokenizer_files(self._tokenizer_folder):
            digest_file(path, found)
        return str(found.hexdigest())


def _require_accelerate(settings: EncoderSettings) -> None:
    """Raise InputError where weights are to be spread and accelerate is not installed."""
    if settings.device_map == "none" or find_spec("accelerate"):
        return
    raise InputError("device_map='auto' needs accelerate: pip install 'probekit-nlp[large]'")


def choose_device(wanted: Device) -> torch.device:
    """The device of a name.

    Raises InputError where it is not available.
    """
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if wanted not in available:
        raise InputError(f"unknown device '{wanted}': known are auto, cpu, cuda, mps")
    if not available[wanted]:
        raise InputError(
            f"the device '{wanted}' is not available: use device='cpu', or device='auto'"
        )
    return torch.device(wanted)


def _dtype(settings: EncoderSettings) -> tuple[torch.dtype, int | None]:
    """The type of the computation, and the bits of quantised weights."""
    if settings.dtype == "auto":
        return torch.float32, None
    if choose_device(settings.device).type == "cpu" and settings.dtype != "float32":
        why = ""
        if "float" in settings.dtype:
            why = ": on a CPU half precision is hundreds of times slower"
        raise InputError(f"dtype='{settings.dtype}' needs a GPU{why}")
    found = {"int8": (torch.float16, 8), "int4": (torch.bfloat16, 4)}
    return found.get(settings.dtype) or (getattr(torch, settings.dtype), None)


def _before_text(files: Files) -> dict[str, int]:
    """What an adapter puts before every text: `prompt` or `prefix` of `Reading`."""
    if not files.adapter:
        return {}
    config = read_object(files.adapter / "adapter_config.json")
    what = _BEFORE_TEXT.get(str(config.get("peft_type", "")))
    if not what:
        return {}
    count = config.get("num_virtual_tokens")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < MAX_WINDOW:
        raise ModelError(
            f"the adapter '{files.name}' has num_virtual_tokens {str(count)[:40]!r}, and must have "
            f"a whole number from 1 to {MAX_WINDOW - 1:,}"
        )
    return {what: count}
