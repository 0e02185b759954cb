"""Trackers: what a Trainer reports to, by the callbacks that transformers has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from transformers import Trainer, TrainerCallback, TrainerControl
from transformers.integrations import INTEGRATION_TO_CALLBACK

TRACKERS = tuple(INTEGRATION_TO_CALLBACK.values())


def before_trackers(trainer: Trainer, callback: TrainerCallback) -> None:
    """Put a callback of a trainer before its others, so that what it logs when training ends comes
    before trackers close."""
    handler = trainer.callback_handler
    if callback in handler.callbacks:
        others = [one for one in handler.callbacks if one is not callback]
        handler.callbacks = [callback, *others]  # a new list: the old one may be in use


def log_to_trackers(trainer: Trainer, control: TrainerControl, values: Mapping[str, float]) -> None:
    """Log values to trackers alone, not in the trainer's history."""
    for tracker in _of(trainer):
        tracker.on_log(trainer.args, trainer.state, control, model=trainer.model, logs=dict(values))


def show_to_trackers(trainer: Trainer, tag: str, picture: np.ndarray) -> None:
    """Log a picture to the trackers that take one.

    Args:
        trainer: whose trackers they are.
        tag: its name.
        picture: `(height, width, 3)` bytes.
    """
    for tracker in _of(trainer):
        for name, show in SHOWS.items():
            if isinstance(tracker, INTEGRATION_TO_CALLBACK[name]):
                show(tracker, tag, picture, trainer.state.global_step)


def _of(trainer: Trainer) -> list[Any]:
    """The trackers of a trainer, on its first process only."""
    if not trainer.is_world_process_zero():
        return []
    return [one for one in trainer.callback_handler.callbacks if isinstance(one, TRACKERS)]


def _in_tensorboard(tracker: Any, tag: str, picture: np.ndarray, step: int) -> None:
    if tracker.tb_writer is not None:
        tracker.tb_writer.add_image(tag, picture, step, dataformats="HWC")


def _in_wandb(tracker: Any, tag: str, picture: np.ndarray, step: int) -> None:
    tracker._wandb.log({tag: tracker._wandb.Image(picture), "train/global_step": step})


def _in_trackio(tracker: Any, tag: str, picture: np.ndarray, step: int) -> None:
    tracker._trackio.log({tag: tracker._trackio.Image(picture), "train/global_step": step})


SHOWS: dict[str, Callable[[Any, str, np.ndarray, int], None]] = {
    "tensorboard": _in_tensorboard,
    "wandb": _in_wandb,
    "trackio": _in_trackio,
}
"""How a picture is logged, by the names of `report_to`."""
