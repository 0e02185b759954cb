"""Store names: the names under which a store's model and corpus were requested.

They are for people, and not part of the store's key.
"""

from __future__ import annotations

import json
from pathlib import Path

from probekit.whole import written_whole

NAMES = "names.json"
_MAX_BYTES = 1 << 16


def add_names(folder: Path, model: str, corpus: str) -> None:
    """Add a model's and a corpus's name to those in the folder of a store.

    A folder that cannot be written is left as it is: the states do not depend on the names.
    """
    models, corpora = read_names(folder)
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
        return  # the cache is read-only


def read_names(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the model and of the corpus; empty lists where the file is missing or
    damaged."""
    try:
        with (folder / NAMES).open("rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
        return [str(name) for name in found["models"]], [str(name) for name in found["corpora"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [], []
