"""Kept probes: equal states have equal probes, which are trained once.

They are kept in the cache, with their refits, from one comparison to the next: most checkpoints are
compared with one checkpoint before, and a cell of a grid that changes no weight of the model has
its probes too. A file is known by everything that its probes follow from.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache as remembered
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from probekit import cache, checked, whole
from probekit.probes.fitted_arrays import Arrays, arrays_of, fits_of
from probekit.probes.structural.tree_arrays import arrays_of_trees, trees_of
from probekit.probes.view import View
from probekit.states.states import States
from probekit.tasks.digest import digest

MOST_BYTES = 1 << 30  # of all files; those that were used last stay


class Form(NamedTuple):
    """How probes of one kind of question become arrays, and the other way round."""

    name: str
    arrays: Callable[[Sequence[Any]], tuple[Arrays, dict[str, Any]]]
    probes: Callable[[Mapping[str, np.ndarray], Mapping[str, Any], Sequence[Any]], list[Any]]


LABELS = Form("labels", arrays_of, fits_of)
TREES = Form("trees", arrays_of_trees, trees_of)


def folder() -> Path:
    """Where probes are kept."""
    return cache.root() / "probes"


def trained_once(
    form: Form,
    checkpoints: Sequence[tuple[States, Sequence[View]]],
    questions: Sequence[Any],
    how: str,
    train: Callable[[list[int]], list[list[Any]]],
) -> list[list[Any]]:
    """The probes of each checkpoint, by question: read from the cache, or trained and kept there.

    Args:
        form: of the questions.
        checkpoints: the states of each, with the layers that are probed.
        questions: what the probes answer.
        how: whatever else decides what probes are trained, as text.
        train: trains the probes of the checkpoints with these numbers together.
    """
    trained_by = [_code(), version("torch"), form.name, how]
    trained_by += [digest(question) for question in questions]
    keys = []
    for states, views in checkpoints:
        keys.append(_key([*trained_by, states.manifest, states.layers, views]))
    known: dict[str, list[Any]] = {}
    missing = []
    for number, key in enumerate(keys):
        if key in keys[:number]:
            continue
        found = _read(form, key, questions)
        if found is None:
            missing.append(number)
        else:
            known[key] = found
    if missing:
        for number, trained in zip(missing, train(missing), strict=True):
            known[keys[number]] = trained
            _write(form, keys[number], trained)
    return [known[key] for key in keys]


def remove() -> None:
    """Delete all of them. Files that cannot be deleted stay."""
    checked.remove(folder(), "*.probes")


def _key(made_from: Sequence[Any]) -> str:
    """32 digits for all that probes follow from."""
    text = json.dumps(made_from, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _path(key: str) -> Path:
    return folder() / f"{key}.probes"


def _read(form: Form, key: str, questions: Sequence[Any]) -> list[Any] | None:
    """The probes that are kept under a key; None where there are none, or the checksum is wrong."""
    from safetensors.numpy import load

    path = _path(key)
    content = checked.read(path, key)
    if content is None:
        return None
    with suppress(OSError):
        os.utime(path)  # it was used
    length = int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8 : 8 + length]))
    return form.probes(
        load(bytes(content)), json.loads(header["__metadata__"]["probes"]), questions
    )


def _write(form: Form, key: str, probes: Sequence[Any]) -> None:
    """Keep the probes of each question. Without permission, or room, it does nothing: they are
    trained again next time."""
    from safetensors.numpy import save

    arrays, described = form.arrays(probes)
    packed = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    content = save(packed, metadata={"probes": json.dumps(described)})
    path = _path(key)
    with suppress(OSError):
        checked.write(path, content, key)
        _make_room(path.parent)


def _make_room(place: Path) -> None:
    """Delete the files that were used longest ago, so that MOST_BYTES are left."""
    by_use = []
    for path in whole.inside(place, "*.probes"):
        with suppress(OSError):
            found = path.stat()
            by_use.append((found.st_mtime, found.st_size, path))
    total = 0
    for _, size, path in sorted(by_use, reverse=True):
        total += size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)


@remembered
def _code() -> str:
    """sha256 of the code that probes are trained by: other code may train other ones."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.parent.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
