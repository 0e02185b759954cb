"""Hidden states of another engine: the same scores as the plain run, or a refusal that says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.errors import InputError, ModelError
from tests.commands import run_main
from tests.conftest import MakeFamily
from tests.states.recorder import NORMS, Change, as_computed, computed, record

FAMILIES = ("gpt2", "llama")


@pytest.fixture(scope="module")
def few(sample: Corpus) -> Corpus:
    """The first sentences of every split."""
    return Corpus("few", {split: passages[:40] for split, passages in sample.splits.items()})


def _same_vectors(one: pk.States, other: pk.States) -> None:
    for split in SPLITS:
        np.testing.assert_allclose(one.numpy(split), other.numpy(split), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_scores_equal_those_of_the_plain_run(
    family: str, families: MakeFamily, small: Corpus, tmp_path: Path
) -> None:
    checkpoint = families(family)
    folder = record(computed(checkpoint, small), tmp_path / "recorded")
    plain = pk.extract(checkpoint, small, store_dtype="float32")
    read = pk.read_states(folder, checkpoint, small, store_dtype="float32")
    assert (read.model, read.layers, read.dim) == (plain.model, plain.layers, plain.dim)
    assert read.manifest["model"] == plain.manifest["model"]
    assert read.folder != plain.folder
    assert any("another engine" in warning for warning in read.warnings)
    _same_vectors(read, plain)
    expected, found = pk.probe(plain, "pos").table, pk.probe(read, "pos").table
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-6)
    again = pk.read_states(folder, checkpoint, small, store_dtype="float32")
    assert again.computed == 0


def _shifted(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:, 1:], states[:, -1:]], dim=1)


def _unnormed(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:, :-1], before[:, None]], dim=1)


def _normed_within(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:, :2], norm(states[:, 2:3]), states[:, 3:]], dim=1)


def _without_layer(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:, :2], 0 * states[:, 2:3], states[:, 3:]], dim=1)


def _without_first_subwords(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([0 * states[:2], states[2:]])


def _one_position_later(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:1], states[:-1]])


def _not_finite(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return torch.cat([states[:, :3], states[:, 3:] / 0], dim=1)


def _blurred(states: torch.Tensor, before: torch.Tensor, norm: Any) -> torch.Tensor:
    return states + 0.1 * states.flip(0).flip(2)


BROKEN: dict[Change, str] = {
    _shifted: r"layer 0: they are those of layer 1, so the layers are shifted by 1",
    _unnormed: r"layer 3: the final norm is missing, which final_norm=True applies",
    _normed_within: r"layer 2: the final norm was applied to them",
    _without_layer: r"layer 2: \d+ of \d+ subwords are zeros",
    _without_first_subwords: r"layer 0: [12] of \d+ subwords are zeros",
    _one_position_later: r"layer 0: their positions are shifted by 1",
    _not_finite: r"layer 3: some are not finite numbers",
    _blurred: r"layer 0: the cosine falls to 0\.\d+, and must be at least 0.999",
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_another_convention_is_refused(
    change: Change, family: str, families: MakeFamily, few: Corpus, tmp_path: Path
) -> None:
    folder = record(computed(families(family), few, change), tmp_path / "recorded")
    with pytest.raises(ModelError, match=BROKEN[change]) as refused:
        pk.read_states(folder, families(family), few)
    assert "\n" not in str(refused.value)
    assert not list(Path(tmp_path / "cache").rglob("*.states"))


def _with_uneven_norm(checkpoint: Path, folder: Path) -> Path:
    """The same checkpoint with other weights of its final norm: applied twice, it shows."""
    model = AutoModel.from_pretrained(checkpoint)
    weight = model.get_submodule(NORMS[model.config.model_type]).weight
    with torch.no_grad():
        weight.copy_(torch.linspace(0.5, 2, len(weight)))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_the_final_norm_is_applied_where_vllm_left_it_out(
    family: str, families: MakeFamily, few: Corpus, tmp_path: Path
) -> None:
    checkpoint = _with_uneven_norm(families(family), tmp_path / "uneven")
    plain = pk.extract(checkpoint, few, store_dtype="float32")
    bare = record(computed(checkpoint, few, _unnormed), tmp_path / "bare")
    with pytest.raises(ModelError, match="layer 3: the final norm is missing"):
        pk.read_states(bare, checkpoint, few)
    read = pk.read_states(bare, checkpoint, few, final_norm=True, store_dtype="float32")
    _same_vectors(read, plain)
    normed = record(computed(checkpoint, few), tmp_path / "normed")
    with pytest.raises(ModelError, match="applied to them already, so leave out final_norm"):
        pk.read_states(normed, checkpoint, few, final_norm=True)


def test_layers_are_read_in_the_order_recorded(
    tiny_gpt2: Path, few: Corpus, tmp_path: Path
) -> None:
    texts = computed(tiny_gpt2, few, lambda states, *_: states[:, [2, 0]])
    folder = record(texts, tmp_path / "recorded")
    read = pk.read_states(folder, tiny_gpt2, few, layers=(2, 0), store_dtype="float32")
    assert read.layers == (0, 2)
    _same_vectors(read, pk.extract(tiny_gpt2, few, layers=(0, 2), store_dtype="float32"))
    with pytest.raises(ModelError, match=r"layer 0: they are those of layer 2, .* by 2"):
        pk.read_states(folder, tiny_gpt2, few, layers=(0, 2))
    with pytest.raises(ModelError, match=r"\(\d+, 2, 32\), and they must be \(\d+, 4, 32\)"):
        pk.read_states(folder, tiny_gpt2, few)


def test_half_precision_is_near_enough(tiny_gpt2: Path, few: Corpus, tmp_path: Path) -> None:
    for kind in (torch.bfloat16, torch.float16):
        texts = computed(tiny_gpt2, few, lambda states, *_, kind=kind: states.to(kind))
        read = pk.read_states(record(texts, tmp_path / str(kind)), tiny_gpt2, few)
        assert read.computed


def test_a_text_with_another_subword_is_refused(
    tiny_gpt2: Path, few: Corpus, tmp_path: Path
) -> None:
    folder = record(computed(tiny_gpt2, few), tmp_path / "recorded")
    wanted = pk.prompts(tiny_gpt2, few)[5]
    for path in folder.iterdir():
        tensors = load_file(path)
        if tensors["token_ids"].tolist() == wanted:
            tensors["token_ids"][3] += 1
            save_file(tensors, path)
            changed = path.name
    text = " ".join(few.splits["train"][5].words)[:20]
    decode = AutoTokenizer.from_pretrained(tiny_gpt2).decode
    with pytest.raises(InputError) as refused:
        pk.read_states(folder, tiny_gpt2, few)
    message = str(refused.value)
    assert "lacks 1 of the 120 texts of 'few' as '" in message
    assert f"first: '{text}" in message
    assert f"the nearest, '{changed}', has {wanted[3] + 1} (" in message
    assert f"at subword 3, and must have {wanted[3]} ('{decode([wanted[3]])}')" in message


def test_missing_texts_are_refused(tiny_gpt2: Path, few: Corpus, tmp_path: Path) -> None:
    texts = computed(tiny_gpt2, few)
    folder = record(texts[: len(texts) // 2], tmp_path / "half")
    with pytest.raises(InputError, match=r"lacks 60 of the 120 texts .*probekit.prompts gives all"):
        pk.read_states(folder, tiny_gpt2, few)


def test_two_recordings_of_one_text_must_be_the_same(
    tiny_gpt2: Path, few: Corpus, tmp_path: Path
) -> None:
    folder = record(computed(tiny_gpt2, few), tmp_path / "recorded")
    name = sorted(path.name for path in folder.iterdir())[1]
    tensors = load_file(folder / name)
    save_file(tensors, folder / "zz-again.safetensors")
    assert pk.read_states(folder, tiny_gpt2, few).n_layers == 4
    tensors["hidden_states"][:, 2] *= 1.5
    save_file(tensors, folder / "zz-again.safetensors")
    with pytest.raises(ModelError, match="are of the same text, and their hidden states differ"):
        pk.read_states(folder, tiny_gpt2, few)


def test_zeros_outside_the_sample_are_refused(tiny_gpt2: Path, few: Corpus, tmp_path: Path) -> None:
    texts = computed(tiny_gpt2, few)
    folder = record(texts, tmp_path / "recorded")
    names = sorted(path.name for path in folder.iterdir())
    tensors = load_file(folder / names[1])  # every seventh file is compared
    tensors["hidden_states"][1, 3] = 0  # of one subword, as of a cache that was not filled
    save_file(tensors, folder / names[1])
    with pytest.raises(
        ModelError, match=f"'{names[1]}' of '.*' are zeros for some subwords at layer 3"
    ):
        pk.read_states(folder, tiny_gpt2, few)


def test_special_tokens_are_part_of_a_text(tiny_bert: Path, few: Corpus) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    found = pk.prompts(tiny_bert, few)
    first = " ".join(few.splits["train"][0].words)
    assert found[0] == tokenizer(first)["input_ids"]
    assert len(found) == len(set(map(tuple, found)))


@pytest.mark.parametrize("deep", ["lists", "array"])
def test_a_data_set_is_read_as_files_are(
    deep: str, tiny_gpt2: Path, few: Corpus, tmp_path: Path
) -> None:
    from datasets import Array3D, Features, List, Value

    texts = computed(tiny_gpt2, few)
    every = [states.numpy() for _, states in texts]
    features = None
    if deep == "array":
        shape = Array3D((None, 4, 32), "float32")
        features = Features({"token_ids": List(Value("int64")), "hidden_states": shape})
    columns = {
        "token_ids": [ids.tolist() for ids, _ in texts],
        "hidden_states": every if features else [states.tolist() for states in every],
    }
    data = Dataset.from_dict(columns, features=features)
    data.save_to_disk(tmp_path / "data", num_shards=2)
    read = pk.read_states(tmp_path / "data", tiny_gpt2, few, store_dtype="float32")
    _same_vectors(read, pk.extract(tiny_gpt2, few, store_dtype="float32"))
    data.rename_column("token_ids", "ids").save_to_disk(tmp_path / "other")
    with pytest.raises(ModelError, match="no column 'token_ids', only ids, hidden_states"):
        pk.read_states(tmp_path / "other", tiny_gpt2, few)


def test_what_is_no_recording_is_refused(tiny_gpt2: Path, few: Corpus, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases = {
        tmp_path / "none": "there is no folder",
        tmp_path / "empty": "has no hidden states: it must hold one .safetensors file per text",
        tiny_gpt2: "holds no states of a text",
    }
    for folder, why in cases.items():
        with pytest.raises(ModelError, match=why):
            pk.read_states(folder, tiny_gpt2, few)
    damaged = record(computed(tiny_gpt2, few, as_computed)[:1], tmp_path / "damaged")
    (path,) = damaged.iterdir()
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ModelError, match="holds no states of a text"):
        pk.read_states(damaged, tiny_gpt2, few)


def test_the_command_line_reads_them(
    tiny_gpt2: Path,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = pk.load_corpus(brief)
    folder = record(computed(tiny_gpt2, corpus, _unnormed), tmp_path / "recorded")
    shared = ["probe", "--model", str(tiny_gpt2), "--task", "pos"]
    whole = [*shared, "--corpus", str(brief), "--states-from", str(folder)]
    status, _, error = run_main([*whole, "--out", str(tmp_path / "no")], monkeypatch, capsys)
    assert status == 2 and "the final norm is missing, which --final-norm applies" in error
    out = ["--final-norm", "--store-dtype", "float32", "--out", str(tmp_path / "run")]
    assert run_main([*whole, *out], monkeypatch, capsys)[0] == 0
    expected = pk.probe(pk.extract(tiny_gpt2, corpus, store_dtype="float32"), "pos").table
    found = pk.Scores.read(tmp_path / "run").table
    np.testing.assert_allclose(found["score"], expected["score"], atol=1e-6)
    for arguments, why in {
        (*shared, "--final-norm"): "--final-norm is for --states-from",
        (*shared, "--states-from", str(folder)): "give one --model and one --corpus",
    }.items():
        status, _, error = run_main([*arguments], monkeypatch, capsys)
        assert status == 2 and why in error and len(error.splitlines()) == 1
