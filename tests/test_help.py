"""Every help page: one sentence, examples that the command line takes, options in groups."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import typer

from probekit.cli import help
from tests.test_examples import check_names, commands_in, take
from tests.test_glossary import HELP

EVERY = pytest.mark.parametrize("context", HELP.values(), ids=list(HELP))


def examples(context: typer.Context) -> str:
    """The commands of a help page, a backslash before the end of an unfinished line."""
    _, _, rest = str(context.command.help).partition("\b\n")
    return rest


@EVERY
def test_a_page_begins_with_one_sentence(context: typer.Context) -> None:
    sentence = help.sentence(context.command)
    assert re.fullmatch(r"[A-Z][^.?!]*(?:\.[a-z][^.?!]*)*\.", sentence), sentence


@EVERY
def test_the_examples_of_a_page_are_taken(context: typer.Context) -> None:
    found = commands_in(examples(context))
    assert found
    for program, *arguments in found:
        assert program == "probekit"
        take(arguments)
        check_names(arguments)
    own = context.command_path.split()
    if len(own) > 1:
        assert all(words[: len(own)] == own for words in found)


@EVERY
def test_every_option_has_a_group_a_type_and_a_meaning(context: typer.Context) -> None:
    for group, parameters in help.groups(context.command, context).items():
        for parameter in parameters:
            written = help.name(parameter, context)
            helps = "--help" in parameter.opts or "--version" in parameter.opts
            assert helps == (group == help.HELP), f"{written} has no group"
            assert parameter.help.endswith("."), written
            assert re.fullmatch(
                r"(-h, )?--[a-z-]+( [A-Z],?.*| [\w-]+(\|[\w-]+)+)?|[A-Z]+…?", written
            )


@EVERY
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_is_wider_than_80_columns(
    context: typer.Context, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = context.command.get_help(context).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert len([line for line in lines if line.startswith("    probekit ")]) == len(
        commands_in(examples(context))
    ), "an example was wrapped"


@EVERY
def test_a_page_has_every_option_once_and_its_default(context: typer.Context) -> None:
    page = context.command.get_help(context)
    flat = " ".join(page.split())
    parameters: list[Any] = context.command.get_params(context)
    for parameter in parameters:
        written = help.name(parameter, context)
        assert len(re.findall(rf"^  {re.escape(written)}(?:  |$)", page, re.MULTILINE)) == 1
        default = help.default(parameter)
        assert not default or f"{default}]" in flat


def test_a_list_of_commands_has_their_sentences_in_full() -> None:
    context = HELP["probekit"]
    flat = " ".join(context.command.get_help(context).split())
    commands: dict[str, Any] = context.command.commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert f"{name} {help.sentence(command)}" in flat


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['probekit', 'probe', '--help']\n"
        "from probekit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'matplotlib', 'rich'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "What to measure:" in done.stdout
