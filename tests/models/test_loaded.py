"""Loaded transformers models: they read what their folder reads, and are not changed by it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from datasets import Dataset
from peft import LoraConfig, PrefixTuningConfig, get_peft_model
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerFast

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.errors import InputError, ModelError, ProbekitError
from probekit.models import in_memory
from probekit.models.loading.trained import load_trained
from probekit.models.model import open_model
from probekit.probes.fit import fit
from probekit.states.doctor import examine
from tests.conftest import MakeFamily
from tests.families import FAMILIES

QUICK = pk.FitSettings(words=5_000)
EXACT: dict[str, Any] = {"store_dtype": "float32", "progress": False}


@pytest.fixture(scope="module")
def few(sample: Corpus) -> Corpus:
    """Some documents, of which a few sentences each."""
    return Corpus("few", {split: passages[:40] for split, passages in sample.splits.items()})


@pytest.fixture
def bert(tiny_bert: Path) -> Any:
    """The tiny BERT in memory, in training mode, with gradients and a frozen part."""
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    model.train()
    model.encoder.layer[0].eval()
    for parameter in model.embeddings.parameters():
        parameter.requires_grad_(False)
    model(input_ids=torch.tensor([[5, 6, 7]])).last_hidden_state.sum().backward()
    return model


def distance(one: pk.States, other: pk.States) -> float:
    """The largest difference of the states of two models at any layer."""
    differences = []
    for split in SPLITS:
        differences.append(np.abs(one.numpy(split) - other.numpy(split)).max())
    return float(max(differences))


def facts(model: Any) -> dict[str, Any]:
    """Everything about a model that reading must leave alone."""
    found: dict[str, Any] = {"parts": repr(model)}
    for name, module in model.named_modules():
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
        found[f"module {name}"] = (id(module), module.training, hooks)
    for name, one in model.named_parameters():
        gradient = None if one.grad is None else one.grad.sum().item()
        place = (id(one), one.data_ptr(), one.device, one.dtype, one._version)
        found[f"parameter {name}"] = (*place, one.requires_grad, gradient)
    return found


def test_the_states_of_a_model_are_those_of_its_folder_and_it_stays_as_it_was(
    bert: Any, tiny_bert: Path, few: Corpus
) -> None:
    before, random = facts(bert), torch.random.get_rng_state()
    states = pk.extract(bert, few, **EXACT)
    assert torch.equal(torch.random.get_rng_state(), random)
    assert distance(states, pk.extract(tiny_bert, few, **EXACT)) < 1e-6
    assert states.model == f"{tiny_bert.name} in memory"
    cut = pk.extract(bert, few, layers=(1,), **EXACT)
    assert np.abs(cut.numpy("test", 1) - states.numpy("test", 1)).max() < 1e-6
    pk.probe([bert, tiny_bert], "pos", corpus=few, fit_settings=QUICK, progress=False)
    assert facts(bert) == before


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_reads_in_memory_what_its_folder_reads(
    family: str, families: MakeFamily, few: Corpus
) -> None:
    folder = families(family)
    corpus = Corpus("some", {split: passages[:8] for split, passages in few.splits.items()})
    model = AutoModel.from_pretrained(folder)
    before = facts(model)
    assert distance(pk.extract(model, corpus, **EXACT), pk.extract(folder, corpus, **EXACT)) < 1e-6
    assert facts(model) == before


HEADS = [
    ("bert", "BertForMaskedLM", "auto"),
    ("gpt2", "GPT2LMHeadModel", "auto"),
    ("t5", "T5ForConditionalGeneration", "encoder"),
    ("t5", "T5ForConditionalGeneration", "decoder"),
    ("t5", "T5EncoderModel", "auto"),
    ("bart", "BartForConditionalGeneration", "decoder"),
]


@pytest.mark.parametrize(("family", "name", "stack"), HEADS)
def test_a_head_is_left_out(
    family: str, name: str, stack: Any, families: MakeFamily, few: Corpus, tmp_path: Path
) -> None:
    model = getattr(transformers, name).from_pretrained(families(family))
    tokenizer = AutoTokenizer.from_pretrained(families(family))
    model.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    encoder = pk.EncoderSettings(stack=stack)
    states = pk.extract(model, few, tokenizer=tokenizer, encoder=encoder, **EXACT)
    assert distance(states, pk.extract(tmp_path / "saved", few, encoder=encoder, **EXACT)) < 1e-6
    said = [warning for warning in states.warnings if "head is left out" in warning]
    assert len(said) == (name != "T5EncoderModel")


def test_an_encoder_alone_has_no_decoder(families: MakeFamily, few: Corpus) -> None:
    model = transformers.T5EncoderModel.from_pretrained(families("t5"))
    with pytest.raises(ModelError, match="an encoder only"):
        pk.extract(model, few, encoder=pk.EncoderSettings(stack="decoder"))


def test_scores_equal_those_of_the_folder(bert: Any, tiny_bert: Path, few: Corpus) -> None:
    found = pk.probe([bert, tiny_bert], "pos", corpus=few, fit_settings=QUICK, progress=False)
    table = found.table.set_index(["probe", "layer", "seed"])
    loaded = table[table["model"] == f"{tiny_bert.name} in memory"]["score"]
    by_path = table[table["model"] == str(tiny_bert)]["score"]
    assert len(loaded) == len(by_path) > 4
    assert (loaded - by_path).abs().max() < 1e-6


def test_a_model_changed_in_place_has_new_states(bert: Any, few: Corpus) -> None:
    first = pk.extract(bert, few, **EXACT)
    again = pk.extract(bert, few, **EXACT)
    assert (again.computed, again.folder) == (0, first.folder)
    with torch.no_grad():
        bert.encoder.layer[1].output.dense.weight[3, 4] += 0.5
    changed = pk.extract(bert, few, **EXACT)
    assert changed.computed and changed.folder != first.folder
    assert distance(first, changed) > 1e-3
    assert np.array_equal(first.numpy("test", 1), changed.numpy("test", 1))


def test_states_are_not_completed_with_those_of_a_changed_model(bert: Any, few: Corpus) -> None:
    states = pk.extract(bert, few, progress=False)
    assert pk.probe(states, "coref", fit_settings=QUICK, progress=False).table["layer"].max() == 3
    with torch.no_grad():
        bert.encoder.layer[1].output.dense.weight += 0.1
    with pytest.raises(InputError, match="has changed since its states were read by sentence"):
        pk.probe(states, "coref", fit_settings=QUICK, progress=False)


@pytest.mark.slow
def test_two_models_are_compared_and_told_apart(bert: Any, tiny_bert: Path, few: Corpus) -> None:
    tuned = [copy.deepcopy(bert), copy.deepcopy(bert)]
    for scale, model in enumerate(tuned, start=1):
        with torch.no_grad():
            model.encoder.layer[0].output.dense.weight += scale * 0.3
    found = pk.compare(bert, tuned, "pos", corpus=few, fit_settings=QUICK, progress=False)
    names = sorted(found.best["after"].unique())
    assert len(names) == 2
    for name in names:
        assert re.fullmatch(f"{re.escape(tiny_bert.name)} in memory \\(#[0-9a-f]{{6}}\\)", name)
    mixed = pk.compare(tiny_bert, bert, "pos", corpus=few, fit_settings=QUICK, progress=False)
    assert mixed.comparison["delta"].abs().max() == 0


def test_a_model_is_not_compared_with_itself(bert: Any, few: Corpus) -> None:
    with pytest.raises(InputError, match=r"are one loaded model.*copy\.deepcopy"):
        pk.compare(bert, pk.LoadedModel(bert, name="after"), "pos", corpus=few)


def test_a_trajectory_of_loaded_models(bert: Any, few: Corpus, tmp_path: Path) -> None:
    later = copy.deepcopy(bert)
    with torch.no_grad():
        later.encoder.layer[0].output.dense.weight += 0.3
    models = [pk.LoadedModel(bert, name="step-0"), pk.LoadedModel(later, name="step-500")]
    found = pk.trace(models, "pos", corpus=few, folder=tmp_path, fit_settings=QUICK, progress=False)
    assert found.table["step"].unique().tolist() == [0, 500]
    with pytest.raises(InputError, match="different names"):
        pk.trace([bert, later], "pos", corpus=few, folder=tmp_path, progress=False)


def test_the_doctor_examines_a_loaded_model(bert: Any, tiny_bert: Path, few: Corpus) -> None:
    settings = pk.ExtractSettings()
    loaded, by_path = (examine(one, few, settings) for one in (bert, str(tiny_bert)))
    assert loaded.facts["words and subwords"] == by_path.facts["words and subwords"]
    assert loaded.facts["model"]["device"] == "cpu"
    assert loaded.facts["model"]["folder"] == "none: it is in memory"


def test_memory_is_not_doubled(bert: Any) -> None:
    copied = in_memory.sharing_copy(bert)
    for own, shared in zip(bert.parameters(), copied.parameters(), strict=True):
        assert own is not shared
        assert own.data_ptr() == shared.data_ptr()
        assert shared.grad is None and not shared.requires_grad
    tied = transformers.BertForMaskedLM(bert.config)
    copied = in_memory.sharing_copy(tied)
    assert copied.get_output_embeddings().weight is copied.get_input_embeddings().weight


def test_lora_is_read_with_its_adapter(tiny_bert: Path, few: Corpus, tmp_path: Path) -> None:
    base = AutoModel.from_pretrained(tiny_bert)
    model = get_peft_model(base, LoraConfig(target_modules=["query", "value"], r=2))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.add_(0.5)
    model.save_pretrained(tmp_path)
    before = facts(model)
    states = pk.extract(model, few, **EXACT)
    assert distance(states, pk.extract(tmp_path, few, **EXACT)) < 1e-6
    assert facts(model) == before
    with model.disable_adapter():
        off = pk.extract(model, few, **EXACT)
    assert off.folder != states.folder
    assert distance(off, pk.extract(tiny_bert, few, **EXACT)) < 1e-6


def test_a_prefix_is_refused(tiny_gpt2: Path, few: Corpus) -> None:
    base = transformers.GPT2LMHeadModel.from_pretrained(tiny_gpt2)
    model = get_peft_model(base, PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))
    with pytest.raises(InputError, match="save_pretrained"):
        pk.extract(model, few)


REFUSED: dict[str, tuple[Callable[[Any], tuple[Any, dict[str, Any]]], str]] = {
    "hook": (
        lambda model: (
            model.encoder.layer[1].register_forward_hook(lambda *_: None) and model,
            {},
        ),
        r"has a hook on 'encoder\.layer\.1'",
    ),
    "dtype": (
        lambda model: (model.to(torch.bfloat16), {"encoder": pk.EncoderSettings(dtype="float32")}),
        "is in bfloat16",
    ),
    "tokenizer setting": (
        lambda model: (model, {"encoder": pk.EncoderSettings(tokenizer="x")}),
        r"LoadedModel\(model, tokenizer\)",
    ),
    "adapter off": (
        lambda model: (model, {"encoder": pk.EncoderSettings(adapter=False)}),
        "for models given by name",
    ),
    "made in memory": (
        lambda model: (type(model)(copy.copy(model.config)).eval(), {}),
        r"is not found|made in memory",
    ),
    "without memory": (lambda model: (model.to("meta"), {}), "on one device"),
    "data parallel": (lambda model: (torch.nn.DataParallel(model), {}), r"model\.module"),
    "compiled": (lambda model: (torch.compile(model, backend="eager"), {}), r"_orig_mod"),
    "a data set": (lambda model: (Dataset.from_dict({"a": [1]}), {}), "to_parquet"),
    "a tokenizer": (lambda model: (PreTrainedTokenizerFast, {}), "a loaded model"),
    "a module": (lambda model: (torch.nn.Linear(2, 2), {}), "names of its parts"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_explained_in_one_line(case: str, bert: Any, few: Corpus) -> None:
    make, message = REFUSED[case]
    bert.config._name_or_path = bert.config._name_or_path if case != "made in memory" else ""
    model, more = make(bert)
    with pytest.raises(ProbekitError, match=message) as refused:
        pk.extract(model, few, progress=False, **more)
    assert len(str(refused.value).splitlines()) == 1


def test_a_tokenizer_of_another_vocabulary(bert: Any, tiny_bert: Path, few: Corpus) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    words = {word.lower() for passage in few.splits["train"] for word in passage.words}
    tokenizer.add_tokens(sorted(words - set(tokenizer.get_vocab())))
    with pytest.raises(ModelError, match="they do not belong together") as refused:
        pk.extract(pk.LoadedModel(bert, tokenizer), few, progress=False)
    assert len(str(refused.value).splitlines()) == 1
    bert.resize_token_embeddings(2_000)
    states = pk.extract(bert, few, progress=False)
    assert any("is it the model's own?" in warning for warning in states.warnings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": 3}, "model takes a loaded transformers model"),
        ({"model": torch.nn.Linear(2, 2)}, "model takes a loaded transformers model"),
        ({"tokenizer": "bert-base"}, "tokenizer takes a transformers tokenizer"),
        ({"name": 3}, "name takes a text"),
    ],
)
def test_a_loaded_model_has_doors(bert: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        pk.LoadedModel(**{"model": bert, **arguments})
    assert len(str(refused.value).splitlines()) == 1


def test_a_name_that_is_given_is_used(bert: Any, few: Corpus) -> None:
    assert pk.extract(bert, few, name="mine", progress=False).model == "mine"
    bare = pk.LoadedModel(type(bert)(copy.copy(bert.config)))
    bare.model.config._name_or_path = ""
    assert pk.LoadedModel(bare.model).name == "BertModel in memory"


@pytest.mark.parametrize("tasks", [["pos", "coref"]])
def test_a_model_read_in_two_contexts_is_loaded_once(
    tasks: list[str], tiny_bert: Path, few: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loads: list[str] = []

    def counted(files: Any, *args: Any, **more: Any) -> Any:
        loads.append(files.name)
        return load_trained(files, *args, **more)

    monkeypatch.setattr("probekit.models.checkpoint.load_trained", counted)
    pk.probe(tiny_bert, tasks, corpus=few, fit_settings=QUICK, progress=False)
    assert loads == [str(tiny_bert)]
    pk.probe(tiny_bert, tasks, corpus=few, fit_settings=QUICK, progress=False)
    assert loads == [str(tiny_bert)]  # the cache has all


def test_weights_are_released_before_probes_are_trained(
    tiny_bert: Path, few: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def remembered(*args: Any) -> Any:
        opened.append(open_model(*args))
        return opened[-1]

    seen: list[Any] = []
    monkeypatch.setattr("probekit.probes.plan.open_model", remembered)

    def watched(*args: Any, **more: Any) -> Any:
        seen.extend(one.encoder.held.model for one in opened)
        return fit(*args, **more)

    monkeypatch.setattr("probekit.probes.fit_kinds.fit", watched)
    pk.probe(tiny_bert, ["pos", "coref"], corpus=few, fit_settings=QUICK, progress=False)
    assert seen == [None, None]
