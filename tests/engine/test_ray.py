"""Ray: the same numbers as with threads, from workers that may be lost on the way."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.engine import ray_worker
from probekit.engine.current import current, running_on
from probekit.engine.engine import Report
from probekit.errors import InputError, ProbekitWarning, StoreError
from probekit.probes.fit import fit
from probekit.probes.fitted import Fitted
from tests.language_models import make_language_model
from tests.processes import COMMAND, begin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here"),
    # Ray leaves the end of its own processes to their parents.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
QUICK = pk.FitSettings(words=20_000)


@pytest.fixture(scope="module")
def models(
    tiny_gpt2: Path, sample: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Names of three models of different families."""
    texts = [" ".join(passage.words) for passage in sample.splits["train"][:400]]
    llama = make_language_model("llama", tmp_path_factory.mktemp("llama") / "llama", texts)
    return {"minilm": "minilm", "gpt2": str(tiny_gpt2), "llama": str(llama)}


def probed(model: str, corpus: Corpus, **how: Any) -> pk.Scores:
    tasks = ["pos", "dep"]
    how = {"progress": False, **how}
    return pk.probe(model, tasks, corpus=corpus, seeds=2, fit_settings=QUICK, **how)


def fitted(model: str, corpus: Corpus) -> list[Fitted]:
    states = pk.extract(model, corpus, progress=False)
    return fit(states, [pk.ask(pk.load_task("pos"), corpus)], seeds=(0, 1), settings=QUICK)


def states_in(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.rglob("*.safetensors")}


Found = dict[str, tuple[pk.Scores, list[Fitted]]]


def measured(models: dict[str, str], corpus: Corpus, cache: Path) -> Found:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("probekit.states.extract.SHARD_WORDS", 1_000)
        patched.setenv("PROBEKIT_CACHE", str(cache))
        found = {}
        for name, model in models.items():
            found[name] = (probed(model, corpus), fitted(model, corpus))
        return found


@pytest.fixture(scope="module")
def on_threads(
    models: dict[str, str], sample: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Found, dict[str, bytes]]:
    """What threads find, and the states they write."""
    cache = tmp_path_factory.mktemp("threads")
    return measured(models, sample, cache), states_in(cache)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_numbers_are_those_of_threads(
    workers: int,
    models: dict[str, str],
    sample: Corpus,
    on_threads: tuple[Found, dict[str, bytes]],
    own_cache: Path,
) -> None:
    expected, states = on_threads
    with running_on(pk.EngineSettings("ray", workers)):
        found = measured(models, sample, own_cache)
    for name, (scores, probes) in found.items():
        others, same_probes = expected[name]
        assert scores.run.measurements[0].shards_computed > 10
        pd.testing.assert_frame_equal(scores.table, others.table, rtol=0, atol=1e-6)
        assert scores.predicted == others.predicted
        for one, other in zip(probes, same_probes, strict=True):
            np.testing.assert_array_equal(one.predictions, other.predictions)
            np.testing.assert_allclose(one.losses, other.losses, rtol=0, atol=1e-6)
    assert states and states == states_in(own_cache)


def workers_of(process: int) -> list[int]:
    """The processes that do work for another, of which they descend."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            number = int(folder.name)
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[number], names[number] = int(status[1]), (folder / "cmdline").read_text()
    found = []
    for number, name in names.items():
        above = number
        while above in parents and above != process:
            above = parents[above]
        if above == process and name.startswith("ray::Worker"):
            found.append(number)
    return found


def test_only_the_shard_of_a_lost_worker_is_done_again(
    sample: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probekit.states.extract.SHARD_WORDS", 500)
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "threads"))
    expected = probed("minilm", sample)
    n_files = len(states_in(tmp_path / "threads"))
    cache = tmp_path / "ray"
    monkeypatch.setenv("PROBEKIT_CACHE", str(cache))
    killed: list[set[tuple[Path, int]]] = []

    def files() -> set[tuple[Path, int]]:
        return {(path, path.stat().st_ino) for path in cache.rglob("*.safetensors")}

    def kill(stage: str, done: float, total: float) -> None:
        """At each third of the shards."""
        if len(killed) < 2 and len(files()) > n_files * (len(killed) + 1) / 3:
            for worker in workers_of(os.getpid()):
                os.kill(worker, signal.SIGKILL)
            killed.append(files())

    found = probed("minilm", sample, engine=pk.EngineSettings("ray", 1), progress=kill)
    assert [len(before) < n_files for before in killed] == [True, True]
    layers = 7
    for before in killed:
        assert len(before - files()) <= layers  # written again: the files of one shard at most
    pd.testing.assert_frame_equal(found.table, expected.table, rtol=0, atol=1e-6)
    assert states_in(cache) == states_in(tmp_path / "threads")
    assert not list(cache.rglob("*.proof"))


def test_probes_of_a_lost_worker_are_fitted_again(
    sample: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the first layers are fitted, and again: the same probes, and no state anew."""
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "cache"))
    expected = probed("minilm", sample)
    states = states_in(tmp_path / "cache")
    killed: list[float] = []

    def kill(stage: str, done: float, total: float) -> None:
        if stage == "fit" and len(killed) < 2 and len(killed) / 3 < done / total < 1:
            workers = workers_of(os.getpid())
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            killed.append(done / total)

    found = probed("minilm", sample, engine=pk.EngineSettings("ray", 1), progress=kill)
    assert len(killed) == 2
    pd.testing.assert_frame_equal(found.table, expected.table, rtol=0, atol=1e-6)
    assert states_in(tmp_path / "cache") == states


def test_an_interrupt_ends_workers_and_keeps_what_is_finished(
    tiny_bert: Path, brief: Path, tmp_path: Path, own_cache: Path
) -> None:
    arguments = ["probe", "--model", tiny_bert, "--task", "pos", "--corpus", brief]
    place = ["--engine", "ray", "--workers", "2", "--out", tmp_path / "out"]
    running = begin(COMMAND, *arguments, *place, "--probe", "mlp", "--seeds", "1000")
    until = time.monotonic() + 120
    while not list(own_cache.rglob("*.safetensors")):
        assert time.monotonic() < until and running.returncode is None
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGINT, err
    assert err.splitlines()[-1].startswith("stopped; what is finished is kept") and not out
    assert all(line.startswith(("extract: ", "fit: ")) for line in err.splitlines()[:-1]), err
    assert not list(own_cache.rglob("*.proof"))
    assert not workers_of(os.getpid())


def test_a_worker_with_another_version_is_refused(
    tiny_bert: Path, small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {**ray_worker.versions(), "torch": "1.0"}
    monkeypatch.setattr("probekit.engine.ray_crew.versions", lambda: here)
    refused = pytest.raises(InputError, match=r"has torch .*, and here it is 1\.0: install")
    with refused, running_on(pk.EngineSettings("ray", 1)):
        probed(str(tiny_bert), small)


def test_a_folder_that_workers_cannot_see_is_refused(
    tiny_bert: Path, small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(
        environment: dict[str, str], folder: str, proof: str, content: str
    ) -> ray_worker.Driver:
        return ray_worker.Driver(environment, folder, f"{proof}.elsewhere", content)

    monkeypatch.setattr("probekit.engine.ray_crew.Driver", elsewhere)
    refused = pytest.raises(StoreError, match=r"cannot see .*: set PROBEKIT_CACHE")
    with refused, running_on(pk.EngineSettings("ray", 1)):
        probed(str(tiny_bert), small)


def test_a_mistake_in_a_worker_is_told_as_it_is(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"^three is odd$"),
        running_on(pk.EngineSettings("ray", 1)),
    ):
        current().run(Odd(), [2, 3, 4], lambda done: None)


def test_warnings_of_workers_arrive_and_results_are_in_order() -> None:
    told: list[float] = []
    with (
        pytest.warns(ProbekitWarning, match="four"),
        running_on(pk.EngineSettings("ray", 2)),
    ):
        assert current().run(Odd(), [2, 4, 6, 8], told.append) == [4, 16, 36, 64]
        import ray  # after its environment is set

        assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
    assert told == sorted(told) and told[-1] == 4


ALONE = """
import ray
from probekit.engine.current import current, running_on
from probekit.engine.settings import EngineSettings

with running_on(EngineSettings("ray", 1)):
    current().crew()
    print([node["NodeManagerAddress"] for node in ray.nodes()])
"""


def test_it_keeps_to_this_machine_though_ray_was_imported_before() -> None:
    out, err = begin(ALONE).communicate()
    assert out == "['127.0.0.1']\n", err


@dataclass(frozen=True)
class Odd:
    """Squares even numbers."""

    one_thread: bool = True

    def run(self, jobs: Sequence[int], report: Report) -> list[int]:
        for number in jobs:
            if number % 2:
                raise InputError("three is odd")
            if number == 4:
                warnings.warn("four is a square", ProbekitWarning, stacklevel=1)
        report(len(jobs))
        return [number**2 for number in jobs]
