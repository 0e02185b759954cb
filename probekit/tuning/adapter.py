"""Adapter: what the recipes that train a PEFT adapter share."""

from __future__ import annotations

from typing import Any

import torch

from probekit.errors import InputError
from probekit.tuning.learner import Case, Learner

SHOWN = 12  # names of modules in a message


def with_adapter(recipe: str, case: Case, learner: Learner, kind: str, given: Any) -> Learner:
    """Put a new adapter into the model of a learner.

    Args:
        recipe: its name, for messages.
        case, learner: what is fine-tuned.
        kind: the name of the adapter's class of settings in peft.
        given: the settings.

    Raises InputError where peft is not installed, or the modules that it should change are not
    there.
    """
    modules = linear_modules(learner.model)
    try:
        learner.model = adapted(recipe, case, learner, kind, given)
    except (ValueError, TypeError) as error:
        shown = ", ".join(modules[:SHOWN]) + (", …" if len(modules) > SHOWN else "")
        cause = str(error).partition(". ")[0].partition("\n")[0]
        raise InputError(
            f"recipe='{recipe}': {cause} in '{case.model}'; its modules: {shown} "
            "(the recipe's setting 'targets')"
        ) from error
    return learner


def adapted(recipe: str, case: Case, learner: Learner, kind: str, given: Any) -> Any:
    """The model of a learner with a new adapter; the arguments are those of `with_adapter`.

    Raises InputError where peft is not installed, and what peft raises: ValueError or TypeError.
    """
    try:
        import peft
    except ImportError as error:
        raise InputError(
            f"recipe='{recipe}' needs peft: pip install 'probekit-nlp[peft]'"
        ) from error
    task = peft.TaskType.TOKEN_CLS if case.data.target == "words" else peft.TaskType.SEQ_CLS
    config = getattr(peft, kind)(task_type=task, **given)
    return peft.get_peft_model(learner.model, config)


def listed(names: str) -> list[str] | None:
    """Names with commas as a list; None for none."""
    return [name.strip() for name in names.split(",") if name.strip()] or None


def linear_modules(model: Any) -> list[str]:
    """The last parts of the names of a model's linear modules, each once."""
    found: dict[str, None] = {}
    for name, module in model.named_modules():
        is_linear = isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
        if is_linear and name.startswith(model.base_model_prefix):
            found[name.rpartition(".")[2]] = None
    return list(found)
