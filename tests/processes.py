"""Code in its own process, forked from one that has imported everything, so that it starts fast."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TextIO

COMMAND = "from probekit.cli import main; main()"
IMPORTED = [
    "probekit.cli",
    "probekit.forgetting.compare",
    "probekit.forgetting.trajectory",
    "probekit.probes.probe",
    "probekit.reports.heatmap",
    "probekit.reports.lines",
    "probekit.cli.shown",
    "probekit.models.loading.trained",
    "pandas",
    "seaborn",
    "transformers.models.bert.modeling_bert",
]


class Running:
    """A process that was started.

    Attributes:
        stdout: its standard output.
        stderr: its standard error.
    """

    def __init__(self, process: Any, stdout: TextIO, stderr: TextIO) -> None:
        self._process, self.stdout, self.stderr = process, stdout, stderr

    @property
    def returncode(self) -> int | None:
        """As in `subprocess`: negative for a signal, None while it runs."""
        found: int | None = self._process.exitcode
        return found

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid, number)

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        """Wait for its end, and return the rest of its standard output and standard error.

        Raises TimeoutError, and kills it, after more than `timeout` seconds.
        """
        with ThreadPoolExecutor(2) as pool:
            parts = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            late = wait(parts, timeout).not_done
            if late:
                self._process.kill()
        self._process.join()
        out, err = (part.result() for part in parts)
        self._close()
        if late:
            raise TimeoutError(f"it was still running after {timeout} s: {err[-500:]}")
        return out, err

    def kill(self) -> None:
        """Kill it, and wait for its end; what it has not printed by then is lost."""
        self._process.kill()
        self._process.join()
        self._close()

    def _close(self) -> None:
        self.stdout.close()
        self.stderr.close()


def begin(code: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Running:
    """Run `code` with the arguments of a command, in this folder, with `environment` added."""
    context = _context()
    (stdout, out), (stderr, err) = (context.Pipe(duplex=False) for _ in range(2))
    variables = {**os.environ, **(environment or {})}
    what = (code, list(map(str, arguments)), variables, str(Path.cwd()), out, err)
    process = context.Process(target=_run, args=what, daemon=True)
    process.start()
    out.close()
    err.close()
    return Running(process, _text(stdout), _text(stderr))


@cache
def _context() -> Any:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(IMPORTED)
    return context


def _text(stream: Connection) -> TextIO:
    """The reading end of a pipe as a file."""
    file = os.fdopen(os.dup(stream.fileno()), encoding="utf-8")
    stream.close()
    return file


def _run(
    code: str,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    out: Connection,
    err: Connection,
) -> None:
    # A shell's background job, such as these tests may be, ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in ((1, out), (2, err)):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1)
    sys.argv = ["probekit", *arguments]
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
