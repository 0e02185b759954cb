"""Loaded: a transformers model that is in memory, as the user gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import InputError

_MODELS = ("transformers.PreTrainedModel", "peft.PeftModel")
_TOKENIZER = "transformers.PreTrainedTokenizerBase"


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A loaded transformers model and its tokenizer, which can be given wherever a model name can.

    The model is read as it is and where it is, without its head, and is not changed. A model alone
    stands for `LoadedModel(model)`.

    Attributes:
        model: the model: of transformers, or wrapped by peft.
        tokenizer: its tokenizer; None for the one in the folder or repository that the model was
            loaded from.
        name: its name in results. By default where it was loaded from, or its class, `in memory`.
    """

    model: Any = field(repr=False)
    tokenizer: Any = field(default=None, repr=False)
    name: str = ""

    def __post_init__(self) -> None:
        """Raise InputError where a field has another type."""
        if not is_loaded(self.model):
            raise InputError(doors.refusal("model", self.model, "a loaded transformers model"))
        if self.tokenizer is not None and _TOKENIZER not in doors.class_names(self.tokenizer):
            raise InputError(doors.refusal("tokenizer", self.tokenizer, "a transformers tokenizer"))
        given: str = doors.of_type("name", self.name, str)
        source = Path(source_of(self.model)).name or type(self.model).__name__
        object.__setattr__(self, "name", given or f"{source} in memory")


def is_loaded(given: Any) -> bool:
    """Whether something is a loaded transformers model."""
    return any(name in _MODELS for name in doors.class_names(given))


def as_loaded(given: Any) -> Any:
    """A LoadedModel for a loaded transformers model; anything else as it is."""
    return LoadedModel(given) if is_loaded(given) else given


def name_of(subject: str | LoadedModel) -> str:
    """The name of a model in results."""
    return subject if isinstance(subject, str) else subject.name


def source_of(model: Any) -> str:
    """The folder or hub id that a model was loaded from; empty where it was made in memory."""
    return str(getattr(model.config, "_name_or_path", "") or "")
