"""Rates: learning rates that a user gives for some recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probekit import doors
from probekit.errors import InputError, unknown


def rates_by_recipe(given: Any, recipes: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """One or several learning rates for each recipe that has any.

    Args:
        given: a mapping from recipes to a number or several; None for none.
        recipes: the recipes that can have one.

    Raises InputError for another recipe, or rates that are not numbers above 0, up to 1.
    """
    if given is None:
        return {}
    found = {}
    for name, value in doors.of_type("rates", given, Mapping).items():
        if name not in recipes:
            raise InputError(f"rates: {unknown('recipe', str(name), recipes)}")
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        if not listed:
            raise InputError(f"rates of {name} is empty: give a number, or several")
        found[name] = tuple(_rate(one) for one in listed)
    return found


def _rate(given: Any) -> float:
    rate = doors.number("rates", given)
    if not 0 < rate <= 1:
        raise InputError(f"rates has {rate:g}: a rate is a number above 0, up to 1")
    return rate
