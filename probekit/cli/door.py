"""Door: standard output that can be narrow (ASCII), full, or closed, without harm."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from probekit.errors import ProbekitError
from probekit.whole import reason

CLOSED = 141  # exit status, as shells have it, where whoever reads standard output has gone

_PLAIN = {
    "–": "-",
    "—": "-",
    "…": "...",
    "→": "->",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "’": "'",
    "“": '"',
    "”": '"',
}


class OutputError(ProbekitError):
    """Standard output that cannot be written."""


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What a terminal shows in place of characters that it does not know."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    replaced = []
    for character in error.object[error.start : error.end]:
        escaped = character.encode("ascii", "backslashreplace").decode()
        replaced.append(_PLAIN.get(character, escaped))
    return "".join(replaced), error.end


codecs.register_error("probekit", _plain)


class _Output(io.TextIOWrapper):
    """Standard output; once writing to it has failed, it is an OutputError every time."""

    def __init__(self, stream: Any) -> None:
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors="probekit",
            line_buffering=stream.line_buffering,
            write_through=getattr(stream, "write_through", False),
        )
        self._failure: BaseException | None = None

    def write(self, text: str) -> int:
        with self._noticed():
            return super().write(text)

    def flush(self) -> None:
        with self._noticed():
            super().flush()

    def close(self) -> None:
        """Leave the stream below open: it is the system's."""

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        if self._failure is not None:  # an earlier caller may have swallowed it
            raise self._failure
        try:
            yield
        except OSError as error:
            with open(os.devnull, "wb") as nothing:  # noqa: PTH123
                os.dup2(nothing.fileno(), self.fileno())  # where the rest of the buffer goes
            full = OutputError(f"cannot write to standard output: {reason(error)}")
            self._failure = SystemExit(CLOSED) if error.errno == errno.EPIPE else full
            raise self._failure from error


@contextmanager
def standard_output() -> Iterator[None]:
    """Standard output as above within the block."""
    before = sys.stdout
    if before is None:  # closed when the command began
        with open(os.devnull, "w", encoding="utf-8") as nothing:  # noqa: PTH123
            sys.stdout = nothing
            yield
        sys.stdout = before
        return
    before.flush()
    output = _Output(before) if hasattr(before, "buffer") else before
    sys.stdout = output
    try:
        yield
    finally:
        sys.stdout = before
