"""How long the command line takes to begin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.timing import figure, in_turns

COMMAND = str(Path(sys.executable).with_name("probekit"))


def run(*arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], check=True, capture_output=True)


def main() -> None:
    run("--help")
    helped, listed = in_turns(9, lambda: run("--help"), lambda: run("tasks"))
    figure("probekit --help", helped, "< 0.4", "s")
    figure("probekit tasks", listed, "< 0.6", "s")
