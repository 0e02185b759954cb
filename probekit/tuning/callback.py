"""Callback: forgetting measured and logged while a Hugging Face Trainer trains, with a limit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from probekit import doors
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.measures import retention
from probekit.models.encoder import Encoder
from probekit.probes.answers import mean_scores
from probekit.probes.arguments import Seeds, names_of
from probekit.probes.baselines import majority
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.probes.heads import head_of
from probekit.probes.questions import questions
from probekit.states.read_in_memory import read_in_memory
from probekit.tasks.task import Task
from probekit.tuning.layers_over_steps import layers_over_steps
from probekit.tuning.trackers import before_trackers, log_to_trackers, show_to_trackers

SENTENCES = {"train": 200, "dev": 50, "test": 150}
FIT = FitSettings(words=30_000)

AtLimit = Literal["log", "stop", "roll back"]
Which = Literal["best", "last"]


class ForgettingCallback(TrainerCallback):
    """Probes the model every some steps of its training, on a fixed small set of sentences.

        trainer = Trainer(…)
        callback = probekit.ForgettingCallback(trainer, ["pos", "dep"], limit=0.9, at_limit="stop")
        trainer.add_callback(callback)

    It logs through the trainer, so that its history and every tracker have the values:
    `probe_TASK_best` (score of the best layer, chosen on dev), `probe_TASK_layer_K` for each layer,
    `probe_TASK_retention` (of the best layer, above the majority baseline; 1 when training begins),
    `probe_TASK_last_retention` (of the last layer probed, the input of a head on top) and
    `probe_seconds`. Trackers also have the values before the first step, and when training ends a
    picture `probe_TASK` of the scores by layer and step (TensorBoard, W&B and trackio).

    Attributes:
        history: one dictionary per measurement: `step`, and what was logged.
        seconds: spent measuring, in total.
    """

    def __init__(  # noqa: PLR0913 - a public verb
        self,
        trainer: Trainer,
        tasks: str | Path | Task | Sequence[str | Path | Task] = ("pos",),
        *,
        corpus: str | Path | Corpus = "sample",
        layers: Sequence[int] = (),
        every: int = 500,
        limit: float | None = None,
        at_limit: AtLimit = "stop",
        limit_of: Which = "best",
        probe: str = "linear",
        seeds: Seeds = 1,
        fit_settings: FitSettings = FIT,
    ) -> None:
        """Load the sentences and make the instances.

        Args:
            trainer: whose model is measured and through which results are logged; its
                `processing_class` is the tokenizer.
            tasks: tasks of `sentence` context.
            corpus: what is read: its first SENTENCES of each split.
            layers: the layers probed; none for all.
            every: steps between two measurements; one more comes before the first step, and one at
                the end.
            limit: the lowest retention allowed for each task, in [0, 1].
            at_limit: what happens below it: `stop` ends training, `roll back` also restores the
                weights of the last measurement within the limit, `log` does nothing.
            limit_of: the layer whose retention counts: the `best`, for what any layer still knows
                (including the embeddings), or the `last`, which falls much earlier.
            probe: the kind of probe.
            seeds: one probe per layer for each, as for `probe`; scores are their means.
            fit_settings: how probes are trained.

        Raises InputError for arguments of another type, for a trainer without tokenizer or whose
        model has a prompt or a prefix, and for tasks that read documents.
        """
        doors.choice("at_limit", at_limit, get_args(AtLimit))
        doors.choice("limit_of", limit_of, ("best", "last"))
        probe = head_of(doors.of_type("probe", probe, str)).name
        doors.of_type("trainer", trainer, Trainer)
        doors.of_type("corpus", corpus, (str, Path, Corpus))
        doors.of_type("fit_settings", fit_settings, FitSettings)
        layers, every = doors.whole_numbers("layers", layers), doors.at_least_one("every", every)
        if limit is not None:
            doors.share("limit", limit)
        tasks, _ = names_of(tasks, None)
        if trainer.processing_class is None:
            raise InputError(
                "the trainer has no tokenizer: give it as Trainer(processing_class=tokenizer)"
            )
        _require_no_prompt(trainer.model)
        whole = corpus if isinstance(corpus, Corpus) else load_corpus(corpus)
        few = {split: passages[: SENTENCES[split]] for split, passages in whole.splits.items()}
        self.questions, _ = questions(tasks, Corpus(whole.name, few))
        for question in self.questions:
            if question.task.context != "sentence":
                raise InputError(
                    f"the task '{question.task.name}' reads documents: "
                    "the callback measures tasks that read sentences"
                )
        self.trainer, self.corpus, self.layers = trainer, Corpus(whole.name, few), tuple(layers)
        self.every, self.limit, self.at_limit = every, limit, at_limit
        self.limit_of: Which = limit_of
        self.probe, self.seeds = probe, doors.seeds("seeds", seeds)
        self.fit_settings = fit_settings
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self._weights: dict[str, torch.Tensor] = {}  # of the last measurement within the limit
        self._first: dict[tuple[str, Which], float] = {}
        self._encoder: Encoder | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure what the model knows before training, unless it was measured."""
        before_trackers(self.trainer, self)
        if not self.history:
            self._measure(state, control)
            log_to_trackers(self.trainer, control, _values(self.history[0]))

    def measure_start(self) -> None:
        """Measure what the model knows now: before a run that is resumed loads later weights, so
        that retention counts from here."""
        self._measure(TrainerState(), TrainerControl())

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure at every `every` steps."""
        if state.global_step % self.every == 0:
            self._measure(state, control)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Measure once more, unless the last step was measured; show trackers the scores."""
        if self.history[-1]["step"] != state.global_step:
            self._measure(state, control)
        for question in self.questions:
            name = question.task.name
            show_to_trackers(self.trainer, f"probe_{name}", layers_over_steps(self.history, name))

    def _measure(self, state: TrainerState, control: TrainerControl) -> None:
        started = time.perf_counter()
        found = self._scores()
        layer = "_last" if self.limit_of == "last" else ""
        counting = [found[f"probe_{one.task.name}{layer}_retention"] for one in self.questions]
        # A task of which nothing was known has no retention, and must not hide another's.
        least = min(filter(np.isfinite, counting), default=1.0)
        self.seconds += time.perf_counter() - started
        found["probe_seconds"] = self.seconds
        self.history.append({"step": state.global_step, **found})
        if state.global_step:  # the trainer's history begins with its first step
            due = control.should_log
            self.trainer.log(found)
            control.should_log = due  # the trainer's own log of this step is still to come
        if self.limit is None or self.at_limit == "log":
            return
        model: Any = self.trainer.model
        if least >= self.limit:
            if self.at_limit == "roll back":
                self._weights = {
                    name: value.detach().cpu().clone() for name, value in model.state_dict().items()
                }
            return
        control.should_training_stop = True
        if self._weights:
            model.load_state_dict(self._weights)

    def _scores(self) -> dict[str, float]:
        model: Any = self.trainer.model
        encoder = self._encoder = self._encoder or _encoder(self.trainer)
        modes = [(module, module.training) for module in model.modules()]
        random = torch.random.get_rng_state()  # measuring must not change what training draws
        try:
            model.eval()
            states = read_in_memory(
                encoder, self.corpus, self.layers or tuple(range(encoder.n_layers))
            )
        finally:
            for module, training in modes:
                module.training = training
            torch.random.set_rng_state(random)
        found: dict[str, float] = {}
        for fitted in fit(
            states, self.questions, probe=self.probe, seeds=self.seeds, settings=self.fit_settings
        ):
            name = fitted.question.task.name
            scores = mean_scores(fitted.question, "test", fitted.predictions)
            best = mean_scores(fitted.question, "dev", fitted.dev_predictions).argmax()
            floor = mean_scores(
                fitted.question, "test", majority(fitted.question, self.corpus)[None, None]
            )
            found[f"probe_{name}_best"] = float(scores[best])
            places: dict[Which, int] = {"best": int(best), "last": int(np.argmax(fitted.layers))}
            for which, layer in places.items():
                first = self._first.setdefault((name, which), float(scores[layer]))
                retained = float(retention(np.array([first]), scores[[layer]], floor)[0])
                found[f"probe_{name}{'' if which == 'best' else '_last'}_retention"] = retained
            for layer, score in zip(fitted.layers, scores.tolist(), strict=True):
                found[f"probe_{name}_layer_{layer}"] = score
        return found


def _values(found: Mapping[str, float]) -> dict[str, float]:
    """What was measured, without its step."""
    return {name: value for name, value in found.items() if name != "step"}


def _require_no_prompt(model: Any) -> None:
    """Raise InputError for a model with a prompt or a prefix, which peft puts before it: without
    them its states would be others."""
    config = getattr(model, "active_peft_config", None)
    if config is not None and config.is_prompt_learning:
        raise InputError(
            "the trainer's model has a prompt or a prefix, which is read from a folder only: "
            "measure its checkpoints with trace"
        )


def _encoder(trainer: Trainer) -> Encoder:
    """The trainer's model without its head, on its device."""
    model: Any = trainer.model
    base = getattr(model, "base_model", model)
    device = next(model.parameters()).device
    return Encoder(
        "the model in training", base.config, trainer.processing_class, device, lambda: base
    )
