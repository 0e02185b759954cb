"""Where probekit keeps what it downloads and computes."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """`PROBEKIT_CACHE`, or the user's cache folder. It need not exist yet."""
    chosen = os.environ.get("PROBEKIT_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("probekit", appauthor=False))
