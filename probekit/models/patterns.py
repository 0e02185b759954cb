"""Patterns: the regular expressions in an adapter's configuration, tried with a time limit.

They select the modules of the base that the adapter changes, and come from outside. Some would
match a name of thirty letters for longer than the age of the world, and nothing interrupts Python's
matching.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from probekit.errors import ModelError

SECONDS = 10  # for all patterns and names; a model of a hundred layers takes some milliseconds
_FIELDS = ("target_modules", "exclude_modules", "feedforward_modules")
_FORMS = ("{}", r"(.*\.)?({})$", r"(?:^|.*?\.){}\.(\d+)\.")  # as peft has them
_TRY = """
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    try:
        compiled = re.compile(pattern)
    except Exception:
        continue  # peft reports it
    for name in names:
        compiled.fullmatch(name)
        compiled.match(name)
"""


def require_quick(config: Any, names: Sequence[str], what: str) -> None:
    """Raise ModelError where a pattern of a PEFT configuration takes too long to match.

    Args:
        config: peft's configuration.
        names: names of the model's modules.
        what: the adapter in the message.
    """
    found = sorted(
        {pattern for pattern in _patterns(config) if len(re.findall(r"[*+{]", pattern)) > 1}
    )
    if not found:
        return  # a pattern with fewer than two repetitions is always quick
    forms: list[str] = []
    for pattern in found:
        forms += [form.format(pattern) for form in _FORMS]
    try:
        subprocess.run(
            [sys.executable, "-I", "-c", _TRY],
            input=json.dumps([forms, list(names)]).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{what} has a pattern of modules that cannot be matched within {SECONDS} s "
            f"({found[0][:60]!r}): name the modules in target_modules of its adapter_config.json "
            "instead"
        ) from None


def _patterns(config: Any) -> Iterator[str]:
    for name, value in vars(config).items():
        if name in _FIELDS and isinstance(value, str):
            yield value
        elif name.endswith("_pattern"):
            yield from (str(one) for one in ([value] if isinstance(value, str) else value or ()))
