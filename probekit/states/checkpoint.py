"""Checkpoint: a model's files, found, checked and loaded."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import xxhash

from probekit.errors import InputError, ModelError
from probekit.states.encoder import Encoder
from probekit.states.models import ModelSource, resolve

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]

_VOLATILE = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")


@dataclass(frozen=True)
class EncoderSettings:
    """How a checkpoint is loaded and run.

    Attributes:
        device: `auto` takes a GPU where there is one.
        dtype: of the computation; `auto` is float32, which on a CPU is the only choice.
        allow_pickle: load `pytorch_model.bin` where there are no safetensors; a pickle can run any code.
        trust_remote_code: run the Python code that a checkpoint brings along.
    """

    device: Device = "auto"
    dtype: Dtype = "auto"
    allow_pickle: bool = False
    trust_remote_code: bool = False


class Checkpoint:
    """The files of a checkpoint; its weights wait until they are needed."""

    def __init__(self, name: str, settings: EncoderSettings) -> None:
        """Find the checkpoint and load its tokenizer and configuration.

        Raises ModelError where files are missing or of a kind that is not allowed.
        """
        source, self.dtype = resolve(name), _dtype(settings)
        folder = _files(source, settings)
        self.weights = _weights(folder, source, settings)
        config = _load_config(folder, source, settings)
        tokenizer = _load_tokenizer(folder, source, settings)
        load = partial(_load_model, folder, source, settings, self.dtype)
        self.encoder = Encoder(source.name, config, tokenizer, _device(settings.device), load)

    def fingerprint(self) -> dict[str, str]:
        """What makes the states what they are: weights and configuration, and the tokenizer (xxh3, 128 bit)."""
        config = {k: v for k, v in self.encoder.config.to_dict().items() if k not in _VOLATILE}
        weights = xxhash.xxh3_128(json.dumps(config, sort_keys=True, default=str).encode())
        for path in self.weights:
            _digest(path, weights)
        backend = xxhash.xxh3_128(self.encoder.tokenizer.backend_tokenizer.to_str().encode())
        return {"weights": weights.hexdigest(), "tokenizer": backend.hexdigest()}


def _device(wanted: Device) -> torch.device:
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
        raise InputError(f"the device '{wanted}' is not there: use --device cpu, or auto")
    return torch.device(wanted)


def _dtype(settings: EncoderSettings) -> torch.dtype:
    if settings.dtype == "auto":
        return torch.float32
    if _device(settings.device).type == "cpu" and settings.dtype != "float32":
        raise InputError(f"--dtype {settings.dtype} needs a GPU: on a CPU half precision is hundreds of times slower")
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[settings.dtype]


def _files(source: ModelSource, settings: EncoderSettings) -> Path:
    """The folder with the checkpoint's files; a hub's are downloaded into the hub's own cache."""
    if source.is_local:
        return Path(source.location)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
    patterns += ["*.bin"] if settings.allow_pickle else []
    patterns += ["*.py"] if settings.trust_remote_code else []
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


def _weights(folder: Path, source: ModelSource, settings: EncoderSettings) -> list[Path]:
    """The weight files, in name order: safetensors, or with leave pickles."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"'{source.name}' is no model folder: it has no config.json ({folder})")
    safe = sorted(folder.glob("model*.safetensors"))
    pickled = sorted(folder.glob("pytorch_model*.bin"))
    if safe:
        return safe
    if not pickled:
        raise ModelError(f"the model '{source.name}' has no weights: there is no model*.safetensors in {folder}")
    if not settings.allow_pickle:
        raise ModelError(
            f"the model '{source.name}' has only pickled weights ({pickled[0].name}), which can run code when "
            "loaded: convert it to safetensors, or allow it with --allow-pickle if you trust its author"
        )
    return pickled


def _load_config(folder: Path, source: ModelSource, settings: EncoderSettings) -> Any:
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
        text = config.get_text_config()
        text.num_hidden_layers, text.hidden_size  # noqa: B018 - asked for their absence
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(_first_line(f"the configuration of '{source.name}' cannot be used", error)) from error
    return config


def _load_tokenizer(folder: Path, source: ModelSource, settings: EncoderSettings) -> Any:
    from transformers import AutoTokenizer

    names = (
        "tokenizer.json",
        "tokenizer.model",
        "vocab.txt",
        "vocab.json",
        "spiece.model",
        "sentencepiece.bpe.model",
    )
    if not any((folder / name).is_file() for name in names):
        raise ModelError(f"the model '{source.name}' has no tokenizer: none of {', '.join(names[:4])} … in {folder}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=settings.trust_remote_code)
    except Exception as error:  # tokenizers' Rust side raises bare Exception
        raise ModelError(_first_line(f"the tokenizer of '{source.name}' cannot be loaded", error)) from error
    if not tokenizer.is_fast:
        raise ModelError(f"the tokenizer of '{source.name}' gives no character offsets: a fast tokenizer is needed")
    return tokenizer


def _load_model(folder: Path, source: ModelSource, settings: EncoderSettings, dtype: torch.dtype) -> Any:
    from transformers import AutoModel

    with _quiet_loading():
        try:
            model, report = AutoModel.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=None if settings.allow_pickle else True,
                trust_remote_code=settings.trust_remote_code,
                output_loading_info=True,
            )
        except Exception as error:  # safetensors and torch raise their own kinds
            raise ModelError(_first_line(f"the weights of '{source.name}' cannot be loaded", error)) from error
    # A pooler's absence is common and harmless (hidden states do not pass through it); all else would be random.
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing or report["mismatched_keys"]:
        names = ", ".join([*missing, *(str(key[0]) for key in report["mismatched_keys"])][:3])
        raise ModelError(
            f"the checkpoint '{source.name}' lacks weights that its configuration names ({names} …): the model "
            "would be partly random"
        )
    return model


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """A library does not print: keep transformers' progress bars and reports to itself while loading."""
    from transformers.utils import logging as hf_logging

    level, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.ERROR)
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()


def _digest(path: Path, digest: Any) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)


def _first_line(what: str, error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{what}: {lines[0]}"
