"""Clock: how long a run of fine-tuning has taken, with what came before a kill."""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState


class Clock(TrainerCallback, ExportableState):
    """Counts the seconds of a run. Checkpoints keep them, and a run that is resumed counts on.

    Attributes:
        started: when this process began with the run, by `time.perf_counter`.
        before: seconds of the run up to the checkpoint that it is resumed from.
    """

    def __init__(self, started: float) -> None:
        self.started, self.before = started, 0.0

    @property
    def seconds(self) -> float:
        """Of the run until now."""
        return self.before + time.perf_counter() - self.started

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps (see `ExportableState`)."""
        return {"args": {"started": self.started}, "attributes": {"before": self.seconds}}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Read the seconds that the checkpoint has, if the run is resumed from one."""
        name = type(self).__name__
        if state.global_step and name in state.stateful_callbacks:
            self.before = state.stateful_callbacks[name]["attributes"]["before"]
        state.stateful_callbacks[name] = self.state()
