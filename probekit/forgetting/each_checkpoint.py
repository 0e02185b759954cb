"""Each checkpoint: what is measured of one after another, though some may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from probekit.errors import ModelError
from probekit.forgetting.trace_settings import TraceSettings
from probekit.models.model import Model
from probekit.progress import within

T = TypeVar("T")


def each_checkpoint(
    measure: Callable[[str, Model, TraceSettings], T],
    opened: Mapping[str, Model],
    settings: TraceSettings,
    warnings: list[str],
    inferred: bool,
) -> dict[str, T]:
    """What `measure` finds of each model. One that fails is left out, with a warning.

    The first must not fail, unless it is `inferred`: a base that the user did not give.

    Raises ModelError where the first fails, or all others.
    """
    found: dict[str, T] = {}
    failed: ModelError | None = None
    for number, (name, model) in enumerate(opened.items(), start=1):
        progress = within(settings.progress, f"{number} of {len(opened)}")
        try:
            found[name] = measure(name, model, replace(settings, progress=progress))
        except ModelError as error:
            if not found and (number > 1 or not inferred):
                raise
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if len(found) == 1 and failed is not None:
        raise failed
    return found
