"""Without states on disk, probes are those of a run that stores them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModel

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError
from probekit.models.block_by_block import require_block_by_block
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.families import FAMILIES as KNOWN
from probekit.probes.fit import fit
from probekit.probes.view import single_layers
from probekit.progress import silent
from probekit.states import extract, reading
from probekit.states.states import States
from probekit.states.stored import Stored
from probekit.states.sweep import LAYERS, Sweep
from probekit.states.sweep_facts import sweep_facts
from probekit.tasks.question import ask
from tests.commands import run_main

EXACT: dict[str, Any] = {"rtol": 0, "atol": 1e-6}
QUICK = pk.FitSettings(epochs=1, words=20_000)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def swept(model: Path | str, corpus: Corpus, **options: Any) -> States:
    settings = pk.ExtractSettings(states="none", **options)
    opened = Checkpoint(str(model), EncoderSettings())
    return reading.read_each(opened, corpus, ["sentence"], settings, silent)[0]


def sweep_of(states: States) -> Sweep:
    assert isinstance(states.values, Sweep)
    return states.values


def require_same(found: pk.Scores, expected: pk.Scores) -> None:
    pd.testing.assert_frame_equal(found.table, expected.table, check_exact=False, **EXACT)
    assert found.predicted.equals(expected.predicted)
    assert found.warnings == expected.warnings
    for name in pk.Scores.OPTIONAL:
        one, other = getattr(found, name), getattr(expected, name)
        pd.testing.assert_frame_equal(one, other, check_exact=False, **EXACT)


def require_same_tables(found: Any, expected: Any) -> None:
    """The tables of two results are the same, and their warnings."""
    assert found.tables.keys() == expected.tables.keys()
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, expected.tables[name], check_exact=False, **EXACT)
    assert found.warnings == expected.warnings


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Layers are divided among threads, and a probe that is trained alone is rounded otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["minilm", "gpt2", "llama"])
def model(request: Any, families: Callable[..., Path]) -> str:
    return request.param if request.param == "minilm" else str(families(request.param))


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_losses_and_predictions_are_those_of_the_stored_run(
    model: str, shards: int, sample: Corpus, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = int(sample.offsets("train")[-1])
    monkeypatch.setattr(extract, "SHARD_WORDS", -(-words // shards))
    stored = pk.extract(model, sample, progress=False)
    before = size(own_cache)
    sweep = sweep_of(swept(model, sample))
    assert isinstance(stored.values, Stored)
    assert len(stored.values.shards["train"]) == shards
    assert {piece.shard for piece in sweep.pieces} == {
        shard for shards in stored.values.shards.values() for shard in shards
    }
    question = ask(pk.load_task("pos"), sample)
    expected = fit(stored, [question], settings=QUICK)[0]
    number = 0
    for held in sweep.in_turn():
        assert len(held.now) <= LAYERS
        for layer in held.now:
            for split in ("train", "dev", "test"):
                n = int(sample.offsets(split)[-1])
                vectors = held.read(split, 0, n, [layer])
                np.testing.assert_array_equal(vectors, stored.read(split, 0, n, [layer]))
        views = single_layers(held.now)
        (found,) = fit(held, [question], settings=QUICK, views=views)
        own = slice(number, number + len(views))
        number = own.stop
        np.testing.assert_array_equal(found.predictions, expected.predictions[own])
        np.testing.assert_allclose(found.losses, expected.losses[own], **EXACT)
        np.testing.assert_array_equal(found.shares, expected.shares[own])
    assert number == len(stored.layers)
    assert size(own_cache) == before


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["float16", "float32"])
def test_a_run_without_states_on_disk_is_a_stored_run(
    kept: str, model: str, sample: Corpus, own_cache: Path
) -> None:
    options: dict[str, Any] = {"corpus": sample, "fit_settings": QUICK, "store_dtype": kept}
    found = pk.probe(model, ["pos", "dep"], states="none", progress=False, **options)
    assert not (own_cache / "states").exists()
    require_same(found, pk.probe(model, ["pos", "dep"], progress=False, **options))
    (measured,) = found.run.measurements
    assert measured.store == "" and measured.shards_computed == 0
    assert measured.seconds["extract"] > 0


@pytest.mark.slow
def test_evidence_is_that_of_a_stored_run(tiny_bert: Path, small: Corpus) -> None:
    options: dict[str, Any] = {
        "corpus": small,
        "probes": ["linear", "rank:4"],
        "seeds": 2,
        "fit_settings": QUICK,
        "control": True,
        "codelength": True,
        "resample_train": 2,
        "test_corpus": small,
        "random_control": True,
        "progress": False,
    }
    found = pk.probe(tiny_bert, ["pos", "depth"], states="none", **options)
    require_same(found, pk.probe(tiny_bert, ["pos", "depth"], **options))


def test_some_layers_of_documents(tiny_gpt2: Path, small: Corpus) -> None:
    task = replace(pk.load_task("pos"), context="document")
    options: dict[str, Any] = {"corpus": small, "fit_settings": QUICK, "layers": (0, 2)}
    found = pk.probe(tiny_gpt2, task, states="none", progress=False, **options)
    require_same(found, pk.probe(tiny_gpt2, task, progress=False, **options))


def test_a_loaded_model_is_swept(tiny_bert: Path, small: Corpus) -> None:
    loaded = pk.LoadedModel(AutoModel.from_pretrained(tiny_bert))
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    options: dict[str, Any] = {"corpus": small, "fit_settings": QUICK, "progress": False}
    found = pk.probe(loaded, "pos", states="none", **options)
    require_same(found, pk.probe(loaded, "pos", **options))
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, before[name])


def test_weights_of_another_type_are_those_of_the_stored_run(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "half")
    AutoModel.from_pretrained(tiny_bert, dtype=torch.bfloat16).save_pretrained(folder)
    stored = pk.extract(folder, small, progress=False)
    for held in sweep_of(swept(folder, small)).in_turn():
        for layer in held.now:
            n = int(small.offsets("train")[-1])
            vectors = held.read("train", 0, n, [layer])
            np.testing.assert_array_equal(vectors, stored.read("train", 0, n, [layer]))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"mix": True}, "`mix` trains probes that read several layers"),
    ({"beyond": 0}, "`beyond` trains probes that read several layers"),
    ({"encoder": EncoderSettings(site="mlp")}, "reads the residual stream"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_needs_states_on_disk_is_refused_at_once(
    options: dict[str, Any], message: str, tiny_bert: Path, small: Corpus, own_cache: Path
) -> None:
    with pytest.raises(InputError, match=message) as error:
        pk.probe(tiny_bert, "pos", corpus=small, states="none", **options)
    assert len(str(error.value).splitlines()) == 1
    assert not (own_cache / "states").exists()


@pytest.mark.parametrize("verb", ["compare_use", "attribute", "erase", "neurons"])
def test_other_verbs_refuse_it(verb: str, tiny_bert: Path) -> None:
    given: tuple[Any, ...] = (tiny_bert, "pos")
    if verb == "compare_use":
        given = (tiny_bert, tiny_bert, "pos")
    with pytest.raises(InputError, match="states='none' reads each layer once"):
        getattr(pk, verb)(*given, corpus="sample", states="none")


def test_extract_refuses_it(tiny_bert: Path, small: Corpus) -> None:
    with pytest.raises(InputError, match="states='none' reads each layer once"):
        pk.extract(tiny_bert, small, states="none")


def test_its_states_cannot_be_read(tiny_bert: Path, small: Corpus) -> None:
    with pytest.raises(InputError, match="are not kept"):
        swept(tiny_bert, small).numpy("train")


def test_a_family_that_cannot_be_swept_is_one_line(
    families: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for command in (["probe", "--task", "pos"], ["doctor"]):
        given = [*command, "--model", str(families("t5")), "--corpus", "sample"]
        status, _, said = run_main([*given, "--states", "none"], monkeypatch, capsys)
        assert status == 2
        assert "cannot be run block by block" in said and "use --states stored" in said
        assert "Traceback" not in said


def test_a_family_that_is_not_listed_is_tried_first(
    tiny_bert: Path, small: Corpus, families: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = {name: row for name, row in KNOWN.items() if name not in ("bert", "t5")}
    monkeypatch.setattr("probekit.models.families.FAMILIES", hidden)
    require_block_by_block(Checkpoint(str(tiny_bert), EncoderSettings()))
    with pytest.raises(ModelError, match="cannot be run block by block"):
        require_block_by_block(Checkpoint(str(families("t5")), EncoderSettings()))


@pytest.fixture
def tuned(families: Callable[..., Path], tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """A model of a family, and another with its configuration and other weights."""

    def both(family: str) -> tuple[Path, Path]:
        before = families(family)
        after = shutil.copytree(before, tmp_path / "after")
        model = AutoModel.from_pretrained(before)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in model.parameters():
                noise = torch.randn(weight.shape, generator=generator)
                weight.add_(noise, alpha=0.3 * float(weight.std()) if weight.numel() > 1 else 0.1)
        model.save_pretrained(after)
        return before, after

    return both


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_a_comparison_without_states_on_disk_is_one_of_stored_runs(
    family: str,
    tuned: Callable[[str], tuple[Path, Path]],
    sample: Corpus,
    own_cache: Path,
) -> None:
    options: dict[str, Any] = {
        "corpus": sample,
        "fit_settings": QUICK,
        "seeds": 2,
        "resample_train": 2,
        "progress": False,
    }
    before, after = tuned(family)
    found = pk.compare(before, after, ["pos", "dep"], states="none", **options)
    assert not (own_cache / "states").exists()
    expected = pk.compare(before, after, ["pos", "dep"], **options)
    require_same_tables(found, expected)


@pytest.mark.slow
def test_a_trajectory_without_states_on_disk_is_one_of_stored_runs(
    tuned: Callable[[str], tuple[Path, Path]], small: Corpus, own_cache: Path, tmp_path: Path
) -> None:
    before, after = tuned("bert")
    options: dict[str, Any] = {"corpus": small, "fit_settings": QUICK, "progress": False}
    found = pk.trace([before, after], "pos", folder=tmp_path / "a", states="none", **options)
    assert not (own_cache / "states").exists()
    expected = pk.trace([before, after], "pos", folder=tmp_path / "b", **options)
    require_same_tables(found, expected)


def test_checkpoints_of_another_depth_are_not_compared_without_states(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    after = shutil.copytree(tiny_bert, tmp_path / "shallow")
    model = AutoModel.from_pretrained(tiny_bert)
    del model.encoder.layer[-1]
    model.config.num_hidden_layers -= 1
    model.save_pretrained(after)
    with pytest.raises(InputError, match="with the same layers, or use states='stored'"):
        pk.compare(tiny_bert, after, "pos", corpus=small, states="none", progress=False)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_what_a_sweep_would_take(
    family: str, families: Callable[..., Path], sample: Corpus
) -> None:
    sweep = sweep_of(swept(families(family), sample))
    looked: dict[int, np.ndarray] = {}
    facts = sweep_facts(sweep, lambda layer, values: looked.update({layer: values.copy()}))
    assert list(looked) == list(sweep.layers)
    assert len({len(values) for values in looked.values()}) == 1 and len(looked[0]) > 1_000
    assert all((np.abs(values).sum(axis=1) > 0).all() for values in looked.values())
    encoder = sweep.model.encoder
    encoder.load(encoder.n_layers - 1)
    with FlopCounterMode(display=False) as counter:
        n_bytes = 0
        for piece in sweep.pieces:
            n_bytes += encoder.hidden_states(piece.batch.subwords)[0].nbytes
    assert facts["hidden states in MB"] == round(n_bytes / 1e6, 1)
    counted = counter.get_total_flops() / 1e9
    assert facts["floating-point operations in 10^9"] == pytest.approx(counted, rel=0.25)
    assert facts["sweep on this machine in s, without probes, about"] >= 0
