"""Compared states: the states of checkpoints whose layers mean the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probekit.corpora.passage import Context
from probekit.errors import InputError, ModelError
from probekit.models.layers import explain_layers
from probekit.probes.identity import names_of_states
from probekit.probes.plan import Plan
from probekit.states.states import States


def read_checkpoints(
    plan: Plan, contexts: Sequence[Context], warnings: list[str]
) -> Iterator[tuple[States, ...]]:
    """For each context the states of each checkpoint, first the one that the others are compared
    with.

    A checkpoint that fails is left out, with a warning.

    Raises ModelError where the first or all others cannot be read.
    """
    (_, first), *others = plan.checkpoints
    found = [first(contexts)]
    for name, read in others:
        try:
            found.append(read(contexts))
        except ModelError as error:
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if len(found) == 1:
        raise failed
    return zip(*found, strict=True)


def check_layers(checkpoints: Sequence[States], warnings: list[str]) -> None:
    """Add the warnings about each checkpoint, and about those of another shape than the first.

    Raises InputError where layers mean different things.
    """
    for states in checkpoints:
        _require_same_layers(checkpoints[0], states)
        warnings += states.warnings
        warnings += _other_shape(checkpoints[0], states)


def names_of_compared(checkpoints: Sequence[States]) -> list[str]:
    """The checkpoints' names in results.

    Raises InputError where one of those after is given twice.
    """
    names = names_of_states(checkpoints)
    after = names[1:]
    if len(set(after)) < len(after):
        raise InputError("one of the checkpoints after is given twice")
    return names


def _require_same_layers(first: States, other: States) -> None:
    """Raise InputError where the layers of two checkpoints mean different things."""
    code, other_code = first.manifest["layers"], other.manifest["layers"]
    if code != other_code:
        raise InputError(
            f"the layers of {first.model} and {other.model} mean different things, and so would "
            f"their difference ({explain_layers(code)} | {explain_layers(other_code)}): "
            "probe both, and compare their best layers"
        )


def _other_shape(first: States, other: States) -> Iterator[str]:
    """Warnings where two checkpoints have not as many layers, or not one width."""
    if other.n_layers != first.n_layers:
        yield (
            f"{other.model} has {other.n_layers} layers and {first.model} has "
            f"{first.n_layers}: layers are paired by relative depth"
        )
    if other.dim != first.dim:
        yield (
            f"{other.model} is {other.dim} wide and {first.model} {first.dim}: "
            "a rotation cannot be told from a re-encoding (Procrustes needs one width; "
            "a ridge map is fitted)"
        )
