"""The peak of a process's memory."""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """The most resident memory this process has had, in bytes."""
    # Not getrusage: its peak outlives exec, and so may be that of the process that started this
    # one.
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024
