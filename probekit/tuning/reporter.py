"""Reporter: what is shown of a training run, and when it is scored and saved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from transformers import TrainerCallback

from probekit.progress import Progress


class Reporter(TrainerCallback):
    """Reports progress, with the loss and the dev score of the epoch before; and asks for a score
    and a checkpoint every some steps."""

    def __init__(self, progress: Progress, metric: str, save_every: int | None) -> None:
        """`metric` is the name of the score on dev."""
        self.progress, self.metric, self.save_every = progress, metric, save_every
        self._before = ""

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note what the epoch before came to."""
        losses = [row["loss"] for row in state.log_history if "loss" in row]
        scores = [row for row in state.log_history if f"eval_{self.metric}" in row]
        self._before = ""
        if losses and scores:
            per_epoch = math.ceil(state.max_steps / args.num_train_epochs)
            loss = float(np.mean(losses[-per_epoch:]))
            score = scores[-1][f"eval_{self.metric}"]
            self._before = f" (the one before: loss {loss:.3f}, dev {self.metric} {score:.3f})"

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the step, and ask for a score and a checkpoint where they are due."""
        per_epoch = math.ceil(state.max_steps / args.num_train_epochs)
        epoch, step = divmod(state.global_step - 1, per_epoch)
        stage = f"epoch {epoch + 1} of {args.num_train_epochs:g}{self._before}"
        self.progress(stage, step + 1, per_epoch)
        is_last = step + 1 == per_epoch  # where the Trainer does it by itself
        if self.save_every and state.global_step % self.save_every == 0 and not is_last:
            control.should_evaluate = control.should_save = True
