"""Explain: what a probe's decisions rest on, beside the same with random weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probekit.errors import InputError, ModelError
from probekit.models.differentiable import require_gradients
from probekit.models.model import open_model
from probekit.states.states import GIVEN, States
from probekit.usage.attributed import MOST_STEPS, TOLERANCE, Attributed
from probekit.usage.on_top import Trained, null_of
from probekit.usage.wanted import Wanted

MOST_FLOWS = 20  # decisions of a text whose flow through the layers below is computed
NO_RANDOM_WEIGHTS = "no attribution with random weights for comparison"


@dataclass(frozen=True)
class Explanation:
    """What decisions rest on.

    Attributes:
        model: name of the checkpoint.
        layer: the layer that the probe reads.
        baseline: what words are compared with.
        numbers: the number of each decision among those asked for.
        found: what each rests on.
        null_model: name of the model with random weights; empty without one.
        null: what the same decisions rest on there.
        warnings: one sentence each.
    """

    model: str
    layer: int
    baseline: str
    numbers: Sequence[int]
    found: Sequence[Attributed]
    null_model: str
    null: Sequence[Attributed]
    warnings: Sequence[str]


def explain(
    trained: Trained, states: States, asked: Wanted, baseline: str | None, *, of_text: bool
) -> Explanation:
    """What decisions rest on.

    Args:
        trained: how the probe is trained.
        states: of the checkpoint.
        asked: the decisions.
        baseline: what words are compared with; None for the default of the tokenizer.
        of_text: whether they are about a text that was given: what flows through the layers below
            is added then, and otherwise the null.

    Raises InputError for vectors without a model, and where no word asked for has a subword.
    """
    if states.manifest["layers"].get("site") == GIVEN:
        raise InputError(
            f"'{states.model}' are vectors without the model that computed them: there is nothing "
            "to attribute to; give a checkpoint"
        )
    model = states.module or open_model(states.model, states.settings.encoder)
    require_gradients(model)
    layer = trained.best_layer(states)
    try:
        on_top = trained.on(model, states, layer, baseline)
        numbers, decisions = on_top.settled(asked)
        if not decisions:
            raise InputError(f"no word that is asked for has a subword of '{states.model}'")
        found = on_top.attributed(decisions, asked)
        # Of a corpus one of each text: that is enough for a check.
        firsts = {one.decision.text: one for one in reversed(found)}
        on_top.add_ablations(found if of_text else list(firsts.values()), asked)
        if of_text:
            on_top.add_flows(found[:MOST_FLOWS], asked)
    finally:
        model.release()
    warnings = list(_warnings(found, len(asked.decisions)))
    null_model = ""
    null: Sequence[Attributed] = ()
    if not of_text and states.module is not None:
        warnings.append(f"{NO_RANDOM_WEIGHTS}: '{states.model}' is not given by name")
    elif not of_text:
        try:
            null_model, control, null_on_top = null_of(trained, states, layer, on_top.baseline)
        except ModelError as error:
            warnings.append(f"{NO_RANDOM_WEIGHTS}: {error}")
        else:
            null = null_on_top.attributed(decisions, asked)
            control.release()
    return Explanation(
        states.model, layer, on_top.baseline, numbers, found, null_model, null, warnings
    )


def _warnings(found: Sequence[Attributed], n_asked: int) -> Iterator[str]:
    """Warnings about decisions that are left out, and about errors above the tolerance."""
    if len(found) < n_asked:
        yield (
            f"{n_asked - len(found):,} of {n_asked:,} decisions are about words without a subword: "
            "left out"
        )
    errors = [one for one in found if not one.has_converged]
    if errors:
        yield (
            f"the error of {len(errors):,} of {len(found):,} decisions is above {TOLERANCE:.0%} of "
            f"the difference that the words make, with {MOST_STEPS:,} steps (see delta)"
        )
    flows = [one for one in found if not one.flows_have_converged]
    if flows:
        yield (
            f"{len(flows):,} of {len(found):,} decisions: what flows through a layer below does "
            f"not sum to that difference within {TOLERANCE:.0%}, with {MOST_STEPS:,} steps"
        )
