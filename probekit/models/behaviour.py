"""Behaviour: whether a family that is not listed may be padded, and how long its texts may be.

The row of a listed family has both. Another family is tried once, with its own weights: the states
of some texts alone are compared with those of the same texts in one padded batch, and a text as
long as its positions allow is run. Where running the model changes it, a long text is read before
and after a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from probekit.errors import ModelError
from probekit.models.as_loaded import AsLoaded

States = Sequence[torch.Tensor]
Run = Callable[[Sequence[np.ndarray]], States]

# Subwords of the texts in a batch; the shorter ones, which are padded in it, are also read alone.
LENGTHS = (3, 9, 24)
LONG = 1024  # subwords of a text that is read before and after a short one
NEAR, FAR = 3, 64  # subwords of the two texts that show which tables are of positions


@dataclass(frozen=True)
class Behaviour:
    """How a model may be run.

    Attributes:
        padded: whether texts of different lengths may share a batch.
        longest: number of subwords of text that its positions allow, without special tokens; None
            for no such bound.
        restored: whether the model must be put back as it was loaded before each run, since a text
            changes how it reads the next ones. It is not padded then.
    """

    padded: bool
    longest: int | None = None
    restored: bool = False


def find_behaviour(
    run: Run, run_positions: Run, ids: np.ndarray, first: int, limit: int, as_loaded: AsLoaded
) -> Behaviour:
    """Try how a model may be run.

    Args:
        run: returns the hidden states of texts, padded to one length: `(texts, width, dim)` per
            layer.
        run_positions: runs the part of the model that looks up positions; its result is not used.
        ids: subwords that the model knows, of which texts are made: `(n,)`.
        first: position of a text's first subword among its hidden states.
        limit: number of subwords that configuration and tokenizer allow.
        as_loaded: the model before it is run; that is how it is left.

    Raises ModelError where the states of a text depend on the other texts of its batch even without
    padding.
    """

    def anew(texts: Sequence[np.ndarray]) -> States:
        as_loaded.restore()
        return run(texts)

    def positions_anew(texts: Sequence[np.ndarray]) -> States:
        as_loaded.restore()
        return run_positions(texts)

    longest = _longest(positions_anew, ids, limit)
    texts = [_text(ids, length, start=i) for i, length in enumerate(LENGTHS) if length <= longest]
    padded = _same(anew, texts[:-1], anew(texts), first)
    as_loaded.restore()
    changes = as_loaded.has_changed and _short_changes_long(run, ids, first, longest, as_loaded)
    if padded and not changes:
        return Behaviour(True, longest)
    # Between texts of one length, padding cannot make a difference.
    equal = [_text(ids, len(texts[-1]), start=i) for i in range(3)]
    if not _same(anew, equal, anew(equal), first):
        raise ModelError(
            "the model cannot be read: its states of a text depend on the other texts of the batch"
        )
    as_loaded.restore()
    return Behaviour(False, longest, restored=changes)


def _short_changes_long(
    run: Run, ids: np.ndarray, first: int, longest: int, as_loaded: AsLoaded
) -> bool:
    """Whether a model as it was loaded reads a long text otherwise than after a short one."""
    long = _text(ids, min(longest, LONG))
    own = slice(first, first + len(long))
    alone = run([long])
    run([_text(ids, min(longest, LENGTHS[0]))])
    after = run([long])  # without putting the model back
    as_loaded.restore()
    pairs = zip(alone, after, strict=True)
    return any(differ(before[0, own], later[0, own]) for before, later in pairs)


def _text(ids: np.ndarray, length: int, start: int = 0) -> np.ndarray:
    return np.resize(np.roll(ids, -start), length).astype(np.int64)


def _same(run: Run, texts: Sequence[np.ndarray], together: States, first: int) -> bool:
    """Whether `texts`, the first of a batch, have the same states alone as in it (`together`)."""
    for i, text in enumerate(texts):
        own = slice(first, first + len(text))
        for layer, state in enumerate(run([text])):
            if differ(state[0, own], together[layer][i, own]):
                return False
    return True


def differ(expected: torch.Tensor, found: torch.Tensor) -> bool:
    """Whether states of the same words, `(words, dim)`, differ by more than rounding.

    The difference is relative to the size of a dimension, and the median over dimensions decides,
    since a few very large dimensions would hide it in all others. Rounding makes a difference of
    about the precision of the type (1e-6 in float32, measured in 20 families), visible padding one
    of 1e-1 or more: the square root of the precision (3e-4 in float32, 3e-2 in float16) is far from
    both, and below the resolution of the store's half precision.
    """
    size = expected.float().norm(dim=0).clamp_min(torch.finfo(torch.float32).tiny)
    ratio = ((found.float() - expected.float()).norm(dim=0) / size).median()
    return not ratio <= torch.finfo(expected.dtype).eps ** 0.5


def looks_ahead(run: Run, ids: np.ndarray, first: int) -> bool:
    """Whether the states of a word depend on later words; arguments: see `find_behaviour`."""
    text = _text(ids, 9)
    other = np.append(text[:-1], ids[len(ids) // 2])
    own = slice(first, first + 8)
    pairs = zip(run([text]), run([other]), strict=True)
    return any(differ(one[0, own], another[0, own]) for one, another in pairs)


def _longest(run_positions: Run, ids: np.ndarray, limit: int) -> int:
    """The number of subwords of the longest text that the model can read, at most `limit`."""
    limit = min(limit, positions_allow(run_positions, ids, limit))
    if _runs(run_positions, ids, limit):
        return limit
    works, fails = min(NEAR, limit), limit
    run_positions([_text(ids, works)])  # an error here is not one of length
    while fails - works > 1:
        middle = (works + fails) // 2
        if _runs(run_positions, ids, middle):
            works = middle
        else:
            fails = middle
    return works


def _runs(run_positions: Run, ids: np.ndarray, length: int) -> bool:
    try:
        with _Lookups():
            run_positions([_text(ids, length)])
    except ModelError:
        return False
    return True


def positions_allow(run_positions: Run, ids: np.ndarray, limit: int) -> int:
    """The number of subwords of the longest text for which every table of positions has rows.

    A table of positions is one in which each additional subword reads one row further, wherever the
    counting starts (RoBERTa: after the padding id) and however many special tokens are counted. A
    longer text is not tried: on a GPU a missing row ends all work of the process.
    """
    near, far = min(NEAR, limit), min(FAR, limit)
    short, long = _rows_read(run_positions, ids, near), None
    while long is None:
        try:
            long = _rows_read(run_positions, ids, far)
        except ModelError:
            if far <= near:
                raise
            far = (near + far) // 2
    allowed = limit
    for (rows, last), (_, before) in zip(long, short, strict=False):
        is_of_positions = far > near and last - before == far - near
        if is_of_positions:
            allowed = min(allowed, far + rows - 1 - last)
    return allowed


def _rows_read(run_positions: Run, ids: np.ndarray, length: int) -> list[tuple[int, int]]:
    """The number of rows and the last row read of each table that a text looks up."""
    with _Lookups() as lookups:
        # One subword repeated, so that only positions differ.
        run_positions([np.full(length, ids[0], dtype=np.int64)])
    return lookups.found


class _Lookups(TorchFunctionMode):
    """Watches look-ups in tables, and raises IndexError before a missing row is read.

    On a GPU a missing row would end all further work of the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _LOOK_UPS:
            wanted, rows = _LOOK_UPS[func](*args, **kwargs)
            if wanted.numel():
                last = int(wanted.max())
                if last >= rows:
                    raise IndexError(f"row {last} of a table of {rows}")
                self.found.append((rows, last))
        return func(*args, **kwargs)


def _of_embedding(
    input: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any
) -> tuple[torch.Tensor, int]:
    return input, len(weight)


def _of_gather(
    input: torch.Tensor, dim: int, index: torch.Tensor, **_: Any
) -> tuple[torch.Tensor, int]:
    return index, input.shape[dim]


# Functions that look up rows: from their arguments to the rows wanted and the size of the table.
_LOOK_UPS: dict[Any, Callable[..., tuple[torch.Tensor, int]]] = {
    torch.nn.functional.embedding: _of_embedding,
    torch.gather: _of_gather,
    torch.Tensor.gather: _of_gather,
    torch.index_select: _of_gather,
    torch.Tensor.index_select: _of_gather,
}
