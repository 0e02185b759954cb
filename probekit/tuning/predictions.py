"""Predictions: what a fine-tuned model says of dev and test, kept in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from probekit.errors import InputError, StoreError
from probekit.results.folder import cannot_write
from probekit.tuning.predicted import Answers
from probekit.whole import reason, written_whole

PREDICTIONS = "predictions.safetensors"


def keep_predictions(folder: Path, said: Mapping[str, Answers]) -> None:
    """Write the gold and predicted values of each split.

    Args:
        folder: of the run.
        said: by split.

    Raises StoreError where the file cannot be written.
    """
    from safetensors.numpy import save

    arrays = {}
    for split, own in said.items():
        for name, values in own._asdict().items():
            arrays[f"{split}.{name}"] = values
    try:
        with written_whole(folder / PREDICTIONS) as file:
            file.write(save(arrays))
    except OSError as error:
        raise StoreError(cannot_write(folder, error)) from error


def kept_predictions(folder: Path, split: str) -> Answers:
    """What a model said of a split. Raises InputError where the file cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / PREDICTIONS
    try:
        arrays = load(path.read_bytes())
        return Answers(*(arrays[f"{split}.{name}"] for name in Answers._fields))
    except (OSError, SafetensorError, KeyError) as error:
        why = reason(error) if isinstance(error, OSError) else f"it has no predictions of {split}"
        raise InputError(
            f"{path} cannot be read ({why}): delete {folder}, so that it is fine-tuned again"
        ) from error
