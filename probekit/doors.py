"""Doors: arguments of public functions, checked before any work; errors name the parameter.

A single value may stand for a list of one, a path for a text, and a number of seeds for the seeds
from 0 on. The error for any other value says in one line what the parameter takes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from probekit.errors import InputError, unknown

T = TypeVar("T")

_TYPE_NAMES = {str: "a text", Path: "a path", bool: "True or False", int: "a whole number"}
_AS_PARQUET = "write each split with to_parquet('FOLDER/train.parquet') …, and give the folder"
_INSTEAD = {
    "transformers.PreTrainedModel": (
        "give it as a model: probekit.extract(model, corpus), probekit.probe(model, tasks) …"
    ),
    "torch.DataParallel": "give the model in it, model.module",
    "torch.DistributedDataParallel": "give the model in it, model.module",
    "torch.OptimizedModule": "give the model before torch.compile, model._orig_mod",
    "sentence_transformers.SentenceTransformer": (
        "give the model in it: probekit.LoadedModel(model[0].auto_model, model.tokenizer)"
    ),
    "transformers.Trainer": (
        "give its model: probekit.LoadedModel(trainer.model, trainer.processing_class)"
    ),
    "tokenizers.Tokenizer": "give transformers.PreTrainedTokenizerFast(tokenizer_object=…)",
    "torch.Module": (
        "give the states of a module: "
        "probekit.extract(module, corpus, tokenizer=…, layers=[…], the names of its parts)"
    ),
    "transformers.PreTrainedTokenizerBase": (
        "give it with its model: probekit.LoadedModel(model, tokenizer)"
    ),
    "datasets.Dataset": _AS_PARQUET,
    "datasets.DatasetDict": _AS_PARQUET,
    "datasets.IterableDataset": "write each split to FOLDER/train.jsonl …, and give the folder",
    "probekit.States": "probe them first: probekit.probe(states, tasks)",
    "probekit.Corpus": "it is loaded already: give it as the corpus",
    "probekit.Replicated": "give what it found: replicated.found, or its folder's 'measured'",
    "pandas.DataFrame": "give probekit.read(folder), or probekit.Scores(table)",
}
"""What to give in place of common objects, by the name of a class or base class of theirs."""
MOST_SEEDS = 1_000
LEAST_UNKNOWN_SEED = 1 << 32  # generators of numpy and torch take smaller ones


def of_type(parameter: str, given: Any, kinds: type[T] | tuple[type, ...]) -> T:
    """`given`, if it is of one of `kinds`. Raises InputError otherwise."""
    valid = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(given, valid) or (isinstance(given, bool) and bool not in valid):
        raise InputError(refusal(parameter, given, " or ".join(map(_type_name, valid))))
    return cast(T, given)


def optional(parameter: str, given: Any, kind: type[T]) -> T | None:
    """`given`, if it is None or of `kind`. Raises InputError otherwise."""
    return None if given is None else of_type(parameter, given, kind)


def several(
    parameter: str,
    given: Any,
    kinds: tuple[type, ...],
    convert: Callable[[Any], Any] = lambda one: one,
) -> list[Any]:
    """One value of `kinds`, or an iterable of at least one, as a list.

    Each value is converted with `convert` before it is checked. Raises InputError for anything
    else.
    """
    given = convert(given)
    if isinstance(given, kinds):
        return [given]
    what = f"{' or '.join(map(_type_name, kinds))}, or several"
    if not _is_listing(given) or _instead(given):
        raise InputError(refusal(parameter, given, what))
    found = [convert(one) for one in given]
    for one in found:
        if not isinstance(one, kinds) or isinstance(one, bool):
            raise InputError(refusal(parameter, one, what))
    if not found:
        raise InputError(f"{parameter} is empty: it takes {what}")
    return found


def choice(parameter: str, given: Any, valid: tuple[str, ...]) -> str:
    """One of the `valid` texts. Raises InputError for another; the message has the nearest one."""
    text: str = of_type(parameter, given, str)
    if text not in valid:
        raise InputError(unknown(f"value of {parameter}", text, valid))
    return text


def choices(parameter: str, given: Any, valid: tuple[str, ...]) -> tuple[str, ...]:
    """One or several of the `valid` texts, each once. Raises InputError for another."""
    texts = several(parameter, given, (str,))
    return tuple(dict.fromkeys(choice(parameter, text, valid) for text in texts))


def seeds(parameter: str, given: Any) -> tuple[int, ...]:
    """A number of seeds, as on the command line (2 means 0 and 1), or the seeds themselves.

    Raises InputError for anything else, and for a repeated seed.
    """
    if (count := _whole(given)) is not None:
        if count < 1:
            raise InputError(f"{parameter} is {count}: at least one probe is trained")
        if count > MOST_SEEDS:
            raise InputError(f"{parameter} is {count}: at most {MOST_SEEDS:,} are trained")
        return tuple(range(count))
    found = whole_numbers(parameter, given)
    largest = max(found, default=0)
    if largest >= LEAST_UNKNOWN_SEED:
        raise InputError(f"{parameter} has {largest}: a seed must be below {LEAST_UNKNOWN_SEED:,}")
    if not found:
        raise InputError(f"{parameter} is empty: at least one probe is trained")
    twice = [seed for seed in found if found.count(seed) > 1]
    if twice:
        raise InputError(f"{parameter} has {twice[0]} twice: it would be the same probe")
    return found


def whole_numbers(parameter: str, given: Any) -> tuple[int, ...]:
    """A whole number from 0 on, or an iterable of some. Raises InputError for anything else."""
    found = []
    for one in given if _is_listing(given) else [given]:
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
    """A finite number. Raises InputError for anything else."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise InputError(refusal(parameter, given, "a number"))
    return float(given)


def function(parameter: str, given: Any) -> Callable[..., Any]:
    """A callable. Raises InputError for anything else."""
    if not callable(given):
        raise InputError(refusal(parameter, given, "a function"))
    return cast(Callable[..., Any], given)


def options(verb: str, given: Mapping[str, Any], valid: Iterable[str]) -> None:
    """Raise InputError, with the nearest name, for an unknown keyword of a public function."""
    known = list(valid)
    for name in given:
        if name not in known:
            raise InputError(unknown(f"option of {verb}", name, known))


def text_of(path: str | Path) -> str:
    """A path as a text that cannot mean a shipped name: one without a folder is `./NAME`."""
    if isinstance(path, str):
        return path
    return str(path) if len(path.parts) != 1 or path.is_absolute() else f"./{path}"


def refusal(parameter: str, given: Any, what: str) -> str:
    """The message for a value of the wrong kind."""
    shown = f"a {type(given).__name__}"
    if isinstance(given, str | int | float | None):
        shown = repr(given)
    instead = _instead(given)
    return f"{parameter} takes {what}, not {shown}" + (f": {instead}" if instead else "")


def class_names(given: Any) -> list[str]:
    """The class and base classes of an object, each as `package.Class`, without importing them."""
    return [f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(given).__mro__]


def _instead(given: Any) -> str:
    return next((_INSTEAD[name] for name in class_names(given) if name in _INSTEAD), "")


def _is_listing(given: Any) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, Mapping | str | bytes)


def _type_name(kind: type) -> str:
    return _TYPE_NAMES.get(kind, kind.__name__)


def _whole(given: Any) -> int | None:
    """A whole number of any library's type, None for anything else."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None
