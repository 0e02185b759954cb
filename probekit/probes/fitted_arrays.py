"""Fitted arrays: trained probes as named arrays with a description, from which they are made again.

Only probes of single layers: of these a stack is finished, and reads words as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.mixture import Single
from probekit.probes.predictions import narrowed
from probekit.probes.scaling import Scaling
from probekit.probes.stack import Stack
from probekit.probes.view import single_layers
from probekit.tasks.question import Question

Arrays = dict[str, np.ndarray]

_LABELS = ("predictions", "dev_predictions", "refits")
_NUMBERS = ("losses", "dev_loss", "epochs", "shares")
_SCALING = ("mean", "deviation", "product_sizes")


def arrays_of(fits: Sequence[Fitted]) -> tuple[Arrays, dict[str, Any]]:
    """Probes that were trained together, as arrays by name, and what else they are.

    Args:
        fits: the probes of each task, of single layers.
    """
    first = fits[0]
    arrays: Arrays = {}
    for t, fitted in enumerate(fits):
        for name in _LABELS:
            labels = getattr(fitted, name)
            if labels is not None:
                arrays[f"{t}/{name}"] = narrowed(fitted.question, labels)
        for name in _NUMBERS:
            arrays[f"{t}/{name}"] = getattr(fitted, name)
    for number, (_, stack) in enumerate(first.stacks):
        for name, values in stack.state_dict().items():
            arrays[f"stack {number}/{name}"] = values.numpy()
        for name in _SCALING:
            arrays[f"stack {number}/scaling/{name}"] = getattr(stack.scaling, name).numpy()
    described = {
        "head": first.head,
        "layers": first.layers,
        "seeds": first.seeds,
        "stacks": [layers for layers, _ in first.stacks],
    }
    return arrays, described


def fits_of(
    arrays: Mapping[str, np.ndarray], described: Mapping[str, Any], questions: Sequence[Question]
) -> list[Fitted]:
    """The probes of each task, from what `arrays_of` gave.

    Args:
        arrays, described: what it gave.
        questions: those that the probes answer, in the same order.
    """
    seeds = tuple(described["seeds"])
    stacks = []
    for number, layers in enumerate(described["stacks"]):
        own = within(arrays, f"stack {number}/")
        stacks.append((tuple(layers), _stack(described["head"], questions, seeds, own)))
    found = []
    for t, question in enumerate(questions):
        own = within(arrays, f"{t}/")
        for name in _LABELS:
            if name in own:
                own[name] = own[name].astype(np.int64)
        found.append(
            Fitted(
                question=question,
                head=described["head"],
                views=single_layers(described["layers"]),
                seeds=seeds,
                stacks=tuple(stacks),
                **own,
            )
        )
    return found


def within(arrays: Mapping[str, np.ndarray], beginning: str) -> dict[str, Any]:
    """The arrays whose names have this beginning, by the rest of their names."""
    found = {}
    for name, values in arrays.items():
        if name.startswith(beginning):
            found[name.removeprefix(beginning)] = values
    return found


def _stack(
    kind: str, questions: Sequence[Question], seeds: tuple[int, ...], arrays: dict[str, Any]
) -> Stack:
    """A finished stack."""
    head = head_of(kind)
    tasks = [head.reads(question.task) for question in questions]
    tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
    of_scaling: dict[str, Any] = {name: tensors.pop(f"scaling/{name}") for name in _SCALING}
    n_views, _, dim = of_scaling["mean"].shape
    scaling = Scaling(
        bases=(None,) * len(tasks), sizes=torch.ones(len(tasks), n_views), **of_scaling
    )
    single = Single(n_views, dim, torch.device("cpu"))
    stack = Stack(head, tasks, [len(each.classes) for each in questions], single, scaling, seeds)
    stack.load_state_dict(tensors)
    return stack
