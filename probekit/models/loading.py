"""Loading: configuration, tokenizer and weights of a checkpoint, as transformers and peft have
them, checked."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
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

# Four bits a weight, and of an encoder-decoder the encoder alone, leave 5; up to 256 MB is not
# worth a question.
_MOST_IN_A_BYTE, _FEW_WEIGHTS = 8, 1 << 26


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
    if has_no_decoder(config):
        config.is_encoder_decoder = (
            True  # T5EncoderModel saves it without, and it is read as the encoder of a T5
        )
    return config


def has_no_decoder(config: Any) -> bool:
    """Whether a checkpoint of an encoder-decoder was saved from its encoder alone, as from
    `T5EncoderModel`."""
    classes = config.architectures if isinstance(config.architectures, list) else []
    return (
        bool(classes)
        and str(classes[0]).endswith("EncoderModel")
        and bool(type(config)().is_encoder_decoder)
    )


def no_decoder(name: str) -> ModelError:
    """What is raised where the decoder of an encoder alone is wanted."""
    return ModelError(
        f"'{name}' has the weights of an encoder only: its decoder cannot be read (stack='encoder' can)"
    )


def load_tokenizer(
    files: Files, remote_code: bool, folder: Path | None = None
) -> tuple[Any, Path, tuple[str, ...]]:
    """The tokenizer, fast where there is one; its folder; and what a reader must know of it.

    Args:
        files: of the model.
        remote_code: whether Python that the tokenizer brings may run.
        folder: of another tokenizer, in place of the model's own.

    Raises ModelError where there is none, InputError where a package that reads it is not
    installed.
    """
    homes = [folder] if folder else files.homes
    problem: ModelError | None = None
    for place, notice in tokenizer_folders(files.name, homes):
        try:
            tokenizer = _load_tokenizer(files.name, place, remote_code)
        except ModelError as error:
            problem = error
            continue
        said = [notice] if notice else []
        if folder:
            said = [f"{files.name}: read with the tokenizer of {place}"]
        elif files.adapter and place != files.folder and not notice:
            said = [f"{files.name}: the adapter's own tokenizer is read"]
        lowered = lower_cases(files.homes)
        if lowered:
            _lower_case(tokenizer)
            said.append(f"{files.name}: texts are lower-cased (do_lower_case in its {lowered})")
        if unused := not_applied(files.homes):
            said.append(
                f"{files.name}: {', '.join(unused)} of its settings for sentence-transformers: not applied"
            )
        return tokenizer, place, tuple(said)
    raise problem or ModelError(no_tokenizer(files.name, homes))


def _load_tokenizer(name: str, folder: Path, remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    require_packages(folder, name)
    try:
        with _quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=remote_code)
    except Exception as error:  # tokenizers' Rust side raises bare Exception
        # Characters and bytes need no vocabulary, all others more than their settings.
        if vocabularies(folder) or "trust_remote_code" in str(error):
            raise ModelError(
                first_line(f"the tokenizer of '{name}' cannot be loaded", error)
            ) from error
        raise ModelError(no_tokenizer(name, [folder])) from error
    # Without its vocabulary a tokenizer may load all the same, and knows no word.
    if not vocabularies(folder) and tokenizer.vocab_files_names:
        raise ModelError(no_tokenizer(name, [folder]))
    return tokenizer


def _lower_case(tokenizer: Any) -> None:
    """Have it lower-case every text first, as sentence-transformers does."""
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
    """The bare model with its weights, every one from the files; with its adapter where there is
    one.

    Args:
        files: where they are.
        config: of the model, see `load_config`.
        dtype: of the weights in memory.
        allow_pickle, remote_code: what may be read and run.
        unread: beginnings of names that may be missing, being of parts that are not read.
        bits: of quantised weights.

    Raises ModelError where a weight is missing or mis-shaped.
    """
    from transformers import AutoModel

    more = _quantised(files.name, bits) if bits else {}
    with _quiet_loading(), _without_other_adapter(files) as folder:
        try:
            _require_held(config, files, remote_code)
            model, report = AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                use_safetensors=None if allow_pickle else True,
                trust_remote_code=remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                **more,
            )
        except ProbekitError:
            raise
        except Exception as error:  # safetensors and torch raise their own kinds
            raise ModelError(
                first_line(f"the weights of '{files.name}' cannot be loaded", error)
            ) from error
    # A pooler's absence is common and harmless (hidden states do not pass through it); all else
    # would be random.
    missing = sorted(
        key for key in report["missing_keys"] if "pooler" not in key and not key.startswith(unread)
    )
    wrong = [
        f"{key} is {tuple(on_disk)}, not {tuple(own)}"
        for key, on_disk, own in report["mismatched_keys"]
    ]
    if missing and not wrong and all(key.startswith("decoder.") for key in missing):
        raise no_decoder(files.name)
    if missing or wrong:
        what = (
            "lacks weights that its configuration names"
            if missing
            else "has weights that do not fit its configuration"
        )
        names = "; ".join([*missing, *wrong][:3])
        raise ModelError(
            f"the weights of '{files.name}': it {what} ({names}{' …' if len(missing) + len(wrong) > 3 else ''}): the "
            "model would be partly random"
        )
    return with_adapter(model, files, dtype) if files.adapter else model


def _require_held(config: Any, files: Files, remote_code: bool) -> None:
    """Raise ModelError where a configuration describes far more weights than the files can hold.

    Memory is taken for them before their sizes are compared one by one.
    """
    from transformers import AutoModel

    with torch.device("meta"):  # of shapes alone
        model = AutoModel.from_config(config, trust_remote_code=remote_code)
    described = sum(parameter.numel() for parameter in model.parameters())
    held = sum(path.stat().st_size for path in files.weights)
    if described > _MOST_IN_A_BYTE * held + _FEW_WEIGHTS:
        raise ModelError(
            f"the configuration of '{files.name}' describes a model of {described:,} weights, and its files are of "
            f"{held:,} bytes: they do not belong together"
        )


def load_random(files: Files, config: Any, dtype: torch.dtype, remote_code: bool) -> Any:
    """The bare model as it is before any training, drawn from `files.seed`.

    Raises ModelError where trained weights are at hand and it has them.
    """
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), _quiet_loading():
        torch.manual_seed(files.seed or 0)
        model = AutoModel.from_config(config, dtype=dtype, trust_remote_code=remote_code)
    _require_different(model, files)
    return model


def _require_different(model: Any, files: Files) -> None:
    from safetensors import safe_open

    drawn = {
        name: value
        for name, value in model.state_dict().items()
        if value.ndim > 1 and value.std() > 0
    }
    for path in files.weights:
        if path.suffix != ".safetensors":
            continue
        with safe_open(path, framework="pt") as trained:
            for name in trained.keys():  # noqa: SIM118 - not a dictionary
                own = next((key for key in (name, name.partition(".")[2]) if key in drawn), None)
                if own and torch.equal(drawn[own], trained.get_tensor(name).to(drawn[own].dtype)):
                    raise ModelError(
                        f"'{files.name}' should be random, and its {own} is that of {files.folder}"
                    )


@contextmanager
def _without_other_adapter(files: Files) -> Iterator[Path]:
    """The model's folder; where an adapter lies beside its weights, a folder of links to all but
    that.

    From a folder with adapter_config.json transformers 5 applies the adapter, whatever its weights
    are merged into.
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
def _quiet_loading() -> Iterator[None]:
    """A library does not print: keep transformers' progress bars and reports to itself while
    loading."""
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
