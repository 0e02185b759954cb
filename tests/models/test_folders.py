"""Files beside the weights: those that change the states are read, fingerprinted and reported.

Expected states come from peft's and sentence-transformers' own loading, in a plain pass.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, VBLoRAConfig, VeraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    T5EncoderModel,
)

from probekit.corpora.passage import SPLITS, Corpus, Passage
from probekit.errors import InputError, ModelError
from probekit.models import tokenizer_files
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.states.extract import extract
from probekit.states.states import States
from tests.families import make_family

WORDS = ("The", "newtoken", "cat", "sat", "ON", "Ætna", "anothertoken", "mat")
CORPUS = Corpus("words", {split: (Passage(split, split, WORDS),) for split in SPLITS})
NEW = ["newtoken", "anothertoken"]


def read(model: Path | str, corpus: Corpus = CORPUS, **settings: Any) -> States:
    return extract(str(model), corpus, store_dtype="float32", encoder=EncoderSettings(**settings))


def values(states: States) -> np.ndarray:
    return states.read("dev", 0, int(states.corpus.offsets("dev")[-1]))


def fingerprint(model: Path, **settings: Any) -> dict[str, str]:
    return Checkpoint(str(model), EncoderSettings(**settings)).fingerprint()


def plain_pass(model: Any, tokenizer: Any) -> np.ndarray:
    """Means of the subwords of each of WORDS at every layer, `(layers, words, dim)`, by
    transformers alone."""
    encoded = tokenizer(" ".join(WORDS), return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    model.eval()
    with torch.no_grad():
        hidden = model(**encoded, output_hidden_states=True).hidden_states
    rows, begin = [], 0
    for word in WORDS:
        own = [i for i, (a, b) in enumerate(offsets) if a < begin + len(word) and b > begin]
        rows.append(torch.stack([state[0, own].mean(0) for state in hidden]))
        begin += len(word) + 1
    return torch.stack(rows, dim=1).numpy()


def shaken(model: Any) -> Any:
    """The model with adapters that change something: as they begin, they do not."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and (
                "lora_" in name or "trainable_tokens" in name or "modules_to_save" in name
            ):
                parameter.add_(torch.randn_like(parameter) * 0.5)
    return model


def edit(path: Path, **changes: Any) -> None:
    found = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**found, **changes}))


@pytest.fixture
def adapter(tiny_bert: Path, tmp_path: Path) -> Path:
    model = get_peft_model(
        AutoModel.from_pretrained(tiny_bert), LoraConfig(r=2, target_modules=["query"])
    )
    shaken(model).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_beside_whole_weights_is_not_applied(adapter: Path, tiny_bert: Path) -> None:
    merged = PeftModel.from_pretrained(
        AutoModel.from_pretrained(tiny_bert), adapter
    ).merge_and_unload()
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    expected = plain_pass(merged, tokenizer)
    apart = values(read(adapter))
    np.testing.assert_allclose(apart, expected, atol=1e-4)
    merged.save_pretrained(adapter)
    tokenizer.save_pretrained(adapter)
    states = read(adapter)
    np.testing.assert_allclose(values(states), expected, atol=1e-4)
    assert any(
        "adapter_config.json beside its weights is not applied" in warning
        for warning in states.warnings
    )
    off = read(adapter, adapter=False)
    np.testing.assert_array_equal(values(off), values(states))
    assert off.warnings == states.warnings and (adapter / "adapter_config.json").is_file()


def test_an_adapter_on_the_weights_beside_it(tiny_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    model = shaken(
        get_peft_model(AutoModel.from_pretrained(folder), LoraConfig(r=2, target_modules=["query"]))
    )
    expected = plain_pass(model, AutoTokenizer.from_pretrained(tiny_bert))
    base, first = values(read(folder)), fingerprint(folder)
    model.save_pretrained(folder)  # its base is this folder
    states = read(folder)
    np.testing.assert_allclose(values(states), expected, atol=1e-4)
    assert any("is applied to the weights beside it" in warning for warning in states.warnings)
    assert fingerprint(folder) != first
    off = read(folder, adapter=False)
    np.testing.assert_array_equal(values(off), base)
    assert any("its adapter is off" in warning for warning in off.warnings)


def _under_a_head() -> dict[str, tuple[Any, Any]]:
    """Adapters whose configuration or weights have names that only a model with a head has, or
    lacks."""
    lora: dict[str, Any] = {"r": 2, "target_modules": ["c_attn"]}
    return {
        "every linear layer": (AutoModelForCausalLM, LoraConfig(r=2, target_modules="all-linear")),
        "some blocks": (AutoModelForCausalLM, LoraConfig(**lora, layers_to_transform=[1])),
        "a pattern": (
            AutoModelForCausalLM,
            LoraConfig(r=2, target_modules=r"transformer\.h\.[01]\.attn\.c_attn"),
        ),
        "ranks": (
            AutoModelForCausalLM,
            LoraConfig(**lora, rank_pattern={"^transformer.h.1.attn.c_attn": 3}),
        ),
        "shared matrices": (AutoModelForCausalLM, VeraConfig(r=2, target_modules=["c_attn"])),
        "a bank of vectors": (
            AutoModelForTokenClassification,
            VBLoRAConfig(r=2, num_vectors=8, vector_length=8, target_modules=["query"]),
        ),
        "no pooler": (
            AutoModelForTokenClassification,
            LoraConfig(r=2, target_modules=["query"], bias="all"),
        ),
    }


@pytest.mark.parametrize("how", list(_under_a_head()))
def test_an_adapter_named_under_a_head(
    how: str, tiny_bert: Path, tiny_gpt2: Path, tmp_path: Path
) -> None:
    kind, config = _under_a_head()[how]
    base = tiny_gpt2 if kind is AutoModelForCausalLM else tiny_bert
    model = get_peft_model(kind.from_pretrained(base), config)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(tmp_path)
    found, expected = values(read(tmp_path)), plain_pass(model, AutoTokenizer.from_pretrained(base))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found - values(read(base))).max() > 0.01


def _embeddings(rows: int) -> dict[str, LoraConfig]:
    lora: dict[str, Any] = {"r": 2, "target_modules": ["query", "value"]}
    return {
        "each new token": LoraConfig(**lora, trainable_token_indices=[5, rows, rows + 1]),
        "all": LoraConfig(**lora, modules_to_save=["word_embeddings"]),
        "low rank": LoraConfig(r=2, target_modules=["query", "word_embeddings"]),
        "frozen, saved": LoraConfig(**lora),
    }


@pytest.mark.parametrize("under_head", [False, True])
@pytest.mark.parametrize("how", list(_embeddings(0)))
def test_an_adapter_with_tokens_of_its_own(
    how: str, under_head: bool, tiny_bert: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    rows = len(tokenizer)
    tokenizer.add_tokens(NEW)
    kind = AutoModelForTokenClassification if under_head else AutoModel
    base = kind.from_pretrained(tiny_bert)
    base.resize_token_embeddings(len(tokenizer))
    model = shaken(get_peft_model(base, _embeddings(rows)[how]))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    states = read(tmp_path)
    np.testing.assert_allclose(values(states), plain_pass(model, tokenizer), atol=1e-4)
    assert f"{tmp_path}: the adapter's own tokenizer is read" in states.warnings
    other = fingerprint(tmp_path)
    shutil.copy(tiny_bert / "tokenizer.json", tmp_path)
    assert fingerprint(tmp_path)["tokenizer"] != other["tokenizer"]
    assert fingerprint(tmp_path)["weights"] == other["weights"]


def test_an_adapter_without_the_embeddings_of_its_tokens(tiny_bert: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    rows = len(tokenizer)
    tokenizer.add_tokens(NEW)
    base = AutoModel.from_pretrained(tiny_bert)
    base.resize_token_embeddings(len(tokenizer))
    config = LoraConfig(r=2, target_modules=["query"], trainable_token_indices=[rows + 1])
    get_peft_model(base, config).save_pretrained(tmp_path, save_embedding_layers=False)
    with pytest.raises(
        ModelError,
        match=f"{rows + 2} subwords or more.* has {rows}, .*no embedding of subword {rows}",
    ):
        read(tmp_path)


def test_weights_of_an_adapter_that_do_not_fit(adapter: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    state = load_file(file)
    name = next(name for name in state if "lora_A" in name)
    save_file({**state, name: torch.zeros(2, 48)}, file)
    with pytest.raises(ModelError, match=r"does not fit .*size mismatch.*\[2, 48\].*\[2, 32\]"):
        read(adapter)
    deeper = name.replace("layer.0", "layer.7")
    save_file({**state, deeper: state[name].clone()}, file)
    with pytest.raises(ModelError, match=r"no place for .*layer\.7"):
        read(adapter)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_name_or_path": 7}, "base_model_name_or_path in .* must be a text, not 7"),
        ({"base_model_name_or_path": "."}, "is an adapter itself"),
        ({"base_model_name_or_path": None}, "names no base model"),
        ({"revision": 3}, "revision in .* must be a text, not 3"),
    ],
)
def test_bases_that_are_none(
    changes: dict[str, Any], message: str, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(adapter)
    edit(adapter / "adapter_config.json", **changes)
    with pytest.raises(ModelError, match=message):
        read(adapter)


def test_a_configuration_beside_an_adapter(adapter: Path, tiny_bert: Path) -> None:
    before = values(read(adapter))
    shutil.copy(tiny_bert / "config.json", adapter)
    np.testing.assert_array_equal(values(read(adapter)), before)
    edit(adapter / "adapter_config.json", revision="step1")
    states = read(adapter)
    np.testing.assert_array_equal(values(states), before)
    assert any(
        "revision 'step1'" in warning and "no effect" in warning for warning in states.warnings
    )


def test_the_encoder_of_a_pair_alone(sample: Corpus, tmp_path: Path) -> None:
    folder = make_family(
        "t5", tmp_path / "t5", [" ".join(p.words) for p in sample.splits["train"][:400]]
    )
    whole = values(read(folder))
    T5EncoderModel.from_pretrained(folder).save_pretrained(tmp_path / "encoder")
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "encoder")
    np.testing.assert_array_equal(values(read(tmp_path / "encoder")), whole)
    np.testing.assert_array_equal(values(read(tmp_path / "encoder", stack="encoder")), whole)
    with pytest.raises(ModelError, match=r"encoder only.*decoder cannot be read"):
        read(tmp_path / "encoder", stack="decoder")
    edit(tmp_path / "encoder" / "config.json", architectures=None, is_encoder_decoder=True)
    np.testing.assert_array_equal(values(read(tmp_path / "encoder")), whole)
    with pytest.raises(ModelError, match=r"encoder only.*decoder cannot be read"):
        read(tmp_path / "encoder", stack="decoder")


def test_the_tokenizer_of_a_run_and_of_another_model(tiny_bert: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run" / "checkpoint-10"
    AutoModel.from_pretrained(tiny_bert).save_pretrained(checkpoint)
    with pytest.raises(ModelError, match=r"no tokenizer.*tokenizer=NAME_OR_FOLDER"):
        read(checkpoint)
    expected = values(read(tiny_bert))
    given = read(checkpoint, tokenizer=tiny_bert)
    np.testing.assert_array_equal(values(given), expected)
    assert f"{checkpoint}: read with the tokenizer of {tiny_bert}" in given.warnings
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(tmp_path / "run")
    found = read(checkpoint)
    np.testing.assert_array_equal(values(found), expected)
    assert any(f"its run's is read, {tmp_path / 'run'}" in warning for warning in found.warnings)
    assert fingerprint(checkpoint) == fingerprint(checkpoint, tokenizer=str(tiny_bert))
    np.testing.assert_array_equal(values(read(tmp_path / "run")), expected)  # its last checkpoint
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.add_tokens(NEW)
    tokenizer.save_pretrained(tmp_path / "other")
    assert fingerprint(checkpoint, tokenizer=str(tmp_path / "other")) != fingerprint(checkpoint)
    with pytest.raises(ModelError, match="there is no model folder"):
        read(checkpoint, tokenizer="./nowhere")
    with pytest.raises(InputError, match="tokenizer"):
        read(checkpoint, tokenizer=tokenizer)


@pytest.mark.parametrize("kind", ["BertTokenizer", "GPT2Tokenizer", "PreTrainedTokenizerFast"])
def test_settings_of_a_tokenizer_without_its_vocabulary(
    kind: str, tiny_bert: Path, tmp_path: Path
) -> None:
    """transformers makes one that knows no word of some of them."""
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
    with pytest.raises(ModelError, match="has no tokenizer"):
        read(folder)


def _cased(tiny_bert: Path, folder: Path) -> Path:
    """A model whose tokenizer keeps capitals."""
    shutil.copytree(tiny_bert, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def test_do_lower_case_of_sentence_transformers(tiny_bert: Path, tmp_path: Path) -> None:
    folder = _cased(tiny_bert, tmp_path / "cased")
    words = tuple(word.lower() for word in WORDS)
    lowered = Corpus("lower", {split: (Passage(split, split, words),) for split in SPLITS})
    before, print_before = values(read(folder)), fingerprint(folder)
    expected = values(read(folder, lowered))
    assert np.abs(before - expected).max() > 0.1
    edit(folder / "sentence_bert_config.json", do_lower_case=False)
    assert fingerprint(folder) == print_before
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    states = read(folder)
    np.testing.assert_allclose(values(states), expected, atol=1e-5)
    assert fingerprint(folder)["tokenizer"] != print_before["tokenizer"]
    assert any(
        "lower-cased (do_lower_case in its sentence_bert_config.json)" in warning
        for warning in states.warnings
    )


def test_do_lower_case_is_what_sentence_transformers_does(tiny_bert: Path, tmp_path: Path) -> None:
    transformer = pytest.importorskip("sentence_transformers.models").Transformer
    folder = _cased(tiny_bert, tmp_path / "cased")
    edit(folder / "sentence_bert_config.json", do_lower_case=True, max_seq_length=64)
    module = transformer.load(str(folder))
    found = values(read(folder))
    np.testing.assert_allclose(found, plain_pass(module.auto_model, module.tokenizer), atol=1e-4)


def test_arguments_for_sentence_transformers_are_reported(tiny_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    edit(
        folder / "sentence_bert_config.json",
        tokenizer_args={"add_prefix_space": True},
        model_args={},
    )
    found = [warning for warning in read(folder).warnings if "not applied" in warning]
    assert found == [
        f"{folder}: tokenizer_args of its settings for sentence-transformers: not applied"
    ]


def test_sentencepiece_without_its_packages(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    AutoModel.from_pretrained(tiny_bert).save_pretrained(tmp_path)
    (tmp_path / "spm.model").write_bytes(b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02")
    monkeypatch.setattr(
        tokenizer_files, "_is_installed", lambda package: package != "sentencepiece"
    )
    with pytest.raises(
        InputError, match=r"spm\.model.*sentencepiece.*pip install 'probekit-nlp\[sentencepiece\]'"
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    ("family", "file"),
    [("deberta-v2", "spm.model"), ("t5", "spiece.model"), ("llama", "tokenizer.model")],
)
def test_sentencepiece_alone(family: str, file: str, sample: Corpus, tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    pytest.importorskip("google.protobuf")
    texts = [" ".join(p.words) for p in sample.splits["train"][:400]]
    folder = make_family(family, tmp_path / "model", texts)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    size = json.loads((folder / "config.json").read_text())["vocab_size"] - 8
    trained = tmp_path / "trained"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=str(trained),
        vocab_size=min(size, 300),
        model_type="bpe" if family == "llama" else "unigram",
        minloglevel=2,
    )
    shutil.copy(f"{trained}.model", folder / file)
    if family == "llama":
        edit(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizer")
    states = read(folder)
    processor = sentencepiece.SentencePieceProcessor(model_file=f"{trained}.model")
    tokenizer = Checkpoint(str(folder), EncoderSettings()).encoder.tokenizer
    ids = tokenizer("the cat sat", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == processor.encode("the cat sat", out_type=str)
    assert np.isfinite(values(states)).all()
    before = fingerprint(folder)
    (folder / file).write_bytes((folder / file).read_bytes().replace(b"the", b"teh"))
    assert fingerprint(folder)["tokenizer"] != before["tokenizer"]


def _named(folder: Path) -> Path:
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    edit(folder / "config.json", transformers_weights="other.safetensors")
    return folder / "other.safetensors"


def _index_within(folder: Path) -> Path:
    (folder / "deep").mkdir()
    return _indexed(folder, "deep/model.safetensors.index.json", "deep/part.safetensors")


def _shards_within(folder: Path) -> Path:
    return _indexed(folder, "model.safetensors.index.json", "deep/part.safetensors")


def _indexed(folder: Path, index: str, place: str) -> Path:
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / "model.safetensors").rename(folder / place)
    names = load_file(folder / place)
    (folder / index).write_text(
        json.dumps({"metadata": {}, "weight_map": dict.fromkeys(names, place)})
    )
    if "/" in index:
        edit(folder / "config.json", transformers_weights=index)
    return folder / place


@pytest.mark.parametrize("lay", [_named, _index_within, _shards_within])
def test_weights_are_in_the_fingerprint_wherever_they_lie(
    lay: Callable[[Path], Path], tiny_bert: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    file = lay(folder)
    (folder / "model.fp16.safetensors").write_bytes(b"of another variant, and not read")
    before = values(read(folder))
    np.testing.assert_array_equal(before, values(read(tiny_bert)))
    save_file(
        {name: value * 1.1 for name, value in load_file(file).items()},
        file,
        metadata={"format": "pt"},
    )
    assert np.abs(values(read(folder)) - before).max() > 0.01


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("../model.safetensors", "outside its folder"),
        ("/model.safetensors", "outside its folder"),
        ("adapter_model.bin", "must be the name of a .safetensors file"),
        (["a.safetensors"], "must be the name of a .safetensors file"),
        ("gone.safetensors", "there is no weight file .*gone.safetensors"),
        ("config.safetensors.index.json", "no weight_map"),
    ],
)
def test_weights_that_are_not_there(
    named: Any, message: str, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    (folder / "config.safetensors.index.json").write_text("{}")
    edit(folder / "config.json", transformers_weights=named)
    with pytest.raises(ModelError, match=message):
        read(folder)


def test_another_adapter_in_its_place(adapter: Path) -> None:
    before, first = values(read(adapter)), fingerprint(adapter)
    file = adapter / "adapter_model.safetensors"
    save_file({name: value * 2 for name, value in load_file(file).items()}, file)
    assert fingerprint(adapter) != first
    assert np.abs(values(read(adapter)) - before).max() > 0.01
