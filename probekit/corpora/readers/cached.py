"""The tables that `datasets` has cached for a data set of the hub, checked before they are used.

`datasets` does not check them. So their checksums are stored when they are first read, and compared
from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from probekit import cache
from probekit.corpora.checksum import digest_file
from probekit.errors import CorpusError
from probekit.whole import written_whole


def check_cached(dataset: str, files: Sequence[Path]) -> None:
    """Compare cached tables with their checksums from when they were first read.

    Raises:
        CorpusError: for a file that has changed.
        OSError: for one that cannot be read.
    """
    for path in files:
        digest = digest_file(path)
        name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
        note = cache.root() / "datasets" / f"{name}.sha256"
        try:
            noted = note.read_text(encoding="ascii")
        except FileNotFoundError:
            note.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(note) as file:
                file.write(digest.encode())
            continue
        if noted != digest:
            raise CorpusError(
                f"{path}, which 'datasets' caches for '{dataset}', has changed since it was first "
                f"read: delete its folder and {note} to load the data set again"
            )
