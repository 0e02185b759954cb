"""Plain: text files as texts to annotate, by line or by paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from probekit.corpora.readers.reading import blocks, read_lines

Unit = Literal["paragraph", "line"]


def texts_of(path: Path, unit: Unit) -> Iterator[tuple[int, str]]:
    """The texts of a UTF-8 file, each with the number of its first line, with single spaces.

    A paragraph is the lines between blank lines. Sentences do not extend from one text to the next.

    Raises:
        CorpusError: if the file cannot be read, or is not UTF-8.
    """
    for first, block in blocks(read_lines(path)):
        if unit == "paragraph":
            yield first, " ".join(" ".join(block).split())
            continue
        for number, line in enumerate(block, first):
            yield number, " ".join(line.split())
