"""Opening: whether a family that is not listed may be padded, and how long a text it reads, found
with its own weights.

A listed family has both in its row. Another one is compared once: some texts alone with the same
texts in one padded batch, and a text as long as its positions allow with what it can be run on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from probekit.errors import ModelError

States = Sequence[torch.Tensor]
Run = Callable[[Sequence[np.ndarray]], States]

LENGTHS = (
    3,
    9,
    24,
)  # subwords of texts in a batch; the shorter ones, which are padded there, are read alone too
NEAR, FAR = 3, 64  # subwords of two texts that show where positions are counted


@dataclass(frozen=True)
class Behaviour:
    """How a model may be run.

    Attributes: padded: whether texts of different lengths may stand in one batch. longest: subwords
        of text that its positions allow, special ones not counted; None for no such bound.
    """

    padded: bool
    longest: int | None = None


def find_behaviour(run: Run, begins: Run, ids: np.ndarray, first: int, limit: int) -> Behaviour:
    """Try a model.

    Args: run: gives the hidden states of texts given as subwords, padded to one length: `(texts,
        width, dim)` a layer. begins: runs the model as far as positions matter; what it gives is
        not looked at. ids: subwords that the model knows, from which texts are made: `(n,)`. first:
        where a text's first subword stands among its hidden states. limit: subwords that
        configuration and tokenizer allow.

    Raises ModelError where the states of a text depend on the other texts of its batch even without
    padding.
    """
    longest = _longest(begins, ids, limit)
    texts = [_text(ids, length, start=i) for i, length in enumerate(LENGTHS) if length <= longest]
    if _same(run, texts[:-1], run(texts), first):
        return Behaviour(True, longest)
    # Texts of one length: what is left to differ has nothing to do with padding.
    equal = [_text(ids, len(texts[-1]), start=i) for i in range(3)]
    if not _same(run, equal, run(equal), first):
        raise ModelError(
            "the model cannot be read: its states of a text depend on the other texts of a batch"
        )
    return Behaviour(False, longest)


def _text(ids: np.ndarray, length: int, start: int = 0) -> np.ndarray:
    return np.resize(np.roll(ids, -start), length).astype(np.int64)


def _same(run: Run, texts: Sequence[np.ndarray], together: States, first: int) -> bool:
    """Whether texts, the first ones of a batch, have the same states alone as `together`."""
    for i, text in enumerate(texts):
        own = slice(first, first + len(text))
        for layer, state in enumerate(run([text])):
            if _differ(state[0, own], together[layer][i, own]):
                return False
    return True


def _differ(expected: torch.Tensor, found: torch.Tensor) -> bool:
    """Whether states of the same words, `(words, dim)`, differ by more than rounding.

    The difference is taken relative to a dimension's own size, and its median over the dimensions
    counts, since a few very large dimensions would hide it in all others. Rounding gives about the
    precision of the type (1e-6 in float32, measured in 20 families), padding that is seen 1e-1 and
    more: the square root of the precision (3e-4 in float32, 3e-2 in float16) is far from both, and
    below what the store's half precision keeps.
    """
    size = expected.float().norm(dim=0).clamp_min(torch.finfo(torch.float32).tiny)
    ratio = ((found.float() - expected.float()).norm(dim=0) / size).median()
    return not ratio <= torch.finfo(expected.dtype).eps ** 0.5


def looks_ahead(run: Run, ids: np.ndarray, first: int) -> bool:
    """Whether the states of a word depend on what follows it; arguments as of `find_behaviour`."""
    text = _text(ids, 9)
    other = np.append(text[:-1], ids[len(ids) // 2])
    own = slice(first, first + 8)
    pairs = zip(run([text]), run([other]), strict=True)
    return any(_differ(one[0, own], another[0, own]) for one, another in pairs)


def _longest(begins: Run, ids: np.ndarray, limit: int) -> int:
    """The longest text that the model can be run on, at most `limit` subwords."""
    limit = min(limit, positions_allow(begins, ids, limit))
    if _runs(begins, ids, limit):
        return limit
    works, fails = min(NEAR, limit), limit
    begins([_text(ids, works)])  # what is wrong here is not the length
    while fails - works > 1:
        middle = (works + fails) // 2
        works, fails = (middle, fails) if _runs(begins, ids, middle) else (works, middle)
    return works


def _runs(begins: Run, ids: np.ndarray, length: int) -> bool:
    try:
        with _Lookups():
            begins([_text(ids, length)])
    except ModelError:
        return False
    return True


def positions_allow(begins: Run, ids: np.ndarray, limit: int) -> int:
    """The longest text for which every table of positions has a row.

    A table of positions is one that is looked up one row further for each subword more. Where it
    begins to count (RoBERTa: behind the padding id) and how many special subwords it counts needs
    no knowledge then. A longer text is not tried: on a GPU a row that is not there ends all work of
    the process.
    """
    near, far = min(NEAR, limit), min(FAR, limit)
    short, long = _rows_read(begins, ids, near), None
    while long is None:
        try:
            long = _rows_read(begins, ids, far)
        except ModelError:
            if far <= near:
                raise
            far = (near + far) // 2
    allowed = [
        far + rows - 1 - last
        for (rows, last), (_, before) in zip(long, short, strict=False)
        if far > near and last - before == far - near
    ]
    return min(allowed, default=limit)


def _rows_read(begins: Run, ids: np.ndarray, length: int) -> list[tuple[int, int]]:
    """Of each table that is looked up for a text, its rows and the last one read."""
    with _Lookups() as lookups:
        begins(
            [np.full(length, ids[0], dtype=np.int64)]
        )  # one subword again and again: only positions differ
    return lookups.found


class _Lookups(TorchFunctionMode):
    """Watches what is looked up in tables of embeddings, and stops before a row that is not there.

    On a GPU that would end all further work of the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.embedding and len(args) > 1 and args[0].numel():
            last, rows = int(args[0].max()), args[1].shape[0]
            if last >= rows:
                raise IndexError(f"row {last} of a table of {rows}")
            self.found.append((rows, last))
        return func(*args, **(kwargs or {}))
