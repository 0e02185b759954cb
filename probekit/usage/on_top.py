"""On top: a probe, trained as usual, on top of the running model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from probekit.errors import InputError
from probekit.models.differentiable import differentiable
from probekit.models.model import Model, open_model
from probekit.probes.evaluate import task_scores
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.random_control import random_name
from probekit.probes.view import single_layers
from probekit.progress import Progress
from probekit.states.extract import extract_from
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.usage.attributed import Attributed, add_ablations, add_flows, attributed
from probekit.usage.decision import Decision, Texts
from probekit.usage.explained import Explained, embedding_of_nothing
from probekit.usage.wanted import PREDICTED, Wanted


@dataclass(frozen=True)
class Trained:
    """How a probe is trained.

    Attributes:
        question: the task and its instances.
        probe: the kind of probe.
        settings: how it is trained.
        progress: called with the stage, the units done and the number of units.
    """

    question: Question
    probe: str
    settings: FitSettings
    progress: Progress

    def best_layer(self, states: States) -> int:
        """The layer whose probe is best on dev, of all above the embeddings.

        Raises InputError where there is none.
        """
        layers = [layer for layer in states.layers if layer > 0]
        if not layers:
            raise InputError(
                "layers: layer 0 is the embeddings, with nothing below that a probe could rest on; "
                "choose a layer from 1 on"
            )
        if len(layers) == 1:
            return layers[0]
        (fitted,) = fit(
            states,
            [self.question],
            probe=self.probe,
            settings=self.settings,
            views=single_layers(layers),
            progress=self.progress,
        )
        scores = task_scores(self.question, "dev", fitted.dev_predictions)[:, 0]
        return layers[int(scores.argmax())]

    def on(self, model: Model, states: States, layer: int, baseline: str | None) -> OnTop:
        """A probe of a layer, on top of the model that computed the states."""
        (fitted,) = fit(
            states,
            [self.question],
            probe=self.probe,
            settings=self.settings,
            views=single_layers([layer]),
            progress=self.progress,
        )
        below = differentiable(model, layer)
        nothing, name = embedding_of_nothing(below, baseline)
        explained = Explained(below, fitted.stacks[0][1], nothing, states.settings.subwords)
        return OnTop(explained, name, self.progress)


@dataclass(frozen=True)
class OnTop:
    """A probe on top of a model.

    Attributes:
        explained: the two as one function.
        baseline: name of what words are compared with.
        progress: called with the stage, the units done and the number of units.
    """

    explained: Explained
    baseline: str
    progress: Progress

    def settled(self, asked: Wanted) -> tuple[list[int], list[Decision]]:
        """The decisions with what the model reads for them, and with their labels; and the number
        of each among those asked. Those without a subword are left out."""
        texts = Texts(asked.texts, self.explained.below)
        numbers, found = [], []
        for number, decision in enumerate(asked.decisions):
            ready = texts.with_windows(decision)
            if ready is not None:
                numbers.append(number)
                found.append(ready)
        unlabelled = [i for i, one in enumerate(found) if one.label == PREDICTED]
        chosen = [found[i] for i in unlabelled]
        for part in self.explained.batches(chosen, 1):
            batch = self.explained.batch([chosen[i] for i in part])
            for i, label in zip(part, self.explained.predicted(batch).tolist(), strict=True):
                found[unlabelled[i]] = replace(chosen[i], label=label)
        return numbers, found

    def attributed(self, decisions: Sequence[Decision], asked: Wanted) -> list[Attributed]:
        """What their scores rest on."""
        lengths = _lengths(decisions, asked)
        return attributed(self.explained, decisions, lengths, self.progress)

    def add_ablations(self, found: Sequence[Attributed], asked: Wanted) -> None:
        """Add how far scores fall without single words."""
        add_ablations(self.explained, found, _lengths([one.decision for one in found], asked))

    def add_flows(self, found: Sequence[Attributed], asked: Wanted) -> None:
        """Add what flows through the layers below."""
        lengths = _lengths([one.decision for one in found], asked)
        add_flows(self.explained, found, lengths, self.progress)


def _lengths(decisions: Sequence[Decision], asked: Wanted) -> list[int]:
    return [len(asked.texts[decision.text]) for decision in decisions]


def null_of(
    trained: Trained, states: States, layer: int, baseline: str
) -> tuple[str, Model, OnTop]:
    """The same architecture with random weights, with a probe trained on it: its name, the model,
    and the probe on top.

    Raises ModelError where there is no configuration to make it from.
    """
    name = random_name(states.model, 0)
    model = open_model(name, states.settings.encoder)
    settings = replace(states.settings, layers=(layer,))
    control = extract_from(model, states.corpus, states.context, settings, trained.progress)
    return name, model, trained.on(model, control, layer, baseline)
