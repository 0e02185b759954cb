"""One word for one thing: the documentation and the help pages avoid words that have a better one.

Only words without an innocent use are listed; the rest of the glossary is for people to apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.main

from probekit import cli
from tests.pages import FENCE, PAGES, ROOT

BETTER = {
    r"pieces?": "subword",
    r"notices": "warnings",
    r"(a|the|another) notice": "a warning",
    r"(hold|holds|held) (\w+ )?against": "compare with",
    r"(rows?|lines?|panels?|bars?|objects?|probes) a (cell|layer|line|model|rate|row|task|word)": (
        "one row per task"
    ),
    r"(is|are) said": "is reported",
    r"answered right": "accuracy",
    r"shows from": "minimum detectable effect",
    r"unasked|asked of": "the question",
    r"behind (a|an|the|its|their) (block|linear map|norm|space|start)": "after",
    r"(make|makes|made) good": "recover",
    r"are no (constituents|instances)|is no (annotation|instance|mention|number)": "is not a",
}
"""What not to write, as a pattern of whole words, and what to write instead."""

CODE = re.compile(r"`[^`]*`")
PROSE = [*PAGES, ROOT / "CHANGELOG.md"]


def faults(text: str) -> list[str]:
    """The words to avoid in a text, each with the better one."""
    flat = " ".join(text.split())
    found = []
    for pattern, better in BETTER.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", flat, flags=re.IGNORECASE):
            around = flat[max(0, match.start() - 30) : match.end() + 30]
            found.append(f"…{around}…: write '{better}'")
    return found


def commands() -> Iterator[typer.Context]:
    """Every command of the command line, as `--help` sees it."""
    program = typer.main.get_command(cli.app)
    waiting = [typer.Context(program, info_name="probekit")]
    while waiting:
        context = waiting.pop()
        yield context
        for name, command in getattr(context.command, "commands", {}).items():
            waiting.append(typer.Context(command, info_name=name, parent=context))


HELP = {context.command_path: context for context in commands()}


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_a_page_uses_the_words_of_the_glossary(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))  # code and output are not prose
    assert not faults(CODE.sub("", prose))


@pytest.mark.parametrize("command", HELP)
def test_a_help_page_uses_the_words_of_the_glossary(command: str) -> None:
    context = HELP[command]
    help_page = context.command.get_help(context)
    assert "Usage:" in help_page
    assert not faults(help_page)


@pytest.mark.parametrize(
    "text",
    [
        "The pieces of a\nword",
        "Two notices",
        "It is held against that",
        "a row a task",
        "made good",
    ],
)
def test_words_to_avoid_are_found(text: str) -> None:
    assert len(faults(text)) == 1


def test_longer_words_are_not_taken_for_them() -> None:
    assert not faults("SentencePiece, no_piece, it noticed, a row per task")
