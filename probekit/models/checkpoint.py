"""Checkpoint: a Hugging Face model on disk, as something that states are extracted from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import xxhash

from probekit import doors
from probekit.errors import InputError, ModelError
from probekit.models.encoder import MAX_WINDOW, Encoder
from probekit.models.families import Site, Stack
from probekit.models.files import Files, digest_file, find_files, find_tokenizer
from probekit.models.loading import (
    has_no_decoder,
    load_config,
    load_random,
    load_tokenizer,
    load_trained,
    no_decoder,
)
from probekit.models.tokenizer_files import tokenizer_files
from probekit.models.weights import read_object
from probekit.models.words import SubwordVector, WordReader

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "float16", "bfloat16", "int8", "int4"]

_VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")
_BEFORE_TEXT = {
    "PROMPT_TUNING": "prompt",
    "P_TUNING": "prompt",
    "MULTITASK_PROMPT_TUNING": "prompt",
    "PREFIX_TUNING": "prefix",
}


@dataclass(frozen=True)
class EncoderSettings:
    """How a checkpoint is loaded and run.

    Attributes: device: `auto` takes a GPU where there is one. dtype: of the computation; `auto` is
        float32, which on a CPU is the only choice. `int8` and `int4` need a GPU
            and bitsandbytes.
        stack: of an encoder-decoder, the half that is read; `auto` is its encoder.
        site: the residual stream, or what `attn` or `mlp` adds to it.
        adapter: whether a PEFT adapter is applied, or only its base is read.
        tokenizer: the name or folder of another tokenizer than the model's own; None for its own.
        allow_pickle: load `pytorch_model.bin` where there are no safetensors; a pickle can run any
            code.
        trust_remote_code: run the Python code that a checkpoint brings along.
    """

    device: Device = "auto"
    dtype: Dtype = "auto"
    stack: Stack = "auto"
    site: Site = "residual"
    adapter: bool = True
    tokenizer: str | Path | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False

    def __post_init__(self) -> None:
        """Raise InputError for a value that is none of its field's."""
        for name, valid in (("device", Device), ("dtype", Dtype), ("stack", Stack), ("site", Site)):
            doors.choice(name, getattr(self, name), get_args(valid))
        for name in ("adapter", "allow_pickle", "trust_remote_code"):
            doors.of_type(name, getattr(self, name), bool)
        if self.tokenizer is not None:
            doors.of_type("tokenizer", self.tokenizer, (str, Path))


class Checkpoint:
    """The files of a checkpoint; its weights wait until they are needed."""

    def __init__(self, name: str, settings: EncoderSettings) -> None:
        """Find the checkpoint and load its tokenizer and configuration.

        Raises ModelError where files are missing or of a kind that is not allowed, InputError for a
        device, a type, a stack or a site that is not there.
        """
        self.dtype, self.bits = _dtype(settings)
        remote_code = settings.trust_remote_code
        self.files = find_files(
            name,
            allow_pickle=settings.allow_pickle,
            remote_code=remote_code,
            adapter=settings.adapter,
        )
        config = load_config(self.files, remote_code)
        if settings.stack == "decoder" and has_no_decoder(config) and self.files.seed is None:
            raise no_decoder(name)
        other = (
            None
            if settings.tokenizer is None
            else find_tokenizer(str(settings.tokenizer), remote_code=remote_code)
        )
        tokenizer, self._tokenizer_folder, said = load_tokenizer(self.files, remote_code, other)
        self.name, self._said = name, (*self.files.warnings, *said)
        load = partial(
            load_trained,
            self.files,
            config,
            self.dtype,
            allow_pickle=settings.allow_pickle,
            remote_code=remote_code,
            unread=("decoder.",)
            if config.is_encoder_decoder and settings.stack != "decoder"
            else (),
            bits=self.bits,
        )
        if self.files.seed is not None:
            load = partial(load_random, self.files, config, self.dtype, remote_code)
        self.encoder = Encoder(
            name,
            config,
            tokenizer,
            choose_device(settings.device),
            load,
            stack=settings.stack,
            site=settings.site,
            **_before_text(self.files),
        )
        self.n_layers, self.dim = self.encoder.n_layers, self.encoder.dim

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know."""
        return (*self._said, *self.encoder.warnings)

    def fingerprint(self) -> dict[str, str]:
        """What makes the states what they are: weights and configuration, and the tokenizer (xxh3,
        128 bit)."""
        config = {k: v for k, v in self.encoder.config.to_dict().items() if k not in _VOLATILE}
        weights = xxhash.xxh3_128(json.dumps(config, sort_keys=True, default=str).encode())
        if self.files.seed is None:
            for path in self.files.weights:
                digest_file(path, weights)
        else:
            # What a seed gives is the libraries' business.
            weights.update(
                f"random {self.files.seed} {version('torch')} {version('transformers')}".encode()
            )
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

    def facts(self) -> dict[str, Any]:
        """What else the states depend on."""
        return {
            "window": self.encoder.limit,
            "batches": "padded" if self.encoder.behaviour.padded else "of one length",
            "layers": self.encoder.convention.codes(),
            "computed_in": str(self.dtype).removeprefix("torch."),
            "weight_bits": self.bits,
        }

    def release(self) -> None:
        """Give back the memory of the weights."""
        self.encoder.release()

    def reader(self, subwords: SubwordVector, batch_tokens: int | None) -> WordReader:
        """What gives words their vectors."""
        return WordReader(self.encoder, subwords, batch_tokens)


def choose_device(wanted: Device) -> torch.device:
    """The device meant.

    Raises InputError where it is not there.
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
        raise InputError(f"the device '{wanted}' is not there: use device='cpu', or device='auto'")
    return torch.device(wanted)


def _dtype(settings: EncoderSettings) -> tuple[torch.dtype, int | None]:
    """Of the computation, and the bits of quantised weights."""
    if settings.dtype == "auto":
        return torch.float32, None
    if choose_device(settings.device).type == "cpu" and settings.dtype != "float32":
        why = (
            ": on a CPU half precision is hundreds of times slower"
            if "float" in settings.dtype
            else ""
        )
        raise InputError(f"dtype='{settings.dtype}' needs a GPU{why}")
    found = {"int8": (torch.float16, 8), "int4": (torch.bfloat16, 4)}
    return found.get(settings.dtype) or (getattr(torch, settings.dtype), None)


def _before_text(files: Files) -> dict[str, int]:
    """What an adapter puts before every text, see `Encoder`."""
    if not files.adapter:
        return {}
    config = read_object(files.adapter / "adapter_config.json")
    what = _BEFORE_TEXT.get(str(config.get("peft_type", "")))
    if not what:
        return {}
    count = config.get("num_virtual_tokens")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < MAX_WINDOW:
        raise ModelError(
            f"the adapter '{files.name}' has num_virtual_tokens {str(count)[:40]!r}, and must have a whole number from "
            f"1 to {MAX_WINDOW - 1:,}"
        )
    return {what: count}
