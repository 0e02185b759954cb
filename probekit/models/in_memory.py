"""In memory: a loaded transformers model, read through a copy that shares its weights.

The copy has modules of its own, which can be cut, watched and put into evaluation mode; the weights
are the memory of the user's. So nothing of the user's model changes, and no memory is doubled.
"""

from __future__ import annotations

import copy
import json
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import xxhash

from probekit import doors
from probekit.errors import InputError, ModelError, first_line
from probekit.models.checkpoint import EncoderSettings
from probekit.models.configuration import check_numbers
from probekit.models.encoder import Encoder, Reading
from probekit.models.encoder_model import VOLATILE, EncoderModel
from probekit.models.files import HEADLESS, Files, folder_of_hub
from probekit.models.loaded import LoadedModel, source_of
from probekit.models.loading.config import has_no_decoder, no_decoder
from probekit.models.loading.tokenizer import load_tokenizer

# Packages whose hooks belong to how a model runs.
_OWN_HOOKS = ("transformers", "peft", "accelerate", "torch", "bitsandbytes")
_FEW = 0.9  # a tokenizer with less than this share of the model's subwords may be another model's


class InMemoryModel(EncoderModel):
    """A loaded model, whose current weights are read."""

    def __init__(self, loaded: LoadedModel, settings: EncoderSettings) -> None:
        """Find the model below the head, and its tokenizer.

        Raises InputError where the settings or the model's place in memory do not allow to read it,
        ModelError where it cannot be read, or its tokenizer is not found.
        """
        name, whole = loaded.name, _without_wrapper(loaded)
        self.settings = settings
        self.whole = whole  # with its head
        self._body = whole.base_model
        device = _device(name, self._body)
        dtype = self._body.dtype
        _require_settings(name, settings, device, dtype)
        self._require_known_hooks(name)
        config = copy.deepcopy(self._body.config)
        what = f"the configuration of '{name}' cannot be used"
        check_numbers(config.get_text_config(), what)
        config.architectures = [type(self._body).__name__]
        if has_no_decoder(config):
            if settings.stack == "decoder":
                raise no_decoder(name)
            config.is_encoder_decoder = True
        tokenizer, warnings = _tokenizer(loaded, whole)
        reading = Reading(settings.stack, settings.site)
        encoder = Encoder(name, config, tokenizer, device, self._copy, reading)
        head = type(whole).__name__
        if self._body is not whole or not head.endswith(HEADLESS):
            warnings += (f"{name}: its head is left out ({head}), the model under it is read",)
        rows = getattr(config.get_text_config(), "vocab_size", 0) or 0
        if len(tokenizer) < _FEW * rows:
            warnings += (
                f"{name}: its tokenizer has {len(tokenizer):,} subwords, and the model {rows:,}: "
                "is it the model's own?",
            )
        super().__init__(name, encoder, dtype, None, warnings)

    def _copy(self) -> Any:
        try:
            return sharing_copy(self._body)
        except Exception as error:  # a model's own parts raise what they like
            raise ModelError(first_line(f"'{self.name}' cannot be copied", error)) from error

    def _require_known_hooks(self, name: str) -> None:
        """Raise InputError where a hook of the user's may change states: weights do not show it."""
        for part, module in self._body.named_modules():
            hooks = chain(module._forward_hooks.values(), module._forward_pre_hooks.values())
            for hook in hooks:
                package = str(getattr(hook, "__module__", "")).partition(".")[0]
                if package not in _OWN_HOOKS:
                    raise InputError(
                        f"'{name}' has a hook on '{part}', which its weights do not show: remove "
                        "it, or read named parts: probekit.extract(module, corpus, tokenizer=…, "
                        "layers=[…])"
                    )

    def fingerprint(self) -> dict[str, str]:
        """Checksums of the current weights with configuration, and of the tokenizer."""
        config = {k: v for k, v in self._body.config.to_dict().items() if k not in VOLATILE}
        described = [f"{type(self._body).__module__}.{type(self._body).__qualname__}", config]
        weights = xxhash.xxh3_128(json.dumps(described, sort_keys=True, default=str).encode())
        for name, value in self._body.state_dict().items():
            if name.startswith("pooler."):  # hidden states do not pass through it
                continue
            weights.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            weights.update(value.detach().contiguous().flatten().view(torch.uint8).cpu().numpy())
        for name, module in self._body.named_modules():
            weights.update(_adapters(name, module).encode())
        return {
            "weights": weights.hexdigest(),
            "tokenizer": _tokenizer_digest(self.encoder.tokenizer),
        }


def sharing_copy(model: Any) -> Any:
    """A copy of a module with modules of its own and the same memory for weights, without
    gradients."""
    shared: dict[int, Any] = {}
    for tensor in chain(model.parameters(), model.buffers()):
        shared[id(tensor)] = _sharing(tensor)
    return copy.deepcopy(model, shared)


def _sharing(tensor: torch.Tensor) -> torch.Tensor:
    if type(tensor) is torch.nn.Parameter:
        return torch.nn.Parameter(tensor.detach(), requires_grad=False)
    return tensor.detach() if type(tensor) is torch.Tensor else tensor  # quantised weights


def _without_wrapper(loaded: LoadedModel) -> Any:
    """The transformers model, in which peft has put its layers.

    Raises InputError for prompts and prefixes, which peft puts before the model.
    """
    model = loaded.model
    if "peft.PeftModel" not in doors.class_names(model):
        return model
    if model.active_peft_config.is_prompt_learning:
        raise InputError(
            f"'{loaded.name}' has a prompt or a prefix, which is read from a folder only: save it "
            "with save_pretrained(FOLDER), and give the folder"
        )
    return model.get_base_model()


def _device(name: str, body: Any) -> torch.device:
    """The device of all weights. Raises InputError where there are several, or none."""
    devices = {tensor.device for tensor in body.parameters()}
    if len(devices) != 1 or next(iter(devices)).type == "meta":
        found = ", ".join(sorted(map(str, devices))) or "none"
        raise InputError(
            f"'{name}' must have its weights on one device, and they are on: {found} "
            "(load it without device_map)"
        )
    return devices.pop()


def _require_settings(
    name: str, settings: EncoderSettings, device: torch.device, dtype: torch.dtype
) -> None:
    """Raise InputError for settings that ask for another model than the one in memory."""
    in_memory = str(dtype).removeprefix("torch.")
    if settings.dtype not in ("auto", in_memory):
        raise InputError(f"dtype='{settings.dtype}': '{name}' is in {in_memory}, and is read so")
    if settings.device not in ("auto", device.type):
        raise InputError(f"device='{settings.device}': '{name}' is on {device}, and is read there")
    if settings.device_map != "none":
        raise InputError(f"device_map is for models given by name: '{name}' is in memory already")
    if settings.tokenizer is not None:
        raise InputError(
            f"tokenizer is for models given by name: give that of '{name}' with it, "
            "probekit.LoadedModel(model, tokenizer)"
        )
    if not settings.adapter:
        raise InputError(
            f"adapter=False is for models given by name: give the base of '{name}' in its place"
        )


def _tokenizer(loaded: LoadedModel, whole: Any) -> tuple[Any, tuple[str, ...]]:
    """The tokenizer given, or that of the folder or repository that the model was loaded from.

    Raises ModelError where neither is there.
    """
    if loaded.tokenizer is not None:
        return loaded.tokenizer, ()
    source = source_of(whole)
    remedy = "give it with the model: probekit.LoadedModel(model, tokenizer)"
    if not source:
        raise ModelError(f"'{loaded.name}' was made in memory and has no tokenizer: {remedy}")
    try:
        folder = Path(source) if Path(source).is_dir() else folder_of_hub(source)
        tokenizer, _, warnings = load_tokenizer(Files(loaded.name, folder, ()), remote_code=False)
    except (InputError, ModelError) as error:
        raise ModelError(
            f"the tokenizer of '{loaded.name}' is not found: {remedy} ({error})"
        ) from error
    return tokenizer, warnings


def _adapters(name: str, module: Any) -> str:
    """Which adapters a layer of peft applies, and how strongly; empty for any other module."""
    if "peft.BaseTunerLayer" not in doors.class_names(module):
        return ""
    state = [module.active_adapters, module.disable_adapters, module.merged_adapters]
    return f"{name} {state} {getattr(module, 'scaling', None)}"


def _tokenizer_digest(tokenizer: Any) -> str:
    if tokenizer.is_fast:
        text = tokenizer.backend_tokenizer.to_str()
    else:
        words = sorted(tokenizer.get_vocab().items())
        text = f"{type(tokenizer).__name__} {tokenizer.init_kwargs} {words}"
    return str(xxhash.xxh3_128(text.encode()).hexdigest())
