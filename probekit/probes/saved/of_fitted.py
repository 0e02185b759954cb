"""Of fitted: saved probes of probes that were just trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.pooling import slots
from probekit.probes.saved.origin import TRAINED, Origin, origin_of
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.probes.stack import Stack
from probekit.states.states import States


def can_be_saved(fitted: Fitted) -> bool:
    """Whether the probes are a map of pooled words: those of products a * b are not."""
    return head_of(fitted.head).reads(fitted.question.task).features != "product"


def saved_probes(fitted: Fitted, states: States, settings: FitSettings) -> Iterator[SavedProbe]:
    """Each trained probe of single layers.

    Args:
        fitted: the probes of one task.
        states: what they were trained on.
        settings: how they were trained.
    """
    origin = origin_of(TRAINED, states, settings)
    wanted = head_of(fitted.head).reads(fitted.question.task)
    for layers, stack in fitted.stacks:
        t = stack.tasks.index(wanted)
        for view, layer in enumerate(layers):
            for place, seed in enumerate(stack.seeds):
                yield _saved(fitted, stack, (t, view, place), layer, seed, origin)


def _saved(
    fitted: Fitted,
    stack: Stack,
    cell: tuple[int, int, int],
    layer: int,
    seed: int,
    origin: Origin,
) -> SavedProbe:
    """One probe, whose offset is in its bias: (x − mean) @ W = x @ W − mean @ W."""
    t, view, place = cell
    n, n_blocks = len(slots(stack.tasks[t])), len(stack.columns[t])
    *blocks, bias = stack.cell(t, view, place)[: n_blocks + 1]
    offset = stack.scaling.mean[view, 0].double()
    bias = bias[0].double()
    for weight in blocks[:n]:
        bias = bias - offset @ weight.double()
    of_head: Any = stack.further[t]
    return SavedProbe(
        task=fitted.question.task,
        classes=fitted.question.classes,
        layer=layer,
        weight=_array(torch.stack(blocks[:n])),
        bias=_array(bias),
        attention=_array(torch.cat(blocks[n:], dim=1).T) if blocks[n:] else None,
        further={name: _array(one.data[view, place]) for name, one in of_head.items()},
        head=fitted.head,
        seed=seed,
        origin=origin,
    )


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's numbers, in an array of their own."""
    return np.array(tensor.detach().cpu().float().numpy(), order="C")
