"""The place of states: `PROBEKIT_STATES`, a folder or a URL, or else a folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path

from probekit import cache
from probekit.places.local import LocalPlace
from probekit.places.place import Place
from probekit.places.remote import RemotePlace, require_plain

ENV = "PROBEKIT_STATES"


def place_of_states() -> Place:
    """Where the hidden states of every corpus and model lie. It need not exist yet.

    Raises InputError where `PROBEKIT_STATES` is a URL that cannot be used.
    """
    chosen = os.environ.get(ENV, "")
    protocol, separator, rest = chosen.partition("://")
    if not chosen:
        return LocalPlace(cache.root() / "states")
    if not separator:
        folder = os.path.expanduser(chosen)  # noqa: PTH111 - see cache.root
        return LocalPlace(Path(folder), ENV)
    if protocol == "file":
        return LocalPlace(Path(rest), ENV)
    require_plain(chosen)
    return RemotePlace(chosen.rstrip("/"))
