"""With a GPU probes are fitted there, and results are those of the CPU.

Without one, tensors pretend to be on one: these tests then find a tensor in the wrong place.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.models.checkpoint import Checkpoint, Device, EncoderSettings
from probekit.probes.fit import fit
from probekit.probes.rounds import Rounds
from probekit.progress import silent
from probekit.states.reading import read_each
from probekit.states.sweep import Sweep
from probekit.states.tensors import Tensors, at_hand
from probekit.tasks.question import ask
from tests.pretend_gpu import pretend_gpu

QUICK: dict[str, Any] = {"epochs": 1, "words": 20_000}
KINDS = ["linear", "mlp", "rank:4", "edge"]
EVIDENCE: list[dict[str, Any]] = [
    {"mix": True, "control": True, "beyond": 0},
    {"codelength": True, "resample_train": 2},
]


def a_gpu() -> AbstractContextManager[Any]:
    return nullcontext() if torch.cuda.is_available() else pretend_gpu()


def require_same(model: Path, tasks: Any, corpus: Corpus, **options: Any) -> None:
    """Scores of the GPU must be those of the CPU, within what single precision leaves open."""
    scores = []
    for device in ("cuda", "cpu"):
        asked: dict[str, Any] = {
            "corpus": corpus,
            "fit_settings": pk.FitSettings(**QUICK, device=device),
            "encoder": pk.EncoderSettings(device=device),
            "progress": False,
        }
        with a_gpu() if device == "cuda" else nullcontext():
            found = pk.probe(str(model), tasks, **asked, **options)
        assert found.run.settings["fit"]["device"] == device
        scores.append(found.table["score"].to_numpy())
    on_gpu, on_cpu = scores
    np.testing.assert_allclose(on_gpu, on_cpu, atol=0.03)
    assert np.abs(on_gpu - on_cpu).mean() < 0.005


def test_mixed_places_are_found() -> None:
    with pretend_gpu():
        there, here = torch.ones(2, 3, device="cuda"), torch.ones(3, 2)
        assert there.device.type == "cuda"
        with pytest.raises(RuntimeError, match="tensors on the GPU and the CPU"):
            there @ here
        with pytest.raises(RuntimeError, match="numpy of a tensor on the GPU"):
            there.numpy()
        assert (there @ here.to("cuda")).cpu().numpy().shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("probe", KINDS)
def test_probes(tiny_bert: Path, small: Corpus, probe: str) -> None:
    require_same(tiny_bert, ["pos", "dep", "srl"], small, probes=probe)


@pytest.mark.slow
def test_probes_without_states_on_disk(tiny_bert: Path, small: Corpus) -> None:
    require_same(tiny_bert, ["pos", "dep", "srl"], small, states="none")


def test_linear_probes_of_a_decoder(tiny_gpt2: Path, small: Corpus) -> None:
    require_same(tiny_gpt2, ["pos", "dep"], small)


@pytest.mark.slow
@pytest.mark.parametrize("evidence", EVIDENCE, ids=str)
def test_evidence(tiny_bert: Path, small: Corpus, evidence: dict[str, Any]) -> None:
    require_same(tiny_bert, "pos", small, **evidence)


@pytest.mark.slow
def test_structural_probes(tiny_bert: Path, small: Corpus) -> None:
    require_same(tiny_bert, ["distance", "depth", "arc"], small)


@pytest.mark.slow
@pytest.mark.parametrize("states", ["stored", "none"])
def test_compare(tiny_bert: Path, small: Corpus, states: Any) -> None:
    with a_gpu():
        found = pk.compare(
            str(tiny_bert),
            f"random:{tiny_bert}",
            ["pos", "dep"],
            corpus=small,
            fit_settings=pk.FitSettings(**QUICK),
            states=states,
            resample_train=2,
            progress=False,
        )
    assert found.run.settings["fit"]["device"] == "cuda"
    assert len(found.comparison)


def test_states_are_those_of_the_cpu(tiny_bert: Path, small: Corpus) -> None:
    every = []
    for device in ("cuda", "cpu"):
        encoder = pk.EncoderSettings(device=device)
        with a_gpu() if device == "cuda" else nullcontext():
            states = pk.extract(
                tiny_bert, small, store_dtype="float32", encoder=encoder, progress=False
            )
            if device == "cuda":
                assert states.computed
        n = int(small.offsets("train")[-1])
        every.append(states.read("train", 0, n, states.layers))
    on_gpu, on_cpu = every
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-5)


def test_states_are_brought_to_the_gpu_once(tiny_bert: Path, small: Corpus) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    with a_gpu():
        here = at_hand(states, tuple(states.layers), torch.device("cuda"))
        assert isinstance(here, Tensors)
        assert at_hand(here, here.layers, torch.device("cuda")) is here
        for split in small.splits:
            n = int(small.offsets(split)[-1])
            expected = states.read(split, 0, n, states.layers)
            found = here.take(split, [(0, 5), (5, n)], states.layers)
            assert found.device.type == "cuda"
            np.testing.assert_array_equal(found.cpu().numpy(), expected)
            np.testing.assert_array_equal(here.read(split, 0, n, states.layers), expected)


def test_trained_probes_leave_the_gpu(tiny_bert: Path, small: Corpus) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    question = ask(pk.load_task("pos"), small)
    settings = pk.FitSettings(**QUICK, device="cuda")
    with a_gpu():
        (fitted,) = fit(states, [question], settings=settings)
        for _, stack in fitted.stacks:
            assert {tensor.device.type for tensor in stack.parameters()} == {"cpu"}
            assert stack.scaling.mean.device.type == "cpu"


@pytest.mark.parametrize("task", ["pos", "srl"])
def test_steps_of_training_do_not_wait_for_the_gpu(
    task: str, tiny_bert: Path, small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it is idle whenever the thread prepares the next step."""
    states = pk.extract(tiny_bert, small, progress=False)
    question = ask(pk.load_task(task), small)
    settings = pk.FitSettings(**QUICK, device="cuda")
    train, found = Rounds._round, list[str]()

    with pretend_gpu() as waits:

        def watched(*given: Any) -> None:
            before = len(waits)
            train(*given)
            found.extend(waits[before:])

        monkeypatch.setattr(Rounds, "_round", watched)
        fit(states, [question], settings=settings)
        assert waits  # for the predictions
    assert not found


def test_a_sweep_reads_texts_of_similar_length_together(
    tiny_bert: Path, sample: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probekit.states.extract.SHARD_WORDS", 300)
    vectors: list[list[torch.Tensor]] = []
    devices: list[Device] = ["cpu", "cuda"]
    for device in devices:
        with a_gpu() if device == "cuda" else nullcontext():
            model = Checkpoint(str(tiny_bert), EncoderSettings(device=device))
            settings = pk.ExtractSettings(states="none")
            (states,) = read_each(model, sample, ["sentence"], settings, silent)
            sweep = states.values
            assert isinstance(sweep, Sweep)
            if device == "cuda":
                train = [piece for piece in sweep.pieces if piece.shard.split == "train"]
                filled = sum(len(ids) + 2 for piece in train for ids in piece.batch.subwords)
                assert sum(piece.rows for piece in train) < 1.25 * filled
            vectors.append([])
            for held in sweep.in_turn():
                vectors[-1] += [held.values[layer]["train"].cpu().clone() for layer in held.now]
    for on_cpu, on_gpu in zip(*vectors, strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, atol=4e-3, rtol=0)


def test_a_split_without_texts_is_swept(tiny_bert: Path, small: Corpus) -> None:
    corpus = Corpus("test only", {"train": (), "dev": (), "test": small.splits["test"]})
    with a_gpu():
        model = Checkpoint(str(tiny_bert), EncoderSettings(device="cuda"))
        settings = pk.ExtractSettings(states="none")
        (states,) = read_each(model, corpus, ["sentence"], settings, silent)
        assert isinstance(states.values, Sweep)
        assert {piece.shard.split for piece in states.values.pieces} == {"test"}
