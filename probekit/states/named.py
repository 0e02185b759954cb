"""Named: by which names a store's model and corpus were asked for. They are for people, and no part
of its key."""

from __future__ import annotations

import json
from pathlib import Path

from probekit.whole import written_whole

NAMES = "names.json"
_MOST = 1 << 16  # bytes that are read of it


def keep_names(folder: Path, model: str, corpus: str) -> None:
    """Note the names in a store's folder, unless that cannot be written: the states do not depend
    on them."""
    models, corpora = names_in(folder)
    if model in models and corpus in corpora:
        return
    names = {
        "models": list(dict.fromkeys([*models, model])),
        "corpora": list(dict.fromkeys([*corpora, corpus])),
    }
    try:
        with written_whole(folder / NAMES) as file:
            file.write(json.dumps(names, indent=1).encode(errors="backslashreplace"))
    except OSError:
        return  # a cache that can be read only


def names_in(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the model and of the corpus that were asked for; none where they were not kept,
    or are damaged."""
    try:
        with (folder / NAMES).open("rb") as file:
            found = json.loads(file.read(_MOST))
        return [str(name) for name in found["models"]], [str(name) for name in found["corpora"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [], []
