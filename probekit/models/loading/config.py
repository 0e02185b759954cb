"""Config: the configuration of a checkpoint."""

from __future__ import annotations

from typing import Any

from probekit.errors import ModelError, first_line
from probekit.models.configuration import check_file, check_numbers
from probekit.models.files import Files


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
        raise ModelError(first_line(what, error, of_file="its config.json")) from error
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
