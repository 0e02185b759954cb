"""Ray crew: the workers of a cluster that serve one driver, and how many there are."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from probekit.engine.ray_worker import Driver, Greeting, Worker, environment, versions
from probekit.errors import InputError, ProbekitError, ProbekitWarning, StoreError
from probekit.places.states import place_of_states

FAILURES = 3  # workers that may fail to begin
BEGIN = 180.0  # seconds until at least one worker must have begun


class Crew:
    """Workers that were started. Each is a Ray actor, and has a share of the cores and GPUs.

    Attributes:
        size: how many workers there are to be.
        threads: of each.
    """

    def __init__(self, wanted: int | None) -> None:
        """Plan workers on the machines of the cluster.

        Args:
            wanted: how many; None for one for each GPU, or else one for each machine.

        Raises InputError where the cluster has not so many cores.
        """
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cores = [int(resources.get("CPU", 0)) for resources in nodes]
        gpus = int(sum(resources.get("GPU", 0) for resources in nodes))
        self.size = wanted or gpus or sum(n > 0 for n in cores) or 1
        self.threads = cores_each(cores, self.size)
        share = min(1.0, 1 / -(-self.size // gpus)) if gpus else 0
        actor = ray.remote(num_cpus=self.threads, num_gpus=share, max_concurrency=2, max_restarts=0)
        self._actor = actor(Worker)
        self._driver: Driver | None = None
        self._failures = 0
        self.idle: list[Any] = []
        self.beginning: dict[Any, Any] = {}

    def fill(self, busy: int) -> None:
        """Start workers until there are enough; they are idle once they have greeted."""
        assert self._driver is not None
        for _ in range(self.size - busy - len(self.idle) - len(self.beginning)):
            worker = self._actor.remote(self.threads)
            self.beginning[worker.greet.remote(self._driver)] = worker

    def begun(self, greeting: Any) -> None:
        """Take a worker that has greeted into service.

        Raises ProbekitError where several could not begin, and for one that has other versions, or
        sees other states.
        """
        import ray

        worker = self.beginning.pop(greeting)
        try:
            found = ray.get(greeting)
        except ray.exceptions.RayError as error:
            self._failures += 1
            if self._failures < FAILURES:
                return
            why = str(error).strip().splitlines()[-1]
            raise ProbekitError(f"workers of the Ray cluster cannot begin: {why[:300]}") from error
        check(found)
        self.idle.append(worker)

    def dismiss(self, workers: Sequence[Any]) -> None:
        """End workers, whatever they do."""
        import ray

        for worker in workers:
            ray.kill(worker)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Show workers the states in the block; end them after it."""
        with _proof() as self._driver:
            try:
                yield
            finally:
                self.dismiss([*self.idle, *self.beginning.values()])
                self.idle, self.beginning = [], {}


def cores_each(cores: Sequence[int], workers: int) -> int:
    """The most cores that each of so many workers can have, if each is on one machine.

    Raises InputError where the machines have not so many.

    >>> cores_each([4, 4, 4], 4)
    2
    """
    for each in range(max(cores, default=0), 0, -1):
        if sum(n // each for n in cores) >= workers:
            return each
    raise InputError(
        f"workers={workers}: the Ray cluster has {sum(cores)} cores, and each worker needs one"
    )


def check(worker: Greeting) -> None:
    """Raise InputError for a worker of other versions, StoreError for one that cannot see the
    states."""
    here = versions()
    for name, there in worker.versions.items():
        if there != here[name]:
            raise InputError(
                f"a worker on {worker.host} has {name} {there}, and here it is {here[name]}: "
                "install the same version on every machine of the cluster"
            )
    if worker.unseen:
        raise StoreError(f"a worker on {worker.host}: {worker.unseen}")


@contextmanager
def _proof() -> Iterator[Driver]:
    """What workers need to know, with a file in the place of states that they must all see."""
    content = secrets.token_hex(16)
    place, name = place_of_states(), f"shared-{content[:8]}.proof"
    place.put(name, content.encode())
    try:
        yield Driver(environment(), str(Path.cwd()), name, content)
    finally:
        place.delete(name)


def warn(texts: Sequence[str]) -> None:
    """Give the warnings of a worker here."""
    for text in texts:
        warnings.warn(text, ProbekitWarning, stacklevel=2)
