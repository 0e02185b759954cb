"""Lora: small matrices beside frozen ones are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from probekit.errors import InputError
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipe import Recipe

SHOWN = 12  # names of modules in a message


@dataclass(frozen=True)
class Lora(Recipe):
    """Products of two small matrices are added to matrices of the blocks, which stay as they are.

    The output is an adapter, which peft and probekit apply to the starting checkpoint.

    Attributes:
        rank: of the products.
        alpha: they are multiplied by alpha / rank.
        dropout: of their input.
        targets: names of the modules that have them, with commas; "" for those that peft knows for
            the architecture.
    """

    NAME: ClassVar[str] = "lora"
    TITLE: ClassVar[str] = "low-rank matrices beside frozen ones are trained"
    SOURCE: ClassVar[str] = "Hu et al. 2022"
    RATE: ClassVar[float] = 5e-4

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    targets: str = ""

    def open(self, case: Case) -> Learner:
        """The model with its adapter."""
        try:
            import peft
        except ImportError as error:
            raise InputError(
                "recipe='lora' needs peft: pip install 'probekit-nlp[peft]'"
            ) from error
        learner = super().open(case)
        kinds = {"words": peft.TaskType.TOKEN_CLS}
        config = peft.LoraConfig(
            task_type=kinds.get(case.data.target, peft.TaskType.SEQ_CLS),
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=self.targets.split(",") if self.targets else None,
        )
        modules = linear_modules(learner.model)
        try:
            learner.model = peft.get_peft_model(learner.model, config)
        except (ValueError, TypeError) as error:
            shown = ", ".join(modules[:SHOWN]) + (", …" if len(modules) > SHOWN else "")
            raise InputError(
                f"recipe='lora': {_cause(error)} in '{case.model}'; its modules: {shown} "
                "(recipe_settings: targets)"
            ) from error
        return learner


def _cause(error: Exception) -> str:
    """What peft says, in its first sentence."""
    return str(error).partition(". ")[0].partition("\n")[0]


def linear_modules(model: Any) -> list[str]:
    """The last parts of the names of a model's linear modules, each once."""
    found: dict[str, None] = {}
    for name, module in model.named_modules():
        is_linear = isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
        if is_linear and name.startswith(model.base_model_prefix):
            found[name.rpartition(".")[2]] = None
    return list(found)
