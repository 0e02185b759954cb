"""Encoder: a checkpoint as something that turns pieces into the hidden states of every layer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import xxhash

from probekit.errors import InputError, ModelError
from probekit.states.models import ModelSource, resolve

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]

# Models with a longer reach are still read in windows of this many pieces: attention is quadratic.
MAX_WINDOW = 2048
LAYERS_MEAN = (
    "layer 0: the embeddings as they enter the first block; layer k: the output of block k; the last layer as "
    "the model returns it, after the final norm where the family has one"
)
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


class Encoder:
    """A checkpoint, loaded. Layers are numbered 0 (the embeddings) to `n_layers - 1`."""

    def __init__(self, name: str, settings: EncoderSettings) -> None:
        """Find the checkpoint and load its tokenizer and configuration; weights wait until they are needed.

        Raises ModelError where files are missing or of a kind that is not allowed.
        """
        self.source = resolve(name)
        self.settings = settings
        self.device, self.dtype = _device(settings.device), _dtype(settings)
        self.folder = _files(self.source, settings)
        self.weights = _weights(self.folder, self.source, settings)
        self.config = _load_config(self.folder, self.source, settings)
        self.tokenizer = _load_tokenizer(self.folder, self.source, settings)
        self.n_blocks = int(self.config.get_text_config().num_hidden_layers)
        self.n_layers = self.n_blocks + 1
        self.dim = int(self.config.get_text_config().hidden_size)
        self.prefix, self.suffix = _special_pieces(self.tokenizer)
        self._model: Any = None
        self._last_layer = self.n_blocks
        self._top = threading.local()

    @property
    def limit(self) -> int:
        """Pieces of text the model reads in one pass, special tokens not counted."""
        longest = int(getattr(self.config.get_text_config(), "max_position_embeddings", None) or MAX_WINDOW)
        if self.config.model_type in _OFFSET_POSITIONS:
            longest -= int(self.config.pad_token_id or 0) + 1
        tokenizer_limit = self.tokenizer.model_max_length or longest
        return int(min(longest, tokenizer_limit, MAX_WINDOW)) - len(self.prefix) - len(self.suffix)

    def fingerprint(self) -> dict[str, str]:
        """What makes the states what they are: weights and configuration, and the tokenizer (xxh3, 128 bit)."""
        config = {k: v for k, v in self.config.to_dict().items() if k not in _VOLATILE}
        weights = xxhash.xxh3_128(json.dumps(config, sort_keys=True, default=str).encode())
        for path in self.weights:
            _digest(path, weights)
        backend = xxhash.xxh3_128(self.tokenizer.backend_tokenizer.to_str().encode())
        return {"weights": weights.hexdigest(), "tokenizer": backend.hexdigest()}

    def load(self, last_layer: int) -> None:
        """Load the weights up to block `last_layer`, once; the blocks above it are dropped and cost nothing."""
        if self._model is not None:
            return
        self._model = _load_model(self.folder, self.source, self.settings, self.dtype)
        self._last_layer = last_layer
        if last_layer < self.n_blocks:
            self._cut()
        self._model.to(self.device).eval()

    @torch.inference_mode()
    def hidden_states(self, pieces: Sequence[np.ndarray]) -> tuple[torch.Tensor, ...]:
        """Hidden states of texts given as pieces, special tokens added here. Several threads may ask at once.

        Returns a tensor `(texts, longest + specials, dim)` a layer, from 0 to the last layer loaded; the first
        piece of a text stands at position `len(prefix)`.
        """
        ids, mask = self._pad(pieces)
        output = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True, return_dict=True)
        states = tuple(output.hidden_states)[: self._last_layer + 1]
        # Without its upper blocks a model would give the last state through its final norm: take it as it was.
        return (*states[:-1], self._top.state) if self._is_cut else states

    def _pad(self, pieces: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = [np.concatenate([self.prefix, ids, self.suffix]) for ids in pieces]
        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(rows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return torch.from_numpy(ids).to(self.device), torch.from_numpy(mask).to(self.device)

    _is_cut = False

    def _cut(self) -> None:
        """Drop the blocks above the last layer wanted."""
        for module in self._model.modules():
            if isinstance(module, torch.nn.ModuleList) and len(module) == self.n_blocks:
                del module[max(self._last_layer, 1) :]
                if self._last_layer:
                    module[-1].register_forward_hook(self._keep)
                    self._is_cut = True
                return
        self._last_layer = self.n_blocks  # a family that keeps its blocks elsewhere runs them all

    def _keep(self, module: Any, args: Any, output: Any) -> None:
        self._top.state = output[0] if isinstance(output, tuple) else output


# Families that count positions from the padding index on, and so lose that many of their position embeddings.
_OFFSET_POSITIONS = {
    "roberta",
    "xlm-roberta",
    "camembert",
    "mpnet",
    "longformer",
    "xlm-roberta-xl",
    "roberta-prelayernorm",
}


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


def _special_pieces(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """What the tokenizer puts before and after a text: `[CLS]` and `[SEP]`, a beginning of sentence, nothing."""
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a", add_special_tokens=True)["input_ids"]
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            prefix, suffix = full[:start], full[start + len(bare) :]
            return np.array(prefix, dtype=np.int64), np.array(suffix, dtype=np.int64)
    raise ModelError("the tokenizer changes a text's pieces when it adds its special tokens")


def _digest(path: Path, digest: Any) -> None:
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)


def _first_line(what: str, error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{what}: {lines[0]}"
