"""Transfer arguments: what transfer is given, checked, and in one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from probekit import doors
from probekit.errors import InputError, unknown
from probekit.models.static import StaticVectors
from probekit.paths import path_of
from probekit.tuning.data import Data
from probekit.tuning.settings import TuningSettings

RECIPES = ("frozen", "full", "scratch")
METHODS = ("ngrams", "static", *RECIPES)
ALL = "all"
OWN = ("rate", "epochs", "seed", "examples", "save_every")
"""Fields of TuningSettings that transfer sets itself."""


@dataclass(frozen=True)
class Training:
    """How the methods are trained.

    Attributes:
        settings: but for those of OWN.
        rates: learning rates to choose from on dev, by recipe.
        epochs: by recipe.
        vectors: of the method `static`.
    """

    settings: TuningSettings
    rates: Mapping[str, tuple[float, ...]]
    epochs: Mapping[str, int]
    vectors: StaticVectors | None

    @classmethod
    def of(cls, settings: Any, rates: Any, epochs: Any, vectors: Any) -> Training:
        """From arguments of a public function. Raises InputError for others, and ModelError for a
        file without vectors."""
        given = doors.optional("settings", settings, TuningSettings) or TuningSettings()
        for field in fields(TuningSettings):
            if field.name in OWN and getattr(given, field.name) != field.default:
                raise InputError(
                    f"settings: {field.name} is not read here: give labels, seeds, rates or epochs"
                )
        of_rates = {}
        for name, value in _by_recipe("rates", rates).items():
            listed = value if isinstance(value, Sequence) else [value]
            if not listed:
                raise InputError(f"rates of {name} is empty: give a number, or several")
            of_rates[name] = tuple(_rate(one) for one in listed)
        of_epochs = {
            name: doors.at_least_one("epochs", value)
            for name, value in _by_recipe("epochs", epochs).items()
        }
        return cls(given, of_rates, of_epochs, _vectors(vectors))


def _by_recipe(parameter: str, given: Any) -> Mapping[str, Any]:
    """A mapping whose keys are recipes. Raises InputError for anything else."""
    if given is None:
        return {}
    doors.of_type(parameter, given, Mapping)
    for name in given:
        if name not in RECIPES:
            raise InputError(f"{parameter}: {unknown('recipe', str(name), RECIPES)}")
    return dict(given)


def _rate(given: Any) -> float:
    rate = doors.number("rates", given)
    if not 0 < rate <= 1:
        raise InputError(f"rates has {rate:g}: a rate is a number above 0, up to 1")
    return rate


def _vectors(given: Any) -> StaticVectors | None:
    if given is None:
        return None
    path = path_of(str(doors.of_type("vectors", given, (str, Path))))
    if not path.is_file():
        raise InputError(f"vectors: there is no file {path}")
    return StaticVectors(path, str(path))


def methods_of(given: Any, has_vectors: bool) -> tuple[str, ...]:
    """The methods asked for, in the order of METHODS; all that can be where none are.

    Raises InputError for an unknown one, and for `static` without vectors, or vectors without it.
    """
    usual = [name for name in METHODS if name != "static" or has_vectors]
    if isinstance(given, Sequence) and not given:
        return tuple(usual)
    chosen = doors.choices("methods", given, METHODS)
    if "static" in chosen and not has_vectors:
        raise InputError("methods has static, which needs vectors: give a file of word vectors")
    if has_vectors and "static" not in chosen:
        raise InputError("vectors are for the method static, which methods does not have")
    return tuple(name for name in METHODS if name in chosen)


def numbers_of_labels(given: Any) -> tuple[int | str, ...]:
    """Numbers from 1 on, and `all`, as they are given. Raises InputError for anything else."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise InputError(doors.refusal("labels", given, "several numbers from 1 on, or 'all'"))
    found: list[int | str] = []
    for one in given:
        found.append(one if one == ALL else doors.at_least_one("labels", one))
    return tuple(found)


def sizes(labels: Sequence[int | str], data: Data) -> tuple[int, ...]:
    """The numbers of labels, ascending and each once.

    Raises InputError for one above the number of training examples, and for fewer than two.
    """
    examples = len(data.splits["train"])
    found = sorted({examples if one == ALL else int(one) for one in labels})
    if found and found[-1] > examples:
        raise InputError(
            f"labels has {found[-1]:,}, and {data.name} has {examples:,} examples for training: "
            f"give fewer, or 'all'"
        )
    if len(found) < 2:
        raise InputError("labels takes at least two different numbers: a curve has two ends")
    return tuple(found)
