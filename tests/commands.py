"""Running the command line in this process."""

from __future__ import annotations

import sys
from functools import cache

import pytest
import typer.main

from probekit import cli

make_program = cache(typer.main.get_command)
"""Makes the program once: that takes longer than to refuse a mistake."""


def run_main(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    monkeypatch.setattr(sys, "argv", ["probekit", *arguments])
    monkeypatch.setattr(typer.main, "get_command", make_program)
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err
