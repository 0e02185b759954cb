"""Doors: what public functions take, checked before any work, with errors that name the parameter.

One value where several are taken is a list of one, a path is as good as a text, and a number of
seeds is the seeds from 0 on. Whatever else is given is refused in a line that says what would do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from probekit.errors import InputError, unknown

T = TypeVar("T")

_CALLED = {str: "a text", Path: "a path", bool: "True or False", int: "a whole number"}
_INSTEAD = {
    "transformers.PreTrainedModel": (
        "save it and its tokenizer into a folder, each with save_pretrained(FOLDER), and give the folder"
    ),
    "torch.Module": (
        "give the states of a module: probekit.extract(module, corpus, tokenizer=…, layers=[…], the names of its parts)"
    ),
    "transformers.PreTrainedTokenizerBase": "save it beside its model with save_pretrained(FOLDER), and give that",
    "datasets.Dataset": "write each split with to_parquet('FOLDER/train.parquet') …, and give the folder",
    "datasets.DatasetDict": "write each split with to_parquet('FOLDER/train.parquet') …, and give the folder",
    "datasets.IterableDataset": "write each split into FOLDER/train.jsonl …, and give the folder",
    "probekit.States": "probe them first: probekit.probe(states, tasks)",
    "probekit.Corpus": "load_corpus has made it already: give it as it is where a corpus is taken",
    "pandas.DataFrame": "give what holds the table: probekit.read(folder), or probekit.Scores(table)",
}
"""What to do with objects that people give, by the name of a class they are of."""


def of_type(parameter: str, given: Any, kinds: type[T] | tuple[type, ...]) -> T:
    """`given`, which is of one of `kinds`. Raises InputError where it is not."""
    several = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(given, several) or (isinstance(given, bool) and bool not in several):
        raise InputError(refusal(parameter, given, " or ".join(_called(kind) for kind in several)))
    return cast(T, given)


def optional(parameter: str, given: Any, kind: type[T]) -> T | None:
    """`given`, which is None or of `kind`. Raises InputError where it is not."""
    return None if given is None else of_type(parameter, given, kind)


def several(parameter: str, given: Any, kinds: tuple[type, ...]) -> list[Any]:
    """One value, or an iterable of values, of `kinds` as a list of one at least.

    Raises InputError for anything else.
    """
    if isinstance(given, kinds):
        return [given]
    what = f"{' or '.join(map(_called, kinds))}, or several"
    if (
        not isinstance(given, Iterable)
        or isinstance(given, Mapping | str | bytes)
        or _instead(given)
    ):
        raise InputError(refusal(parameter, given, what))
    found = list(given)
    for one in found:
        if not isinstance(one, kinds) or isinstance(one, bool):
            raise InputError(refusal(parameter, one, what))
    if not found:
        raise InputError(f"{parameter} is empty: it takes {what}")
    return found


def choice(parameter: str, given: Any, valid: tuple[str, ...]) -> str:
    """One of the texts that are `valid`. Raises InputError, with the nearest one, for another."""
    text: str = of_type(parameter, given, str)
    if text not in valid:
        raise InputError(unknown(f"value of {parameter}", text, valid))
    return text


def choices(parameter: str, given: Any, valid: tuple[str, ...]) -> tuple[str, ...]:
    """One or several of the texts that are `valid`, each once. Raises InputError for another."""
    return tuple(
        dict.fromkeys(choice(parameter, one, valid) for one in several(parameter, given, (str,)))
    )


def seeds(parameter: str, given: Any) -> tuple[int, ...]:
    """A number of seeds, as on the command line (2 is 0 and 1), or the seeds themselves.

    Raises InputError for anything else, and for a seed that is there twice.
    """
    if (count := _whole(given)) is not None:
        if count < 1:
            raise InputError(f"{parameter} is {count}: at least one probe is trained")
        return tuple(range(count))
    found = whole_numbers(parameter, given)
    if not found:
        raise InputError(f"{parameter} is empty: at least one probe is trained")
    twice = [seed for seed in found if found.count(seed) > 1]
    if twice:
        raise InputError(f"{parameter} has {twice[0]} twice: it would be the same probe")
    return found


def whole_numbers(parameter: str, given: Any) -> tuple[int, ...]:
    """A whole number from 0 on, or an iterable of some. Raises InputError for anything else."""
    listed = (
        given
        if isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)
        else [given]
    )
    found = []
    for one in listed:
        number = _whole(one)
        if number is None or number < 0:
            raise InputError(refusal(parameter, one, "a whole number from 0 on, or several"))
        found.append(number)
    return tuple(found)


def at_least_one(parameter: str, given: Any) -> int:
    """A whole number from 1 on. Raises InputError for anything else."""
    number = _whole(given)
    if number is None or number < 1:
        raise InputError(refusal(parameter, given, "a whole number from 1 on"))
    return number


def share(parameter: str, given: Any) -> float:
    """A number in [0, 1]. Raises InputError for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise InputError(refusal(parameter, given, "a number from 0 to 1"))
    return float(given)


def number(parameter: str, given: Any) -> float:
    """A number that is finite. Raises InputError for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InputError(refusal(parameter, given, "a number"))
    return float(given)


def function(parameter: str, given: Any) -> Callable[..., Any]:
    """Something that can be called. Raises InputError for anything else."""
    if not callable(given):
        raise InputError(refusal(parameter, given, "a function"))
    return cast(Callable[..., Any], given)


def options(verb: str, given: Mapping[str, Any], valid: Iterable[str]) -> None:
    """Raise InputError, with the nearest one, for a keyword that a function does not have."""
    known = list(valid)
    for name in given:
        if name not in known:
            raise InputError(unknown(f"option of {verb}", name, known))


def text_of(path: str | Path) -> str:
    """A path as a name that stands for nothing else: one without a folder is `./NAME`."""
    if isinstance(path, str):
        return path
    return str(path) if len(path.parts) != 1 or path.is_absolute() else f"./{path}"


def refusal(parameter: str, given: Any, what: str) -> str:
    """The message for a value of the wrong kind."""
    shown = (
        repr(given) if isinstance(given, str | int | float | None) else f"a {type(given).__name__}"
    )
    instead = _instead(given)
    return f"{parameter} takes {what}, not {shown}" + (f": {instead}" if instead else "")


def _instead(given: Any) -> str:
    names = [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(given).__mro__]
    return next((_INSTEAD[name] for name in names if name in _INSTEAD), "")


def _called(kind: type) -> str:
    return _CALLED.get(kind, kind.__name__)


def _whole(given: Any) -> int | None:
    """A whole number of any library's, None for anything else."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None
