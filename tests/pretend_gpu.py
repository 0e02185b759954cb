"""A GPU that is not there: tensors of the CPU that behave as if they were on `cuda`.

Within `pretend_gpu` whatever is made for, or moved to, `cuda` counts as being there, and so does
what is computed from it. A computation with tensors of both places raises RuntimeError, as it does
on a GPU, and so does `numpy` of a tensor there. Results are those of the CPU: what this finds is a
tensor in the wrong place. It does not show that streams wait for each other, nor any speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode, _get_current_function_mode
from torch.utils._pytree import tree_leaves

from probekit.engine import streams
from probekit.models.held import Held

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
KNOWN = ("cuda", "cpu")
FREE = 1 << 34  # bytes of memory that are free there
# May have arguments of both places: what is indexed by a tensor of the CPU, say.
WRITES = {"__setitem__", "copy_", "__set__"}
MIXED = {*WRITES, "__getitem__", "to", "_has_compatible_shallow_copy_type"}
READ = {"numpy", "__array__", "tolist"}
# Wait until the GPU has done what it was given.
WAIT = {"__bool__", "__int__", "__float__", "item", "cpu", "equal", "nonzero"}


class _Place(TorchFunctionMode):
    """Knows which memory is on the GPU, by its address."""

    def __init__(self, there: set[int], waits: list[str]) -> None:
        super().__init__()
        self._there, self._waits = there, waits
        self.is_paused = False

    def is_there(self, tensor: torch.Tensor) -> bool:
        with torch._C.DisableTorchFunction():
            return _address(tensor) in self._there

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Any:
        named = dict(named or {})
        name = getattr(function, "__name__", "")
        if self.is_paused or function is torch.device or name == "_parse_to":
            return function(*args, **named)
        given = [leaf for leaf in tree_leaves((args, named)) if isinstance(leaf, torch.Tensor)]
        there = [tensor for tensor in given if self.is_there(tensor)]
        attribute = getattr(getattr(function, "__self__", None), "__name__", "")
        if name == "__get__" and attribute == "is_cuda":
            return bool(there)
        if name == "__get__" and attribute == "device":
            return CUDA if there else CPU
        if name == "pin_memory":
            return given[0]
        if there:
            self._check(name, given)
            if name in WAIT:
                self._waits.append(name)
        return self._run(function, name, args, named, given)

    def _check(self, name: str, given: list[torch.Tensor]) -> None:
        """Raise RuntimeError for what cannot be done with tensors on a GPU."""
        if name in READ:
            raise RuntimeError(f"{name} of a tensor on the GPU")
        if name in MIXED or name == "__get__":
            return
        with torch._C.DisableTorchFunction():
            large = [tensor for tensor in given if tensor.ndim and tensor.numel()]
            shapes = [tuple(tensor.shape) for tensor in given]
        if not all(map(self.is_there, large)):
            raise RuntimeError(f"{name}: tensors on the GPU and the CPU, {shapes}")

    def _run(
        self,
        function: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        named: dict[str, Any],
        given: list[torch.Tensor],
    ) -> Any:
        """Do what is asked for on the CPU, and note where its results count as being."""
        at_once = not named.get("non_blocking", False)
        wanted, args, named = _without_device(args, named)
        if name == "cpu":
            wanted = CPU
        if name == "to" and at_once and wanted and self.is_there(given[0]) != (wanted == CUDA):
            self._waits.append(f"to {wanted}")
        before = {_address(tensor) for tensor in given}
        is_there = any(map(self.is_there, given)) if wanted is None else wanted == CUDA
        found = function(*args, **named)
        if name in WRITES:
            return found
        if name in ("to", "cpu") and wanted and self.is_there(given[0]) != is_there:
            found = found.clone()  # memory of its own, as a copy to another place has
        for leaf in tree_leaves(found):
            if isinstance(leaf, torch.Tensor) and leaf.numel():
                self._put(leaf, is_there, before)
        return found

    def _put(self, tensor: torch.Tensor, is_there: bool, before: set[int]) -> None:
        address = _address(tensor)
        if address in before and is_there == (address in self._there):
            return
        if is_there:
            self._there.add(address)
        elif address not in before:
            self._there.discard(address)


def _address(tensor: torch.Tensor) -> int:
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage().data_ptr()


def _without_device(
    args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[torch.device | None, tuple[Any, ...], dict[str, Any]]:
    """The device that is wanted, and the arguments with the CPU in its place."""
    wanted = _place(named.get("device"))
    if wanted is not None:
        named["device"] = CPU
    kept = []
    for arg in args:
        place = _place(arg)
        wanted = place or wanted
        kept.append(arg if place is None else CPU)
    for option in ("pin_memory", "non_blocking"):
        named.pop(option, None)
    return wanted, tuple(kept), named


def _place(given: Any) -> torch.device | None:
    """The GPU or the CPU, where a device of these two is given."""
    if not isinstance(given, str | torch.device) or str(given).partition(":")[0] not in KNOWN:
        return None
    return torch.device(str(given).partition(":")[0])


class _Stream:
    """Work in it is done at once."""

    def wait_stream(self, other: Any) -> None:
        """Nothing to wait for."""

    wait_event = record = wait_stream

    def synchronize(self) -> None:
        """Nothing to wait for."""


class _Event(_Stream):
    def record(self, stream: Any = None) -> None:
        """Nothing to mark."""


@contextmanager
def pretend_gpu() -> Iterator[list[str]]:
    """Within the block there is a GPU. Yields what a thread had to wait for, so far."""
    there: set[int] = set()
    waits: list[str] = []
    submit, fetch, of_numpy = ThreadPoolExecutor.submit, Held.fetch, torch.from_numpy

    def submit_there(threads: Any, job: Callable[..., Any], *args: Any) -> Any:
        def run() -> Any:
            with _Place(there, waits):
                return job(*args)

        return submit(threads, run)

    def from_numpy(array: Any) -> torch.Tensor:
        """It does not pass through a mode."""
        tensor = of_numpy(array)
        there.discard(_address(tensor))
        return tensor

    def loaded(held: Held, *args: Any) -> None:
        """transformers makes models on a device of its own first; they are moved later."""
        place = _get_current_function_mode()
        assert isinstance(place, _Place)
        place.is_paused = True
        try:
            fetch(held, *args)
        finally:
            place.is_paused = False

    cuda: dict[str, Any] = {
        "is_available": lambda: True,
        "mem_get_info": lambda device=None: (FREE, FREE),
        "Stream": lambda device=None, priority=0: _Stream(),
        "Event": _Event,
        "current_stream": lambda device=None: _Stream(),
        "stream": lambda stream: nullcontext(),
        "synchronize": lambda device=None: None,
    }
    streams.stream_of.cache_clear()
    with (
        patch.multiple(torch.cuda, **cuda),
        patch.object(ThreadPoolExecutor, "submit", submit_there),
        patch.object(torch, "from_numpy", from_numpy),
        patch.object(torch.Tensor, "record_stream", lambda tensor, stream: None),
        patch.object(Held, "fetch", loaded),
        _Place(there, waits),
    ):
        yield waits
    streams.stream_of.cache_clear()
