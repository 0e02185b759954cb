"""Same: whether recorded states are those of transformers, and if not, by which convention they may
differ.

Engines number layers, apply the final norm and fill caches in ways of their own, and some return
wrong states without an error.
"""

from __future__ import annotations

import torch

from probekit.errors import ModelError
from probekit.models.recorded.reference import Reference

COSINE = 0.999  # at least, for every subword
LENGTH = 0.05  # at most, by which the length of a vector may differ, relative to it


def require_same(
    recorded: torch.Tensor,
    layers: tuple[int, ...],
    reference: Reference,
    final_norm: bool,
    label: str,
) -> None:
    """Raise ModelError where the states of a text are not those of transformers.

    Args:
        recorded: `(n, layers, dim)`.
        layers: the numbers of the layers, in that order.
        reference: what transformers computes for the text.
        final_norm: whether the final norm is applied to the recorded last layer.
        label: what the text is called in the message.
    """
    last = len(reference.states) - 1
    for layer, row in sorted(zip(layers, range(len(layers)), strict=True)):
        found = recorded[:, row].float()
        is_normed = final_norm and layer == last and reference.norm is not None
        compared = _normed(reference, found) if is_normed else found
        if not are_same(compared, reference.states[layer]):
            raise ModelError(
                f"the hidden states in '{label}' are not those of transformers at layer {layer}: "
                f"{_difference(found, layer, reference)}"
            )


def _difference(found: torch.Tensor, layer: int, reference: Reference) -> str:
    """How states `(n, dim)` of a layer differ from those of transformers."""
    expected = reference.states[layer]
    if not found.isfinite().all():
        return "some are not finite numbers"
    zeros = int((~found.any(dim=1) & expected.any(dim=1)).sum())
    if zeros:
        return f"{zeros} of {len(found)} subwords are zeros"
    cosine = float(_cosines(found, expected).min())
    return (
        _of_norm(found, layer, reference)
        or _of_layer(found, layer, reference)
        or _of_positions(found, expected)
        or _of_length(found, expected)
        or f"the cosine falls to {cosine:.3f}, and must be at least {COSINE}: is it another "
        "checkpoint, adapter or type?"
    )


def _of_length(found: torch.Tensor, expected: torch.Tensor) -> str:
    """How much longer they are than those of transformers; empty where directions differ."""
    if not (_cosines(found, expected) >= COSINE).all():
        return ""
    ratio = float(found.norm() / expected.norm().clamp_min(torch.finfo(torch.float32).tiny))
    return f"their directions are the same, but they are {ratio:.3g} times as long"


def _of_norm(found: torch.Tensor, layer: int, reference: Reference) -> str:
    """How the final norm was applied otherwise; empty where it was not."""
    if reference.norm is None or reference.before_norm is None:
        return ""
    expected, is_last = reference.states[layer], layer == len(reference.states) - 1
    if is_last and are_same(found, expected):
        return "the final norm was applied to them already, so leave out final_norm=True"
    if is_last and are_same(found, reference.before_norm):
        return "the final norm is missing, which final_norm=True applies"
    if not is_last and are_same(found, _normed(reference, expected)):
        return "the final norm was applied to them"
    return ""


def _of_layer(found: torch.Tensor, layer: int, reference: Reference) -> str:
    """Which other layer they are; empty where they are none."""
    for other, states in enumerate(reference.states):
        if other != layer and are_same(found, states):
            return (
                f"they are those of layer {other}, so the layers are shifted by "
                f"{abs(other - layer)}: give their numbers as `layers`"
            )
    return ""


def _of_positions(found: torch.Tensor, expected: torch.Tensor) -> str:
    """By how much their positions are shifted; empty where they are not."""
    for shift in (1, -1) if len(found) > 2 else ():
        if _are_shifted(found, expected, shift):
            return f"their positions are shifted by {shift}"
    return ""


def _are_shifted(found: torch.Tensor, expected: torch.Tensor, shift: int) -> bool:
    if shift > 0:
        return are_same(found[shift:], expected[:-shift])
    return are_same(found[:shift], expected[-shift:])


def are_same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether all vectors, `(n, dim)`, have the same directions and lengths up to rounding in half
    precision."""
    if found.shape != expected.shape or not found.isfinite().all():
        return False
    lengths, wanted = found.norm(dim=1), expected.norm(dim=1)
    are_long = bool(((lengths - wanted).abs() <= LENGTH * wanted).all())
    return are_long and bool((_cosines(found, expected) >= COSINE).all())


def _cosines(found: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """The cosine of each pair of vectors; 1 where both are zero."""
    cosines = torch.nn.functional.cosine_similarity(found.double(), expected.double())
    return torch.where(found.any(dim=1) | expected.any(dim=1), cosines, 1.0)


@torch.inference_mode()
def _normed(reference: Reference, states: torch.Tensor) -> torch.Tensor:
    assert reference.norm is not None
    found: torch.Tensor = reference.norm(states)
    return found
