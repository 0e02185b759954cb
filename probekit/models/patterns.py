"""Patterns: the regular expressions of an adapter's configuration, tried with a time limit.

They say which modules of the base the adapter changes, and come from outside: some need longer than
the age of the world for a name of thirty letters, and nothing interrupts Python's matching.
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
        continue  # peft says what is wrong with it
    for name in names:
        compiled.fullmatch(name)
        compiled.match(name)
"""


def require_quick(config: Any, names: Sequence[str], what: str) -> None:
    """Raise ModelError where a pattern of a PEFT configuration cannot be matched with a model's
    modules in time.

    Args:
        config: peft's own.
        names: of the modules.
        what: what the message calls the adapter.
    """
    found = sorted(
        {pattern for pattern in _patterns(config) if len(re.findall(r"[*+{]", pattern)) > 1}
    )
    if not found:
        return  # without two repetitions there is nothing to try in many ways
    forms = [form.format(pattern) for pattern in found for form in _FORMS]
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
            f"{what} has a pattern of modules that cannot be matched within {SECONDS} s ({found[0][:60]!r}): name the "
            "modules in target_modules of its adapter_config.json instead"
        ) from None


def _patterns(config: Any) -> Iterator[str]:
    for name, value in vars(config).items():
        if name in _FIELDS and isinstance(value, str):
            yield value
        elif name.endswith("_pattern"):
            yield from (str(one) for one in ([value] if isinstance(value, str) else value or ()))
