"""Trainer: transformers' own, with what a recipe changes, and checkpoints that are all good."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import Trainer, TrainingArguments

from probekit.errors import StoreError, first_line
from probekit.results.folder import cannot_write
from probekit.tuning.batches import LikeLengths
from probekit.tuning.diverged import Diverged
from probekit.tuning.learner import Case, Learner
from probekit.tuning.metrics import METRICS
from probekit.tuning.predicted import Answers
from probekit.tuning.recipe import Recipe
from probekit.tuning.steps import last_checkpoint

NO_ROOM = 1_000_000  # bytes; less is left of a disk on which a write failed, however large


class TuningTrainer(Trainer):
    """A Trainer that follows a recipe.

    Attributes:
        recipe, case, learner: what it trains, and how.
    """

    def __init__(self, recipe: Recipe, case: Case, learner: Learner, folder: Path) -> None:
        """Make it; `folder` is where checkpoints are saved."""
        self.recipe, self.case, self.learner = recipe, case, learner
        self.optimizer: Any = None
        self.lr_scheduler: Any = None
        self._read = case.data.splits["dev"], learner.data["dev"]
        super().__init__(
            model=learner.model,
            args=_arguments(case, folder),
            train_dataset=learner.data["train"],
            eval_dataset=learner.data["dev"],
            data_collator=learner.collator,
            processing_class=learner.tokenizer,
            compute_metrics=self._scores,
            preprocess_logits_for_metrics=recipe.said,
            callbacks=list(recipe.callbacks(learner, int(case.settings.epochs or 1))),
        )
        # Once the model is on its device, where what the penalty keeps of it will be too.
        self._penalty = recipe.penalty(case, learner)

    def answers(self, split: Any) -> Answers:
        """What the model says of every label of a split."""
        examples, encoded = self.case.data.splits[split], self.learner.data[split]
        found = self.predict(encoded, metric_key_prefix="said")
        return self.recipe.answers(examples, encoded, np.asarray(found.predictions))

    def dev_score(self) -> float:
        """The first metric on dev, of the model as it is."""
        said = self.answers("dev")
        return METRICS[self.case.data.metrics[0]].score(said.gold, said.said)

    def _scores(self, found: Any) -> dict[str, float]:
        """The metrics of dev, for the Trainer; of another split, nothing."""
        examples, encoded = self._read
        if len(found.predictions) != len(encoded) or not self.is_in_train:
            return {}
        said = self.recipe.answers(examples, encoded, np.asarray(found.predictions))
        return {name: METRICS[name].score(said.gold, said.said) for name in self.case.data.metrics}

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        settings = self.case.settings
        return LikeLengths(self.learner.data["train"].lengths, settings.batch, settings.seed)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimiser, with the recipe's rates."""
        if self.optimizer is None:
            groups = self.recipe.groups(self.learner, self.args.learning_rate)
            if groups is not None:
                self.optimizer = torch.optim.AdamW(groups, lr=self.args.learning_rate)
        return super().create_optimizer(model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule, which may be the recipe's."""
        scale = self.recipe.schedule(num_training_steps)
        if self.lr_scheduler is None and scale is not None:
            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, scale)
            self._created_lr_scheduler = True
        return super().create_scheduler(num_training_steps, optimizer)

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **given: Any) -> Any:
        """The loss, and the recipe's penalty while the model is trained."""
        found = super().compute_loss(model, inputs, *args, **given)
        if self._penalty is None or not model.training:
            return found
        added = self._penalty(self.state.global_step)
        if isinstance(found, tuple):
            return (found[0] + added, *found[1:])
        return found + added

    def training_step(self, *args: Any, **given: Any) -> torch.Tensor:
        """One step. Raises Diverged where its loss is not a number."""
        loss = super().training_step(*args, **given)
        if not torch.isfinite(loss):
            raise self._diverged(f"the loss is {float(loss):g}")
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save a checkpoint, or nothing. Raises Diverged for weights that are not numbers."""
        for name, parameter in self.model.named_parameters():
            if not torch.isfinite(parameter).all():
                raise self._diverged(f"the weights of {name} are not numbers")
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:  # torch.save raises RuntimeError
            cause = _cause(error, Path(self.args.output_dir))
            shutil.rmtree(folder, ignore_errors=True)
            raise StoreError(f"{cannot_write(folder, cause)} ({self._kept()})") from error

    def _diverged(self, what: str) -> Diverged:
        step = self.state.global_step + 1
        return Diverged(
            f"training diverged: {what} at step {step} of {self.state.max_steps}; give a lower "
            f"rate than rate={self.args.learning_rate:g} ({self._kept()})",
            step,
            sum(one.numel() for one in self.model.parameters() if one.requires_grad),
        )

    def _kept(self) -> str:
        last = last_checkpoint(Path(self.args.output_dir))
        return f"the last good checkpoint is {last}" if last else "no checkpoint was saved before"


def _cause(error: Exception, folder: Path) -> OSError:
    """Why a checkpoint could not be saved. torch and safetensors do not say that a disk is full."""
    if isinstance(error, OSError):
        return error
    if shutil.disk_usage(folder).free < NO_ROOM:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(first_line("it failed", error))


def _arguments(case: Case, folder: Path) -> TrainingArguments:
    settings, metric = case.settings, case.data.metrics[0]
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=int(settings.epochs or 1),
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=2 * settings.batch,
        learning_rate=float(settings.rate or 0),
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        lr_scheduler_type="linear",
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_steps=1,  # so that a run that is resumed logs the same losses
        logging_nan_inf_filter=False,
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=METRICS[metric].is_gain,
        seed=settings.seed,
        use_cpu=settings.device == "cpu",
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to=[],
        disable_tqdm=True,
    )
