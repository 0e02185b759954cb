"""The documentation for tests: its pages, and the code blocks in them.

A comment in a page's source, on the lines before a block, tells tests about it:

    <!-- given: model, corpus -->        names that the block uses and its page describes in words
    <!-- not run: REASON -->             a block that no test can run
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```$", flags=re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- (given|not run): ([^>]*?) -->\s*$")
FILE = re.compile(r"`([\w./-]+\.[a-z]+)`[^`]*$")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        place: its page, as a path in the repository, and the line of its fence.
        page: that path alone.
        language: from the fence; empty without one.
        code: its text, without the indentation of the fence.
        given: names that the block uses and does not define.
        not_run: why no test runs it; empty if one does.
        file: the last file name in the paragraph before it; empty without one.
    """

    place: str
    page: str
    language: str
    code: str
    given: tuple[str, ...] = ()
    not_run: str = ""
    file: str = ""


def blocks(language: str) -> list[Block]:
    """Every block of a language, page after page."""
    found = []
    for path in PAGES:
        for block in blocks_of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")):
            if block.language == language:
                found.append(block)
    return found


def blocks_of(page: str, text: str) -> list[Block]:
    """The blocks of a page, in order."""
    found = []
    for fence in FENCE.finditer(text):
        before = text[: fence.start()]
        mark = MARK.search(before)
        notes = {mark[1]: mark[2]} if mark else {}
        given = tuple(name.strip() for name in notes.get("given", "").split(",") if name.strip())
        file = FILE.search(before.rstrip().rpartition("\n\n")[2])
        line = before.count("\n") + 1
        found.append(
            Block(
                place=f"{page}:{line}",
                page=page,
                language=fence[2],
                code=textwrap.dedent(fence[3]),
                given=given,
                not_run=notes.get("not run", ""),
                file=file[1] if file else "",
            )
        )
    return found
