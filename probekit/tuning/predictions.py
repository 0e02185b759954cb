"""Predictions: what a fine-tuned model says of dev and test, kept in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from probekit.errors import InputError, StoreError
from probekit.results.folder import cannot_write
from probekit.tuning.predicted import Answers
from probekit.whole import reason, written_whole

PREDICTIONS = "predictions.safetensors"


def keep_predictions(folder: Path, said: Mapping[str, Answers]) -> str:
    """Write the gold and predicted values of each split.

    Args:
        folder: of the run.
        said: by split.

    Returns the checksum of the file. Raises StoreError where it cannot be written.
    """
    from safetensors.numpy import save

    arrays = {}
    for split, own in said.items():
        for name, values in own._asdict().items():
            arrays[f"{split}.{name}"] = values
    content = save(arrays)
    try:
        with written_whole(folder / PREDICTIONS) as file:
            file.write(content)
    except OSError as error:
        raise StoreError(cannot_write(folder, error)) from error
    return sha256(content).hexdigest()


def kept_predictions(folder: Path, split: str, checksum: str) -> Answers:
    """What a model said of a split.

    Args:
        folder: of the run.
        split: one that was kept.
        checksum: of the file, as `keep_predictions` returned it.

    Raises InputError where the file cannot be read, or was changed since.
    """
    from safetensors.numpy import load

    path = folder / PREDICTIONS
    again = f"delete {folder}, so that it is fine-tuned again"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({reason(error)}): {again}") from error
    if sha256(content).hexdigest() != checksum:
        raise InputError(f"{path} was changed after it was written: {again}")
    arrays = load(content)
    return Answers(*(arrays[f"{split}.{name}"] for name in Answers._fields))
