"""Several: options that take several values, repeated or with commas, and errors for mix-ups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from probekit.cli import help
from probekit.cli.parsed import names
from probekit.errors import InputError
from probekit.foreign import shortened
from probekit.paths import path_of

COMMAS = (
    "task",
    "tasks",
    "corpus",
    "layers",
    "probes",
    "recipe_names",
    "rates",
    "text",
    "labels",
    "methods",
)
"""Parameters whose option takes several values with commas; other options are repeated."""
LISTS = frozenset(COMMAS) - {"layers"}
"""Those that may be empty, or whose own error for an empty value says more."""


class Command(help.Command):
    """A command that explains how its options take several values, if a value belongs to none."""

    allow_extra_args = True  # they are refused below

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; raises InputError for values after the first of an option."""
        given = list(args)
        self._require_values(given)
        left: list[str] = super().parse_args(ctx, args)
        if left:
            self._refuse(ctx, given, left[0])
        return left

    def _require_values(self, given: list[str]) -> None:
        """Raise InputError for an empty value: as a path it would be the current folder."""
        names_of: dict[str, Any] = {}
        for parameter in self.params:
            names_of |= dict.fromkeys(parameter.opts, parameter.name)
        for before, text in pairwise(["", *given]):
            option = before if not text else text.removesuffix("=")
            is_empty = not text or (text.endswith("=") and option in names_of)
            if is_empty and names_of.get(option) not in LISTS:
                what = option if option in names_of else "an argument"
                raise InputError(f"{what} is empty: give a value")

    def _refuse(self, ctx: Any, given: list[str], left: str) -> None:
        """Raise InputError for a value of no option: how does the option before it take several?"""
        options: dict[str, Any] = {}
        for parameter in self.params:
            options |= dict.fromkeys([*parameter.opts, *parameter.secondary_opts], parameter)
        option, values = _values_before(given, left, options)
        found: Any = options.get(option)
        if found is None or found.is_flag:
            ctx.fail(f"Got unexpected extra argument ({left})")
        how = "takes one value"
        if found.name in COMMAS:
            how = f"takes several with commas: {option} {','.join(names(values))}"
        elif found.multiple:
            how = f"is repeated for several: {_repeated(option, values)}"
        raise InputError(
            f"'{shortened(left)}' belongs to no option: {option} {shortened(how, 200)}"
        )


def _values_before(
    given: list[str], left: str, options: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """The option that `left` follows, and all values after that option up to `left`."""
    option = ""
    values: list[str] = []
    for argument in given:
        name, _, value = argument.partition("=")
        if name in options:
            option, values = name, [value] if value else []
            continue
        values.append(argument)
        takes_one = option and not options[option].is_flag
        if argument == left and (len(values) > 1 or not takes_one):
            break
    return option, values


def _repeated(option: str, values: Iterable[str]) -> str:
    return " ".join(f"{option} {value}" for value in values)


def require_one_model_each(option: str, models: Sequence[str], *, repeated: bool = True) -> None:
    """Raise InputError for model names with a comma between them; a folder may have one in its
    name."""
    for given in models:
        several = names([given])
        inner = given.removeprefix("random:")
        without_mode = inner.rpartition(":")[0] or inner
        if len(several) < 2 or path_of(inner).exists() or path_of(without_mode).exists():
            continue
        how = f"repeat it for several: {_repeated(option, several)}" if repeated else "not several"
        raise InputError(f"{option} takes one model, {shortened(how, 200)}")
