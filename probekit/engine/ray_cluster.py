"""Ray cluster: connect to one that runs, or start one on this machine for as long as it is needed.

The one that is started listens on the loopback address only, asks for a token that nobody else has,
has no dashboard, and sends nothing home.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from probekit.engine.settings import EngineSettings
from probekit.errors import InputError

ANSWER = 5.0  # seconds that an address has to answer at all
GREETING = 20.0  # seconds that a cluster has to accept a driver

_GREET = "import logging, sys, ray; ray.init(sys.argv[1], logging_level=logging.ERROR)"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
# Ray's way to keep to the loopback address; it is the default on other systems than Linux.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def address_of(settings: EngineSettings) -> str:
    """The address of the cluster to connect to; empty where one is to be started.

    Raises InputError where Ray is missing, or the address has another form or does not answer.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError(
            "engine='ray' needs a package that is missing: pip install 'probekit-nlp[ray]'"
        )
    address = settings.address or os.environ.get("RAY_ADDRESS", "")
    if address in ("", "local"):
        return ""
    if address != "auto":
        _require_listener(address)
    return address


def _require_listener(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise InputError(
            f"RAY_ADDRESS or address is '{address}': it takes HOST:PORT of the cluster's head, "
            "as 'ray start' prints it there"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({error}): start one with 'ray start', "
            "or unset RAY_ADDRESS to use this machine alone"
        ) from error


@contextmanager
def cluster(address: str, settings: EngineSettings) -> Iterator[None]:
    """Connect to the cluster at `address`, or start one; disconnect or end it after the block.

    A process that is connected already stays so.

    Raises InputError where the cluster does not accept this process.
    """
    own = {} if address else {"RAY_AUTH_TOKEN": _token(), **_LOOPBACK}
    with _environment({**_QUIET, **own}):
        import ray
        from ray._private import ray_constants

        if ray.is_initialized():
            yield
            return
        # Ray reads this variable when it is imported, which may have been for another cluster.
        variable = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
        ray_constants.ENABLE_RAY_CLUSTER = ray_constants.env_bool(variable, sys.platform == "linux")
        if address:
            _require_greeting(address)
        folder = _short_folder()
        try:
            with _own_signals():
                if address:
                    ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
                else:
                    ray.init(
                        "local",
                        num_cpus=max(torch.get_num_threads(), settings.workers or 1),
                        include_dashboard=False,
                        log_to_driver=False,
                        logging_level=logging.ERROR,
                        _temp_dir=str(folder / "ray"),
                    )
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _require_greeting(address: str) -> None:
    """Raise InputError where the cluster does not accept a process of this one's kind.

    Ray waits for minutes for an address that says nothing, and cannot be interrupted meanwhile.
    """
    command = [sys.executable, "-c", _GREET, address]
    try:
        found = subprocess.run(
            command, capture_output=True, text=True, timeout=GREETING, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"what listens at {address} did not answer as a Ray cluster within {GREETING:.0f} s: "
            "give the address that 'ray start' printed and, if the cluster asks for a token, set "
            "RAY_AUTH_MODE=token and the RAY_AUTH_TOKEN of its head"
        ) from error
    if found.returncode:
        lines = [line for line in found.stderr.splitlines() if line.strip()]
        if any("Could not find any running Ray instance" in line for line in lines):
            raise InputError(
                f"no Ray cluster runs here for the address '{address}': start one with "
                "'ray start', or unset RAY_ADDRESS to use this machine alone"
            )
        why = lines[-1] if lines else f"exit status {found.returncode}"
        raise InputError(f"the Ray cluster at {address} cannot be used: {why[:300]}")


@cache
def _token() -> str:
    """What whoever connects to a cluster of this process must have; Ray keeps the first one."""
    return secrets.token_hex(32)


def _short_folder() -> Path:
    """A new folder of this user alone. Names of sockets are limited to about a hundred bytes."""
    short = "/tmp" if Path("/tmp").is_dir() else None
    return Path(tempfile.mkdtemp(prefix="pk-", dir=short))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for this process, and for those that it starts in the block.

    Ray itself sets the mode that asks for the token, if the user chose none.
    """
    before = {name: os.environ.get(name) for name in (*values, "RAY_AUTH_MODE")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's answer to SIGTERM, which Ray replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
