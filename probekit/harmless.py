"""Harmless: text from outside, made safe to show.

Names, titles, labels and other text of files may hold escape sequences, which retitle a terminal or
hide text; marks that change the direction of writing; and halves of surrogate pairs, which cannot
be written at all. They are shown as their codes.
"""

from __future__ import annotations

import re

_HARM = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def harmless(text: object) -> str:
    r"""The text with codes such as `\x1b` for such characters; line breaks and tabs stay.

    >>> print(harmless("a\x1b[31mb"))
    a\x1b[31mb
    """
    return _HARM.sub(_code, str(text))


def as_xml(text: str) -> str:
    """The text, with U+FFFD for characters that XML does not allow."""
    return _NO_XML.sub("\ufffd", text)


def _code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
