"""Drawing: a figure of probekit as SVG inside a page.

Identifiers are made unique among the pictures of a page. Comments, metadata and rules of style that
would reach beyond the picture are left out. Text stays text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

from markupsafe import Markup

from probekit.errors import InputError
from probekit.reports.page.parts import Drawing, Prose
from probekit.reports.picture import drawn_as

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LEFT_OUT = {f"{{{SVG}}}metadata", f"{{{SVG}}}style"}
_OWN = re.compile(r"url\(#([^)]*)\)")


def drawing(title: str, note: str, draw: Callable[[], object]) -> Drawing | Prose:
    """A picture; or why there is none, where the results have nothing to draw.

    Args:
        title: what it shows, in a sentence for those who cannot see it.
        note: how to read it.
        draw: returns the figure; raises InputError where there is nothing to draw.
    """
    try:
        figure = draw()
    except InputError as error:
        return Prose(title, [f"No picture: {error}."])
    return Drawing(title, note, drawn_as(figure, "svg"))  # type: ignore[arg-type]


def inline(svg: bytes, prefix: str, title: str) -> Markup:
    """An SVG file's content as an element of a page.

    Args:
        svg: the file's content, with text that is escaped as XML asks.
        prefix: of identifiers, different for each picture of a page.
        title: for those who cannot see it.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in _LEFT_OUT:
                parent.remove(child)
    for element in root.iter():
        _make_unique(element, prefix)
    width = root.attrib.pop("width", "")
    root.attrib.pop("height", None)
    root.set("style", f"width:{width}")
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}title")
    named = ElementTree.Element(f"{{{SVG}}}title", {"id": f"{prefix}title"})
    named.text = title
    root.insert(0, named)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _make_unique(element: ElementTree.Element, prefix: str) -> None:
    """Put `prefix` before the identifiers that an element has or names."""
    for name, value in list(element.attrib.items()):
        if name == "id":
            element.set(name, f"{prefix}{value}")
        elif name == f"{{{XLINK}}}href" and value.startswith("#"):
            element.set(name, f"#{prefix}{value[1:]}")
        elif "url(#" in value:
            element.set(name, _OWN.sub(rf"url(#{prefix}\1)", value))
