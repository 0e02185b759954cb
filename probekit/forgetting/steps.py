"""Steps: the checkpoints of a training run, in the order of training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from probekit.errors import InputError, suggestion


def checkpoints_of(run: str | Path) -> list[str]:
    """The `checkpoint-N` folders of a Trainer's output folder, by N.

    Raises InputError where there is none.
    """
    if not Path(run).is_dir():
        raise InputError(f"there is no folder {run}{suggestion(Path(run))}")
    found = [
        path
        for path in Path(run).glob("checkpoint-*")
        if re.fullmatch(r"checkpoint-\d+", path.name)
    ]
    if not found:
        raise InputError(
            f"no checkpoint-N in {run}: give a Trainer's output folder, or name the models"
        )
    return [str(path) for path in sorted(found, key=lambda path: _step(path.name, 0))]


def steps_of(models: Sequence[str]) -> list[int]:
    """Each model's step: the number in its name, or its place where names have none in order."""
    steps = [_step(model, place) for place, model in enumerate(models)]
    return steps if all(a < b for a, b in pairwise(steps)) else list(range(len(models)))


def _step(name: str, otherwise: int) -> int:
    digits = re.search(r"(?:checkpoint-|step[-_]?)(\d+)/?$", name)
    return int(digits[1]) if digits else otherwise
