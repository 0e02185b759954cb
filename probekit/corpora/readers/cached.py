"""What `datasets` keeps of a data set of the hub, checked before it is believed.

It reads the tables it has prepared without a check. So their checksums are noted in the cache when
they are read for the first time, and compared from then on.
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
    """Compare prepared tables with what they were when they were first read.

    Raises:
        CorpusError: for a file that has changed.
        OSError: for one that cannot be read.
    """
    for path in files:
        digest = digest_file(path)
        note = (
            cache.root()
            / "datasets"
            / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()}.sha256"
        )
        try:
            noted = note.read_text(encoding="ascii")
        except FileNotFoundError:
            note.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(note) as file:
                file.write(digest.encode())
            continue
        if noted != digest:
            raise CorpusError(
                f"{path}, which 'datasets' keeps of '{dataset}', is not what it was when it was first read: delete its "
                f"folder and {note} to load the data set again"
            )
