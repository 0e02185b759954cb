"""Store names: the names under which a store's model and corpus were requested.

They are for people, and not part of the store's key.
"""

from __future__ import annotations

import json

from probekit.errors import StoreError
from probekit.places.place import Place, read

NAMES = "names.json"
_MAX_BYTES = 1 << 16


def add_names(place: Place, model: str, corpus: str) -> None:
    """Add a model's and a corpus's name to those of a store.

    A place that cannot be written is left as it is: the states do not depend on the names.
    """
    models, corpora = read_names(place)
    if model in models and corpus in corpora:
        return
    names = {
        "models": list(dict.fromkeys([*models, model])),
        "corpora": list(dict.fromkeys([*corpora, corpus])),
    }
    try:
        place.put(NAMES, json.dumps(names, indent=1).encode(errors="backslashreplace"))
    except StoreError:
        return  # the place is read-only


def read_names(place: Place) -> tuple[list[str], list[str]]:
    """The names of the model and of the corpus; empty lists where the file is missing or
    damaged."""
    try:
        found = json.loads(read(place, NAMES, _MAX_BYTES))
        return [str(name) for name in found["models"]], [str(name) for name in found["corpora"]]
    except (FileNotFoundError, StoreError, ValueError, KeyError, TypeError, RecursionError):
        return [], []
