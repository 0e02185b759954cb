"""On a GPU, probes are those of the CPU, within what single precision leaves open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.states.tensors import Tensors, at_hand
from probekit.states.vectors import Vectors
from probekit.tasks.question import ask

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU with CUDA here")
TASKS = ("pos", "dep", "srl", "coref")


def _scores(model: Path, corpus: Corpus, **options: object) -> pk.Scores:
    return pk.probe(str(model), TASKS, corpus=corpus, progress=False, **options)


@pytest.mark.parametrize("probe", ["linear", "mlp", "rank:4", "edge"])
def test_probes_are_those_of_the_cpu(tiny_bert: Path, small: Corpus, probe: str) -> None:
    tables = []
    for device in ("cuda", "cpu"):
        found = _scores(tiny_bert, small, probes=probe, device=device, control=True)
        assert found.run.settings["fit"]["device"] == device
        tables.append(found.table)
    on_gpu, on_cpu = tables
    assert (on_gpu[["task", "layer", "probe"]] == on_cpu[["task", "layer", "probe"]]).all(axis=None)
    differences = (on_gpu["score"] - on_cpu["score"]).abs()
    print(probe, differences.max(), differences.mean())
    assert differences.mean() < 0.005


@pytest.mark.parametrize("options", [{"mix": True}, {"codelength": True}, {"resample_train": 2}])
def test_evidence_runs(tiny_bert: Path, small: Corpus, options: dict[str, object]) -> None:
    on_gpu = pk.probe(str(tiny_bert), "pos", corpus=small, device="cuda", progress=False, **options)
    on_cpu = pk.probe(str(tiny_bert), "pos", corpus=small, device="cpu", progress=False, **options)
    assert len(on_gpu.table) == len(on_cpu.table)
    np.testing.assert_allclose(on_gpu.table["score"], on_cpu.table["score"], atol=0.03)


def test_structural_probes_are_those_of_the_cpu(tiny_bert: Path, small: Corpus) -> None:
    scores = []
    for device in ("cuda", "cpu"):
        found = pk.probe(str(tiny_bert), "distance", corpus=small, device=device, progress=False)
        scores.append(found.table["score"].to_numpy())
    np.testing.assert_allclose(*scores, atol=0.03)


@pytest.mark.parametrize("fixture", ["tiny_bert", "tiny_gpt2"])
def test_a_sweep_has_the_vectors_of_the_store(
    fixture: str, small: Corpus, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(fixture)
    stored, none = (
        _scores(model, small, device="cuda", states=states) for states in ("stored", "none")
    )
    differences = (stored.table["score"] - none.table["score"]).abs()
    print(differences.max())
    assert differences.max() < 0.01


def test_stored_states_are_those_of_the_cpu(tiny_bert: Path, small: Corpus) -> None:
    every = []
    for device in ("cuda", "cpu"):
        encoder = pk.EncoderSettings(device=device)
        states = pk.extract(
            tiny_bert, small, store_dtype="float32", encoder=encoder, progress=False
        )
        n = int(small.offsets("train")[-1])
        every.append(states.read("train", 0, n, states.layers))
    np.testing.assert_allclose(*every, atol=2e-5)


def test_states_are_brought_to_the_gpu_once(tiny_bert: Path, small: Corpus) -> None:
    states: Vectors = pk.extract(tiny_bert, small, progress=False)
    device = torch.device("cuda")
    here = at_hand(states, tuple(states.layers), device)
    assert isinstance(here, Tensors)
    for split in small.splits:
        n = int(small.offsets(split)[-1])
        expected = states.read(split, 0, n, states.layers)
        found = here.take(split, [(0, n)], states.layers)
        assert found.device.type == "cuda"
        np.testing.assert_array_equal(found.cpu().numpy(), expected)


def test_trained_probes_leave_the_gpu(tiny_bert: Path, small: Corpus) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    question = ask(pk.load_task("pos"), small)
    (fitted,) = fit(states, [question], settings=FitSettings(device="cuda", words=20_000))
    for _, stack in fitted.stacks:
        assert {tensor.device.type for tensor in stack.parameters()} == {"cpu"}
        assert stack.scaling.mean.device.type == "cpu"
