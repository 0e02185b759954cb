"""The gallery: every picture has the command that draws it, and every command its picture."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "gallery.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^!\[(.+)\]\(pictures/(.+)\)$", PAGE, flags=re.MULTILINE)
DRAWN = re.findall(
    r"^probekit [a-z-]+ probekit-runs/.* --out (\S+\.(?:svg|png))$", PAGE, re.MULTILINE
)
MEASURED = re.findall(r"--out (probekit-runs/\S+)$", PAGE, flags=re.MULTILINE)
SMALL = 200_000  # bytes


def test_every_picture_has_its_command() -> None:
    assert [name for _, name in SHOWN] == DRAWN
    assert sorted(DRAWN) == sorted(path.name for path in (DOCS / "pictures").iterdir())
    drawn_from = set(re.findall(r"^probekit [a-z-]+ (probekit-runs/\S+)", PAGE, re.MULTILINE))
    assert drawn_from == set(MEASURED)


@pytest.mark.parametrize(("alternative", "name"), SHOWN, ids=[name for _, name in SHOWN])
def test_a_picture_is_small_and_can_be_read_aloud(alternative: str, name: str) -> None:
    path = DOCS / "pictures" / name
    assert path.stat().st_size < SMALL
    assert len(alternative.split()) > 4
    if path.suffix == ".png":
        return
    texts = [text for text in ElementTree.parse(path).iter() if text.tag.endswith("text")]
    assert len(texts) > 5, "text is text"
