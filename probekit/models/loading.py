"""Loading: configuration, tokenizer and weights of a checkpoint, read with transformers and
checked."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from probekit.errors import InputError, ModelError, ProbekitError, first_line
from probekit.models.adapter import with_adapter
from probekit.models.configuration import check_file, check_numbers
from probekit.models.files import Files
from probekit.models.tokenizer_files import (
    lower_cases,
    no_tokenizer,
    not_applied,
    require_packages,
    tokenizer_folders,
    vocabularies,
)

# Weights per byte of the files: at most 5, for four bits per weight and half of a pair.
_MAX_PER_BYTE = 8
_ZERO_AT_FIRST = ("final_logits_bias",)  # of BART's head: a checkpoint without it has zeros there
_FEW_WEIGHTS = 1 << 26  # up to this many (256 MB) are not checked


def load_config(files: Files, remote_code: bool) -> Any:
    """The configuration of a model with layers and a width.

    Raises ModelError, with a message of one line, where it cannot be used.
    """
    from transformers import AutoConfig

    what = f"the configuration of '{files.name}' cannot be used"
    check_file(files.folder / "config.json", what)
    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=remote_code)
        text = config.get_text_config()
    except Exception as error:  # each family checks its own fields, with exceptions of any kind
        raise ModelError(first_line(what, error)) from error
    check_numbers(text, what)
    if has_no_decoder(config):
        # T5EncoderModel saves False here; the checkpoint is read as the encoder of a T5.
        config.is_encoder_decoder = True
    return config


def has_no_decoder(config: Any) -> bool:
    """Whether a checkpoint has only the encoder of a pair, as `T5EncoderModel` saves it."""
    classes = config.architectures if isinstance(config.architectures, list) else []
    if not classes or not str(classes[0]).endswith("EncoderModel"):
        return False
    return bool(type(config)().is_encoder_decoder)


def no_decoder(name: str) -> ModelError:
    """The error for a request to read the decoder of a checkpoint without one."""
    return ModelError(
        f"'{name}' has the weights of an encoder only: its decoder cannot be read (stack='encoder' "
        "can)"
    )


def load_tokenizer(
    files: Files, remote_code: bool, folder: Path | None = None
) -> tuple[Any, Path, tuple[str, ...]]:
    """The tokenizer, a fast one where there is one; its folder; and warnings about it.

    Args:
        files: files of the model.
        remote_code: whether Python code of the tokenizer may run.
        folder: folder of another tokenizer to use in place of the model's own.

    Raises ModelError where there is none, InputError where a package that reads it is not
    installed.
    """
    homes = [folder] if folder else files.homes
    problem: ModelError | None = None
    for place, warning in tokenizer_folders(files.name, homes):
        try:
            tokenizer = _load_tokenizer(files.name, place, remote_code)
        except ModelError as error:
            problem = error
            continue
        warnings = [warning] if warning else []
        if folder:
            warnings = [f"{files.name}: read with the tokenizer of {place}"]
        elif files.adapter and place != files.folder and not warning:
            warnings = [f"{files.name}: the adapter's own tokenizer is read"]
        warnings += _apply_sentence_settings(files, tokenizer)
        return tokenizer, place, tuple(warnings)
    raise problem or ModelError(no_tokenizer(files.name, homes))


def _apply_sentence_settings(files: Files, tokenizer: Any) -> list[str]:
    """Apply sentence-transformers' settings to a tokenizer, as far as they are known; warnings."""
    warnings = []
    file = lower_cases(files.homes)
    if file:
        _lower_case(tokenizer)
        warnings.append(f"{files.name}: texts are lower-cased (do_lower_case in its {file})")
    unused = ", ".join(not_applied(files.homes))
    if unused:
        warnings.append(
            f"{files.name}: {unused} of its settings for sentence-transformers: not applied"
        )
    return warnings


def _load_tokenizer(name: str, folder: Path, remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    require_packages(folder, name)
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=remote_code)
    except Exception as error:  # the Rust code of tokenizers raises bare Exception
        # Only tokenizers of characters and bytes need no vocabulary.
        if vocabularies(folder) or "trust_remote_code" in str(error):
            raise ModelError(
                first_line(f"the tokenizer of '{name}' cannot be loaded", error)
            ) from error
        raise ModelError(no_tokenizer(name, [folder])) from error
    # Without its vocabulary a tokenizer may load, and knows no word.
    if not vocabularies(folder) and tokenizer.vocab_files_names:
        raise ModelError(no_tokenizer(name, [folder]))
    return tokenizer


def _lower_case(tokenizer: Any) -> None:
    """Make a tokenizer lower-case every text first, as sentence-transformers does."""
    if not tokenizer.is_fast:
        tokenizer.do_lower_case = True
        return
    from tokenizers import normalizers

    backend = tokenizer.backend_tokenizer
    steps = [normalizers.Lowercase()]
    if backend.normalizer is not None:
        steps.append(backend.normalizer)
    backend.normalizer = normalizers.Sequence(steps)


def load_trained(
    files: Files,
    config: Any,
    dtype: torch.dtype,
    *,
    allow_pickle: bool,
    remote_code: bool,
    unread: tuple[str, ...] = (),
    bits: int | None = None,
) -> Any:
    """The bare model with its trained weights, and with its adapter where there is one.

    Args:
        files: files of the model.
        config: configuration of the model, see `load_config`.
        dtype: type of the weights in memory.
        allow_pickle: whether pickled weights may be loaded.
        remote_code: whether Python code of the checkpoint may run.
        unread: prefixes of the names of weights that may be missing, since they are not used.
        bits: bits per weight of quantised weights.

    Raises ModelError where a weight is missing or has another shape.
    """
    from transformers import AutoModel

    with quiet_loading(), _without_other_adapter(files) as folder:
        how = {"folder": folder, "allow_pickle": allow_pickle, "remote_code": remote_code}
        model, report = _read(AutoModel, files, config, dtype, bits, how)
    _require_complete(report, files, unread)
    return with_adapter(model, files, dtype) if files.adapter else model


def _read(
    kind: Any,
    files: Files,
    config: Any,
    dtype: torch.dtype,
    bits: int | None,
    how: Mapping[str, Any],
) -> tuple[Any, Mapping[str, Any]]:
    """A model of an auto class, and transformers' report of its weights.

    Args:
        kind: the auto class.
        files, config, dtype, bits: see `load_trained`.
        how: `folder` with the weights, `allow_pickle`, `remote_code`.

    Raises ModelError where they cannot be read.
    """
    quantised = _quantised(files.name, bits) if bits else {}
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
            **quantised,
        )
    except ProbekitError:
        raise
    except Exception as error:  # safetensors and torch raise their own kinds
        raise ModelError(
            first_line(f"the weights of '{files.name}' cannot be loaded", error)
        ) from error
    return model, report


def _require_complete(report: Mapping[str, Any], files: Files, unread: tuple[str, ...]) -> None:
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
    with quiet_loading(), _without_other_adapter(files) as folder:
        how = {"folder": folder, "allow_pickle": allow_pickle, "remote_code": remote_code}
        model, report = _read(auto, files, config, dtype, bits, how)
    of_head = [key for key in report["missing_keys"] if _is_of_head(model, key)]
    below = [key for key in report["missing_keys"] if not _is_of_head(model, key)]
    _require_complete({**report, "missing_keys": below}, files, ())
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


def load_random(files: Files, config: Any, dtype: torch.dtype, remote_code: bool) -> Any:
    """The bare model before any training, with random weights from `files.seed`.

    Raises ModelError where a weight equals the trained one in the files.
    """
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), quiet_loading():
        torch.manual_seed(files.seed or 0)
        model = AutoModel.from_config(config, dtype=dtype, trust_remote_code=remote_code)
    _require_different(model, files)
    return model


def _require_different(model: Any, files: Files) -> None:
    from safetensors import safe_open

    random: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        is_random = value.ndim > 1 and value.std() > 0
        if is_random:
            random[name] = value
    for path in files.weights:
        if path.suffix != ".safetensors":
            continue
        with safe_open(path, framework="pt") as trained:
            for name in trained.keys():  # noqa: SIM118 - not a dictionary
                own = next((key for key in (name, name.partition(".")[2]) if key in random), None)
                if own and torch.equal(random[own], trained.get_tensor(name).to(random[own].dtype)):
                    raise ModelError(
                        f"'{files.name}' should be random, and its {own} equals the trained one in "
                        f"{files.folder}"
                    )


@contextmanager
def _without_other_adapter(files: Files) -> Iterator[Path]:
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


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence transformers' progress bars and reports while loading."""
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
