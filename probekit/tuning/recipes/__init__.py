"""Recipes: ways to fine-tune a model, one file each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from probekit import doors
from probekit.errors import InputError, unknown
from probekit.tuning.recipe import Recipe
from probekit.tuning.recipes.clm import Clm
from probekit.tuning.recipes.ewc import Ewc
from probekit.tuning.recipes.frozen import Frozen
from probekit.tuning.recipes.frozen_bilstm import FrozenBilstm
from probekit.tuning.recipes.full import Full
from probekit.tuning.recipes.ia3 import Ia3
from probekit.tuning.recipes.l2sp import L2sp
from probekit.tuning.recipes.lora import Lora
from probekit.tuning.recipes.mlm import Mlm
from probekit.tuning.recipes.prefix import Prefix
from probekit.tuning.recipes.replay import Replay
from probekit.tuning.recipes.scratch import Scratch
from probekit.tuning.recipes.top import Top
from probekit.tuning.recipes.ulmfit import Ulmfit
from probekit.tuning.recipes.wise import Wise

RECIPES: dict[str, type[Recipe]] = {
    "full": Full,
    "frozen": Frozen,
    "frozen-bilstm": FrozenBilstm,
    "top": Top,
    "ulmfit": Ulmfit,
    "l2sp": L2sp,
    "ewc": Ewc,
    "replay": Replay,
    "lora": Lora,
    "ia3": Ia3,
    "prefix": Prefix,
    "wise": Wise,
    "scratch": Scratch,
    "mlm": Mlm,
    "clm": Clm,
}
"""Every recipe by its name; `top` takes the number of layers, as `top-2`."""


def recipe_of(name: str, given: Mapping[str, Any], parameter: str = "recipe") -> Recipe:
    """The recipe of a name with settings, whose values may be texts; `parameter` is for messages.

    Raises InputError for an unknown recipe or setting, or a value of another type.
    """
    doors.of_type(parameter, name, str)
    doors.of_type("recipe_settings", given, Mapping)
    stem, number = name, None
    match = re.fullmatch(r"top-([0-9]{1,4})", name)
    if match:
        stem, number = "top", int(match[1])
    if stem not in RECIPES:
        known = ["top-2" if one == "top" else one for one in RECIPES]
        raise InputError(unknown(f"value of {parameter}", name, known))
    kind = RECIPES[stem]
    known = [field.name for field in fields(kind)]
    values: dict[str, Any] = {} if number is None else {"layers": number}
    for key, value in given.items():
        if key not in known:
            if not known:
                raise InputError(f"recipe_settings: {stem} has no settings, so not '{key}'")
            raise InputError(f"recipe_settings: {unknown(f'setting of {stem}', str(key), known)}")
        default = next(field.default for field in fields(kind) if field.name == key)
        values[key] = _value(key, value, default)
    return kind(**values)


def _value(name: str, given: Any, default: Any) -> Any:
    """A value of the type of the default, from one or from a text."""
    if isinstance(default, bool):
        words = {"yes": True, "no": False, "True": True, "False": False}
        if not isinstance(given, bool) and given not in words:
            raise InputError(f"recipe_settings: {name} is yes or no, not {given!r}")
        return given if isinstance(given, bool) else words[given]
    kind = type(default)
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if kind is str and isinstance(given, str):
        return given
    if kind in (int, float) and (is_number or isinstance(given, str)):
        try:
            value = kind(given)
            if value >= 0 and value == float(given):
                return value
        except (ValueError, OverflowError):
            pass
    what = {int: "a whole number from 0 on", float: "a number from 0 on", str: "a text"}[kind]
    raise InputError(f"recipe_settings: {name} takes {what}, not {given!r}")
