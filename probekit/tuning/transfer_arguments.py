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
from probekit.tuning.rates import rates_by_recipe
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
        of_rates = rates_by_recipe(rates, list(RECIPES))
        return cls(given, of_rates, _epochs_by_recipe(epochs), _vectors(vectors))


def _epochs_by_recipe(given: Any) -> dict[str, int]:
    """How often recipes read their examples. Raises InputError for anything else."""
    if given is None:
        return {}
    found = {}
    for name, value in doors.of_type("epochs", given, Mapping).items():
        if name not in RECIPES:
            raise InputError(f"epochs: {unknown('recipe', str(name), RECIPES)}")
        found[name] = doors.at_least_one("epochs", value)
    return found


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
