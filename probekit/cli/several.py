"""Several: options that take several values, and what is said where they are given as those of another option are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

from probekit.errors import InputError
from probekit.foreign import shortened
from probekit.paths import path_of

COMMAS = ("task", "corpus", "layers", "probes")
"""Parameters whose option takes several values with commas; the others that take several are repeated."""


class Command(TyperCommand):
    """A command that says how its options take several values, where a value is left that belongs to none."""

    allow_extra_args = True  # they are refused below

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; raises InputError for values after the first of an option."""
        given = list(args)
        left: list[str] = super().parse_args(ctx, args)
        if left:
            self._refuse(ctx, given, left[0])
        return left

    def _refuse(self, ctx: Any, given: list[str], left: str) -> None:
        options = {
            name: parameter for parameter in self.params for name in [*parameter.opts, *parameter.secondary_opts]
        }
        option, values = "", []
        for argument in given:
            name, _, value = argument.partition("=")
            if name in options:
                option, values = name, [value] if value else []
                continue
            values.append(argument)
            if len(values) > 1 and argument == left:
                break
        found: Any = options.get(option)
        if found is None or found.is_flag or left not in values[1:]:
            ctx.fail(f"Got unexpected extra argument ({left})")
        every = [value for text in values for value in text.split(",") if value]
        how = "takes one value"
        if found.name in COMMAS:
            how = f"takes several with commas: {option} {','.join(every)}"
        elif found.multiple:
            how = f"is repeated for several: {' '.join(f'{option} {value}' for value in values)}"
        raise InputError(f"'{shortened(left)}' belongs to no option: {option} {shortened(how, 200)}")


def require_one_model_each(option: str, models: Sequence[str], *, repeated: bool = True) -> None:
    """Raise InputError for model names with a comma between them; a folder may have one in its name."""
    for given in models:
        names = [name for name in given.split(",") if name]
        inner = given.removeprefix("random:")
        if len(names) < 2 or path_of(inner).exists() or path_of(inner.rpartition(":")[0] or inner).exists():
            continue
        how = f"repeat it for several: {' '.join(f'{option} {name}' for name in names)}" if repeated else "not several"
        raise InputError(f"{option} takes one model, {shortened(how, 200)}")
