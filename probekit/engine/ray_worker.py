"""Ray worker: a process of a cluster that does jobs, and keeps what it needs for the next ones."""

from __future__ import annotations

import os
import pickle
import socket
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

from probekit import cache
from probekit.engine.engine import Work
from probekit.errors import ProbekitError, ProbekitWarning
from probekit.places.local import LocalPlace
from probekit.places.place import read
from probekit.places.states import ENV, place_of_states

PACKAGES = ("probekit-nlp", "torch", "transformers")


@dataclass(frozen=True)
class Driver:
    """What a worker needs to know of the process that sends it work.

    Attributes:
        environment: variables that say where cache and states are, and whom the cache trusts.
        folder: the folder that relative paths begin in.
        proof: a file in the place of states.
        content: its text.
    """

    environment: Mapping[str, str]
    folder: str
    proof: str
    content: str


class Greeting(NamedTuple):
    """What a worker says when it begins.

    Attributes:
        host: the name of its machine.
        pid: the number of its process.
        versions: of the packages that numbers depend on.
        unseen: why it cannot see the driver's place of states; empty where it can.
    """

    host: str
    pid: int
    versions: Mapping[str, str]
    unseen: str


class Done(NamedTuple):
    """What came of some jobs.

    Attributes:
        results: one for each, pickled; empty after an error.
        amount: how much was done, in units of the work's own.
        warnings: what a reader must know, one sentence each.
        error: a mistake or shortage that the user can fix.
    """

    results: bytes
    amount: float
    warnings: tuple[str, ...]
    error: ProbekitError | None = None


class Worker:
    """The process. Two of its methods may run at once: `run`, and `done` beside it."""

    def __init__(self, threads: int) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # which torch reads when work imports it
        self._number = -1
        self._work: Work[Any, Any] | None = None
        self._done = 0.0

    def greet(self, driver: Driver) -> Greeting:
        """Take on the driver's view of the disk."""
        os.environ.update(driver.environment)
        with suppress(OSError):  # a model or corpus in it will be missed by its name
            os.chdir(driver.folder)
        return Greeting(socket.gethostname(), os.getpid(), versions(), _unseen(driver))

    def run(self, number: int, work: Sequence[Any], jobs: bytes) -> Done:
        """Do jobs.

        Args:
            number: of the work; the same as in the call before where that had the same work.
            work: a reference to it, pickled, in a list so that it is fetched only if it is new.
            jobs: pickled.
        """
        import ray

        self._done = 0.0
        if number != self._number:
            self._work = None  # its memory is needed
            self._work = pickle.loads(ray.get(work[0]))
            self._number = number
        assert self._work is not None
        results, error = b"", None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ProbekitWarning)
            try:
                results = pickle.dumps(self._work.run(pickle.loads(jobs), self._report))
            except ProbekitError as mistake:
                error = mistake
        texts = [str(one.message) for one in caught if issubclass(one.category, ProbekitWarning)]
        return Done(results, self._done, tuple(texts), error)

    def _report(self, done: float) -> None:
        self._done = done

    def done(self) -> float:
        """How much of the jobs of `run` is done."""
        return self._done


def versions() -> dict[str, str]:
    """The versions, in this process, of the packages that numbers depend on."""
    return {name: version(name) for name in PACKAGES}


def environment() -> dict[str, str]:
    """The variables of this process that say where cache and states are, and whom it trusts.

    Credentials are not among them: each machine has its own.
    """
    place = place_of_states()
    if isinstance(place, LocalPlace):
        place = LocalPlace(place.folder.absolute(), place.variable)
    found = {"PROBEKIT_CACHE": str(cache.root().absolute()), ENV: str(place)}
    if cache.SHARED in os.environ:
        found[cache.SHARED] = os.environ[cache.SHARED]
    return found


def _unseen(driver: Driver) -> str:
    place = place_of_states()
    try:
        if read(place, driver.proof, len(driver.content)) == driver.content.encode():
            return ""
    except FileNotFoundError:
        pass  # a place of the same name, but another one
    except ProbekitError as error:
        return str(error)
    return (
        f"cannot see {place}: set PROBEKIT_CACHE or PROBEKIT_STATES to a folder that all machines "
        "of the cluster share"
    )
