"""Messages of the library name its parameters; on the command line they name options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer

import probekit
from probekit.cli import app
from probekit.cli.parameters import FLAGS, OPTIONS, as_options

PACKAGE = Path(probekit.__file__).parent
LIBRARY = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(PACKAGE / "cli")]
GIVEN = re.compile(r"\b([a-z_]+)=(?='|True\b|False\b)")
# Of transformers and peft; `context` is of States.of.
PYTHON_ONLY = {"context", "processing_class", "save_embedding_layers"}


def texts(path: Path) -> list[str]:
    """The texts in a file's code, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and id(node) not in statements
    ]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_of_the_library_names_an_option(path: Path) -> None:
    for text in texts(path):
        assert not re.search(r"(?:^|[\s(])--[a-z]", text), text
        for name in GIVEN.findall(text):
            assert name in {*FLAGS, *OPTIONS, *PYTHON_ONLY}, text


def test_every_option_that_a_parameter_becomes_is_there() -> None:
    commands = typer.main.get_command(app)
    there = {
        option
        for command in commands.commands.values()  # type: ignore[attr-defined]
        for parameter in command.params
        for option in parameter.opts
    }
    assert {*FLAGS.values(), *OPTIONS.values()} <= there


CASES = {
    "use store_dtype='float32'": "use --store-dtype float32",
    "with allow_pickle=True if you": "with --allow-pickle if you",
    "device='cpu', or device='auto'": "--device cpu, or --device auto",
    "(trust_remote_code=True lets it)": "(--trust-remote-code lets it)",
    "adapter=False reads its base": "--adapter off reads its base",
    "keep_states=False": "--keep-states no",
    "seeds=3": "--seeds 3",
    "a word=True and mydevice='x' stay": "a word=True and mydevice='x' stay",
}


@pytest.mark.parametrize("message", CASES)
def test_parameters_become_options(message: str) -> None:
    assert as_options(message) == CASES[message]
