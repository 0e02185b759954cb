"""Steps: the checkpoints of a run, and which of them are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

_NAME = re.compile(r"checkpoint-(\d+)")
STATE = "trainer_state.json"  # written last


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints in a folder, in order of steps."""
    found: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        match = _NAME.fullmatch(path.name)
        if match and _is_complete(path):
            found[int(match[1])] = path
    return [found[step] for step in sorted(found)]


def last_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint in a folder."""
    return next(reversed(checkpoints(folder)), None)


def _is_complete(checkpoint: Path) -> bool:
    """Whether a checkpoint was saved to its end: its state is what is written last."""
    try:
        return isinstance(json.loads((checkpoint / STATE).read_bytes()), dict)
    except (OSError, ValueError):
        return False
