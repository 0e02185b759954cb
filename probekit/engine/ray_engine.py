"""Ray engine: jobs run in workers of a Ray cluster, on this machine or on several.

A worker has at most one message of jobs at a time, so that a lost worker costs no more than that,
and what is in flight is bounded by the number of workers. Work and results are pickled: a cluster
is trusted as much as this process is.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from probekit.engine.engine import Job, Report, Result, Work
from probekit.engine.interrupts import undisturbed
from probekit.engine.ray_cluster import address_of, cluster
from probekit.engine.ray_crew import BEGIN, Crew, warn
from probekit.engine.settings import EngineSettings
from probekit.engine.waiting import result_of, wait_for
from probekit.errors import InputError, ProbekitError

TICK = 0.2  # seconds between two looks at what is done
ASK = 1.0  # seconds between two questions to workers how far they are
LOSSES = 3  # workers that may be lost at the same jobs


@contextmanager
def ray_engine(settings: EngineSettings) -> Iterator[RayEngine]:
    """An engine for the block. The cluster is joined, or started, when there is work.

    Raises InputError where Ray is missing, or the cluster does not answer.
    """
    engine = RayEngine(address_of(settings), settings)
    try:
        yield engine
    finally:
        engine.close()


class RayEngine:
    """The engine: see `Engine`."""

    def __init__(self, address: str, settings: EngineSettings) -> None:
        self._address, self._settings = address, settings
        self._opened = ExitStack()
        self._crew: Crew | None = None
        self._number = 0

    def width(self, device: torch.device) -> int:
        """See `Engine`."""
        crew = self.crew()
        return crew.size * crew.threads

    def require_name(self, name: str, has_name: bool) -> None:
        """See `Engine`."""
        if not has_name:
            raise InputError(
                f"'{name}' is in the memory of this process, and workers of Ray cannot get it: "
                "save it with save_pretrained(FOLDER), and give the folder"
            )

    def run(self, work: Work[Job, Result], jobs: Sequence[Job], report: Report) -> list[Result]:
        """See `Engine`."""
        crew = self.crew()
        import ray  # after the crew has set its environment, which Ray reads once

        self._number += 1
        each = 1
        if work.one_thread:
            each = max(1, min(crew.threads, -(-len(jobs) // crew.size)))
        packed = ray.put(pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        run = _Run(crew, self._number, packed)
        run.plan(jobs, each)
        # Ray takes what a signal raises in it for an error of its own, so it runs in a thread: a
        # signal is for this one.
        with undisturbed():
            doing = self._thread.submit(run.results)
        try:
            found = result_of(doing, lambda: report(run.amount))
            report(run.amount)
            return found
        except BaseException:
            run.stop()
            wait_for(doing)
            crew.dismiss(run.busy())
            raise
        finally:
            warn(run.warnings)

    def crew(self) -> Crew:
        """The workers, which are planned at the first call, in a cluster that is joined then."""
        if self._crew is None:
            self._opened.enter_context(cluster(self._address, self._settings))
            crew = Crew(self._settings.workers)
            self._opened.enter_context(crew.at_work())
            self._thread = self._opened.enter_context(ThreadPoolExecutor(1, "probekit-ray"))
            self._crew = crew
        return self._crew

    def close(self) -> None:
        """End the workers, and leave the cluster."""
        self._crew = None
        self._opened.close()


class _Run:
    """The jobs of one work, given to workers message by message.

    Attributes:
        waiting: places of the jobs of each message that no worker has.
        running: the worker and the places of each message that is being done.
        asked: workers that were asked how far they are.
        amount: how much is done.
        warnings: those of the workers.
    """

    def __init__(self, crew: Crew, number: int, packed: Any) -> None:
        """Begin a run.

        Args:
            crew: the workers.
            number: of the work.
            packed: a reference to the work, pickled.
        """
        self.crew, self.number, self.packed = crew, number, packed
        self.amount, self.warnings = 0.0, list[str]()
        self._unwanted = threading.Event()
        self.jobs: Sequence[Any] = ()
        self.waiting: deque[range] = deque()
        self.running: dict[Any, tuple[Any, range]] = {}
        self.asked: dict[Any, range] = {}
        self._found: list[Any] = []
        self._amounts: dict[range, float] = {}
        self._losses: dict[range, int] = {}
        self._next_question = time.monotonic() + ASK

    def plan(self, jobs: Sequence[Any], each: int) -> None:
        """Divide jobs into messages of `each`."""
        self.jobs, self._found = jobs, [None] * len(jobs)
        places = range(len(jobs))
        self.waiting.extend(places[i : i + each] for i in range(0, len(jobs), each))

    def busy(self) -> list[Any]:
        """The workers that have jobs."""
        return [worker for worker, _ in self.running.values()]

    def stop(self) -> None:
        """End `results` within a moment, in whichever thread it runs."""
        self._unwanted.set()

    def results(self) -> list[Any]:
        """Do all jobs. Raises what the work raises, and CancelledError after `stop`."""
        began = time.monotonic()
        while self.waiting or self.running:
            if self._unwanted.is_set():
                raise CancelledError
            self.crew.fill(len(self.running))
            while self.waiting and self.crew.idle:
                self._give(self.crew.idle.pop(0), self.waiting.popleft())
            self._listen()
            self.amount = sum(self._amounts.values())
            nobody = not (self.running or self.crew.idle)
            if nobody and not self._amounts and time.monotonic() - began > BEGIN:
                raise ProbekitError(
                    f"no worker has begun within {BEGIN:.0f} s: the cores of the Ray cluster may "
                    "be taken by others ('ray status' shows them)"
                )
        return self._found

    def _give(self, worker: Any, places: range) -> None:
        jobs = pickle.dumps([self.jobs[place] for place in places], pickle.HIGHEST_PROTOCOL)
        running = worker.run.remote(self.number, [self.packed], jobs)
        self.running[running] = (worker, places)

    def _listen(self) -> None:
        """Wait for a moment for whatever comes first."""
        import ray

        self._ask()
        expected = [*self.crew.beginning, *self.running, *self.asked]
        ready, _ = ray.wait(expected, num_returns=1, timeout=TICK)
        for answer in ready:
            if answer in self.crew.beginning:
                self.crew.begun(answer)
            elif answer in self.asked:
                self._hear(answer)
            else:
                self._finish(answer)

    def _ask(self) -> None:
        """Ask workers how far they are, now and then."""
        if time.monotonic() < self._next_question or self.asked:
            return
        self._next_question = time.monotonic() + ASK
        for worker, places in self.running.values():
            self.asked[worker.done.remote()] = places

    def _hear(self, answer: Any) -> None:
        import ray

        places = self.asked.pop(answer)
        try:
            amount = ray.get(answer)
        except ray.exceptions.RayActorError:
            return  # its jobs tell that it is lost
        if any(places == current for _, current in self.running.values()):
            self._amounts[places] = amount

    def _finish(self, answer: Any) -> None:
        """Keep the results of a message; or have it done again, if its worker was lost."""
        import ray

        worker, places = self.running[answer]
        try:
            done = ray.get(answer)
        except ray.exceptions.RayActorError as error:
            del self.running[answer]
            self._lose(places, error)
            return
        del self.running[answer]
        self.crew.idle.append(worker)
        self.warnings += done.warnings
        if done.error is not None:
            raise done.error
        self._amounts[places] = done.amount
        for place, result in zip(places, pickle.loads(done.results), strict=True):
            self._found[place] = result

    def _lose(self, places: range, error: Exception) -> None:
        self._amounts.pop(places, None)
        self._losses[places] = self._losses.get(places, 0) + 1
        if self._losses[places] == LOSSES:
            raise ProbekitError(
                f"{LOSSES} workers were lost at the same work, most often for lack of memory: "
                "give fewer workers or more memory; what is finished is kept"
            ) from error
        self.waiting.appendleft(places)
