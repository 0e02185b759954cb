"""A Ray cluster that runs already, of two nodes on this machine, reached by its address."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.processes import COMMAND, Running, begin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs two nodes on one machine"),
    # Ray leaves the end of its own processes to their parents.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
RAY = str(Path(sys.executable).with_name("ray"))
TOKEN = "7" * 64
JOINED = 90.0  # seconds that nodes have to join


class Nodes:
    """A head and one other node, of one core each; `ray stop` would end those of other tests."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.address = f"127.0.0.1:{server.getsockname()[1]}"
        self.variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
        self._folder = folder
        port = self.address.rpartition(":")[2]
        head = ["--head", "--node-ip-address=127.0.0.1", f"--port={port}"]
        self._head = self._start(*head, "--include-dashboard=false", f"--temp-dir={folder}")
        _wait_for(lambda: self._count() == 1)
        self.other = self._start(f"--address={self.address}")
        _wait_for(lambda: self._count() == 2)

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        store = "--object-store-memory=100000000"
        command = [RAY, "start", "--block", "--num-cpus=1", "--disable-usage-stats", store]
        return subprocess.Popen(
            [*command, *options],
            env={**os.environ, **self.variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _count(self) -> int:
        """How many nodes are alive."""
        code = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False)\n"
        code += "print(sum(node['Alive'] for node in ray.nodes()))"
        done = subprocess.run(
            [sys.executable, "-c", code, self.address],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return int(done.stdout) if done.returncode == 0 else 0

    def stop(self) -> None:
        for process in (self.other, self._head):
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a node, with everything that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + JOINED
    while not holds():
        assert time.monotonic() < until, f"no node has joined within {JOINED:.0f} s"
        time.sleep(0.5)


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    # Names of sockets are limited to about a hundred bytes, which pytest's folders exceed.
    folder = Path("/tmp") / f"pk-{os.getpid()}"
    started = Nodes(folder)
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


PROBE = ("probe", "--model", "minilm", "--task", "pos", "--corpus", "sample", "--seeds", 2)


def begin_there(nodes: Nodes, out: Path, cache: Path, token: str = TOKEN) -> Running:
    """`probekit probe` with a worker on either node."""
    variables = {**nodes.variables, "RAY_AUTH_TOKEN": token, "RAY_ADDRESS": nodes.address}
    arguments = (*PROBE, "--engine", "ray", "--workers", 2, "--out", out)
    return begin(COMMAND, *arguments, environment={**variables, "PROBEKIT_CACHE": str(cache)})


def test_two_nodes_find_what_threads_find_though_one_is_lost(nodes: Nodes, tmp_path: Path) -> None:
    plain = begin(
        COMMAND,
        *PROBE,
        "--out",
        tmp_path / "threads",
        environment={"PROBEKIT_CACHE": str(tmp_path / "cache-threads")},
    )
    _, errors = plain.communicate(timeout=600)
    assert plain.returncode == 0, errors
    expected = pd.read_csv(tmp_path / "threads" / "scores.csv")

    both = begin_there(nodes, tmp_path / "both", tmp_path / "cache-both")
    _, errors = both.communicate(timeout=600)
    assert both.returncode == 0, errors
    found = pd.read_csv(tmp_path / "both" / "scores.csv")
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)

    cache = tmp_path / "cache-lost"
    lost = begin_there(nodes, tmp_path / "lost", cache)
    _wait_for(lambda: any(cache.rglob("*.safetensors")))
    kill(nodes.other)
    _, errors = lost.communicate(timeout=600)
    assert lost.returncode == 0, errors
    found = pd.read_csv(tmp_path / "lost" / "scores.csv")
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-6)


def test_another_token_is_refused_in_one_line(nodes: Nodes, tmp_path: Path) -> None:
    running = begin_there(nodes, tmp_path / "out", tmp_path / "cache", token="8" * 64)
    _, errors = running.communicate()
    assert running.returncode == 2, errors
    assert errors.count("\n") == 1 and "RAY_AUTH_TOKEN" in errors
