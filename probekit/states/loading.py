"""Loading: configuration, tokenizer and weights of a checkpoint, as transformers and peft have them, checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from probekit.errors import InputError, ModelError, first_line
from probekit.states.configuration import check_file, check_numbers
from probekit.states.files import Files
from probekit.states.patterns import require_quick

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer_config.json",
)


def load_config(files: Files, remote_code: bool) -> Any:
    """The configuration, of a model with layers and a width.

    Raises ModelError, of one line, where it is none.
    """
    from transformers import AutoConfig

    what = f"the configuration of '{files.name}' cannot be used"
    check_file(files.folder / "config.json", what)
    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=remote_code)
        text = config.get_text_config()
    except Exception as error:  # each family checks its own fields, and raises what it likes
        raise ModelError(first_line(what, error)) from error
    check_numbers(text, what)
    return config


def load_tokenizer(files: Files, remote_code: bool) -> Any:
    """The tokenizer, fast where there is one."""
    from transformers import AutoTokenizer

    present = [name for name in TOKENIZER_FILES if (files.folder / name).is_file()]
    try:
        if present:
            return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=remote_code)
    except Exception as error:  # tokenizers' Rust side raises bare Exception
        # Characters and bytes need no vocabulary, all others more than their settings.
        if present != ["tokenizer_config.json"] or "trust_remote_code" in str(error):
            raise ModelError(first_line(f"the tokenizer of '{files.name}' cannot be loaded", error)) from error
    names = ", ".join(TOKENIZER_FILES[:4])
    raise ModelError(f"the model '{files.name}' has no tokenizer: none of {names} … in {files.folder}")


def load_trained(
    files: Files,
    dtype: torch.dtype,
    *,
    allow_pickle: bool,
    remote_code: bool,
    unread: tuple[str, ...] = (),
    bits: int | None = None,
) -> Any:
    """The bare model with its weights, every one from the files; with its adapter where there is one.

    Args:
        files: where they are.
        dtype: of the weights in memory.
        allow_pickle, remote_code: what may be read and run.
        unread: beginnings of names that may be missing, being of parts that are not read.
        bits: of quantised weights.

    Raises ModelError where a weight is missing or mis-shaped.
    """
    from transformers import AutoModel

    more = _quantised(files.name, bits) if bits else {}
    with _quiet_loading():
        try:
            model, report = AutoModel.from_pretrained(
                files.folder,
                dtype=dtype,
                use_safetensors=None if allow_pickle else True,
                trust_remote_code=remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                **more,
            )
        except Exception as error:  # safetensors and torch raise their own kinds
            raise ModelError(first_line(f"the weights of '{files.name}' cannot be loaded", error)) from error
    # A pooler's absence is common and harmless (hidden states do not pass through it); all else would be random.
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key and not key.startswith(unread))
    wrong = [f"{key} is {tuple(on_disk)}, not {tuple(own)}" for key, on_disk, own in report["mismatched_keys"]]
    if missing or wrong:
        what = (
            "lacks weights that its configuration names" if missing else "has weights that do not fit its configuration"
        )
        names = "; ".join([*missing, *wrong][:3])
        raise ModelError(
            f"the weights of '{files.name}': it {what} ({names}{' …' if len(missing) + len(wrong) > 3 else ''}): the "
            "model would be partly random"
        )
    return _adapted(model, files, dtype) if files.adapter else model


def load_random(files: Files, config: Any, dtype: torch.dtype, remote_code: bool) -> Any:
    """The bare model as it is before any training, drawn from `files.seed`.

    Raises ModelError where trained weights are at hand and it has them.
    """
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), _quiet_loading():
        torch.manual_seed(files.seed or 0)
        model = AutoModel.from_config(config, dtype=dtype, trust_remote_code=remote_code)
    if files.weights and all(path.suffix == ".safetensors" for path in files.weights):
        _require_different(model, files)
    return model


def _require_different(model: Any, files: Files) -> None:
    from safetensors import safe_open

    drawn = {name: value for name, value in model.state_dict().items() if value.ndim > 1 and value.std() > 0}
    for path in files.weights:
        with safe_open(path, framework="pt") as trained:
            for name in trained.keys():  # noqa: SIM118 - not a dictionary
                own = next((key for key in (name, name.partition(".")[2]) if key in drawn), None)
                if own and torch.equal(drawn[own], trained.get_tensor(name).to(drawn[own].dtype)):
                    raise ModelError(f"'{files.name}' should be random, and its {own} is that of {files.folder}")


def _adapted(model: Any, files: Files, dtype: torch.dtype) -> Any:
    """The model with its PEFT adapter: as layers within it, or for prompts and prefixes as what calls it."""
    try:
        from peft import PeftConfig, PeftModel, PeftModelForFeatureExtraction, get_peft_model_state_dict
        from peft import set_peft_model_state_dict as put
    except ImportError as error:
        raise InputError(f"'{files.name}' is a PEFT adapter: pip install 'probekit-nlp[peft]'") from error
    try:
        config = PeftConfig.from_pretrained(str(files.adapter))
        if config.is_prompt_learning and model.config.is_encoder_decoder:
            raise ModelError(f"'{files.name}': prefixes and prompts of encoder-decoders cannot be read")
        require_quick(config, [key for key, _ in model.named_modules()], f"the adapter '{files.name}'")
        config.modules_to_save = None  # heads, which are not read
        config.inference_mode = True
        kind = PeftModelForFeatureExtraction if config.is_prompt_learning else PeftModel
        adapted = kind(model, config)
        given = {
            # Trained under a head, the names have the model's place in it.
            name.replace(f"base_model.model.{model.base_model_prefix}.", "base_model.model."): value
            for name, value in _adapter_state(files).items()
        }
        put(adapted, given)
    except ModelError:
        raise
    except Exception as error:  # peft raises its own kinds
        raise ModelError(first_line(f"the adapter '{files.name}' does not fit {files.folder}", error)) from error
    lacking = sorted(set(get_peft_model_state_dict(adapted)) - set(given))
    if lacking:
        raise ModelError(f"the adapter '{files.name}' lacks weights ({', '.join(lacking[:3])} …): it would be random")
    adapted.to(dtype)
    return adapted if config.is_prompt_learning else adapted.get_base_model()


def _adapter_state(files: Files) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for path in files.adapter_weights:
        state |= load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    return state


def _quantised(name: str, bits: int) -> dict[str, Any]:
    if not torch.cuda.is_available():
        raise InputError(f"'{name}' in {bits} bits needs a GPU: use dtype='float32'")
    try:
        import bitsandbytes  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
    except ImportError as error:
        raise InputError(f"'{name}' in {bits} bits needs bitsandbytes: pip install bitsandbytes") from error
    from transformers import BitsAndBytesConfig

    how = BitsAndBytesConfig(load_in_8bit=bits == 8, load_in_4bit=bits == 4)
    return {"quantization_config": how, "device_map": {"": 0}}


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
