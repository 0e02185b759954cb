"""Engine settings, and what is refused before any work."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from transformers import AutoModel

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.engine.current import current, running_on
from probekit.engine.engine import Threads
from probekit.engine.ray_crew import check, cores_each
from probekit.engine.ray_worker import Greeting, versions
from probekit.errors import InputError, StoreError


def test_threads_are_the_default() -> None:
    assert isinstance(current(), Threads)
    with running_on("threads"):
        assert isinstance(current(), Threads)


def test_what_settings_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="workers=2 needs engine='ray'"):
        pk.EngineSettings(workers=2)
    with pytest.raises(InputError, match="address='a:1' needs engine='ray'"):
        pk.EngineSettings(address="a:1")
    assert pk.EngineSettings("ray", 2, "a:1").workers == 2


@pytest.mark.parametrize("address", ["head", "ray://head:10001", ":6379", "head:port"])
def test_an_address_of_another_form(address: str) -> None:
    with (
        pytest.raises(InputError, match="it takes HOST:PORT"),
        running_on(pk.EngineSettings("ray", address=address)),
    ):
        pass


def test_an_address_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    with pytest.raises(InputError, match=f"no Ray cluster answers at 127.0.0.1:{port}"):
        pk.probe("minilm", "pos", corpus="sample", engine="ray")


@pytest.mark.slow
def test_a_listener_that_is_no_cluster(
    tiny_bert: Path, small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probekit.engine.ray_cluster.GREETING", 4.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(InputError, match="did not answer as a Ray cluster within 4 s"):
            pk.probe(tiny_bert, "pos", corpus=small, engine="ray")


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'probekit-nlp\[ray\]'"):
        pk.probe("minilm", "pos", corpus="sample", engine="ray")


def test_a_model_in_memory_cannot_be_sent(
    tiny_bert: Path, small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    with pytest.raises(InputError, match=r"workers of Ray cannot get it: save it with"):
        pk.probe(model, "pos", corpus=small, engine="ray")


def test_cores_of_workers() -> None:
    assert cores_each([8], 2) == 4
    assert cores_each([4, 4, 4], 2) == 4
    assert cores_each([4, 4, 4], 5) == 2
    with pytest.raises(InputError, match="workers=5: the Ray cluster has 4 cores"):
        cores_each([2, 2], 5)


def test_a_worker_that_differs_is_named() -> None:
    here = versions()
    check(Greeting("node7", 1, here, unseen=""))
    other = {**here, "probekit-nlp": "0.0"}
    with pytest.raises(InputError, match=r"on node7 has probekit-nlp 0\.0, and here it is"):
        check(Greeting("node7", 1, other, unseen=""))
    with pytest.raises(StoreError, match="on node7: cannot see"):
        check(Greeting("node7", 1, here, unseen="cannot see the states"))
