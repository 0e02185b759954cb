"""Kinds of models: with a head, from a Trainer's folder, adapters, random weights, word vectors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from gensim.models import FastText, KeyedVectors
from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Passage
from probekit.errors import InputError, ModelError
from probekit.models import checkpoint
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.states.extract import extract, in_context
from probekit.states.states import States
from tests.families import make_family


def values(states: States) -> np.ndarray:
    return states.read("dev", 0, int(states.corpus.offsets("dev")[-1])).astype(np.float32)


def with_tokenizer(folder: Path, source: Path) -> Path:
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def headed(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("headed")
    torch.manual_seed(3)
    AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=5).save_pretrained(
        folder
    )
    return with_tokenizer(folder, tiny_bert)


def test_a_head_is_left_out_and_reported(headed: Path, tiny_bert: Path, small: Corpus) -> None:
    states = extract(str(headed), small)
    np.testing.assert_array_equal(values(states), values(extract(str(tiny_bert), small)))
    assert any(
        "head is left out (BertForSequenceClassification)" in warning for warning in states.warnings
    )
    assert not extract(str(tiny_bert), small).warnings


def test_a_trainers_folder_means_its_last_checkpoint(
    tiny_bert: Path, headed: Path, small: Corpus, tmp_path: Path
) -> None:
    shutil.copytree(headed, tmp_path / "out" / "checkpoint-90")
    last = shutil.copytree(tiny_bert, tmp_path / "out" / "checkpoint-500")
    states = extract(str(tmp_path / "out"), small)
    np.testing.assert_array_equal(values(states), values(extract(str(last), small)))
    assert states.warnings == [f"{tmp_path / 'out'}: its last checkpoint is read, checkpoint-500"]
    assert extract(str(tmp_path / "out" / "checkpoint-90"), small).model.endswith("checkpoint-90")


def test_a_sentence_transformers_folder(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "0_Transformer")
    modules = [
        {
            "idx": 0,
            "name": "0",
            "path": "0_Transformer",
            "type": "sentence_transformers.models.Transformer",
        },
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
    ]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    np.testing.assert_array_equal(
        values(extract(str(tmp_path), small)), values(extract(str(tiny_bert), small))
    )


def test_shards_of_weights(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False).save_pretrained(
        tmp_path, max_shard_size="20KB"
    )
    assert len(list(with_tokenizer(tmp_path, tiny_bert).glob("model-*.safetensors"))) > 1
    np.testing.assert_array_equal(
        values(extract(str(tmp_path), small)), values(extract(str(tiny_bert), small))
    )


LORA = LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS")
IA3 = IA3Config(target_modules=["key", "value"], feedforward_modules=[], task_type="SEQ_CLS")


@pytest.mark.parametrize("config", [LORA, IA3], ids=["lora", "ia3"])
@pytest.mark.parametrize("under_head", [True, False])
def test_an_adapter_is_its_merged_model(
    config: object, under_head: bool, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    kind = AutoModelForSequenceClassification if under_head else AutoModel
    model = get_peft_model(kind.from_pretrained(tiny_bert), config)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name or "ia3_" in name:  # as they begin, they change nothing
                parameter.add_(torch.randn_like(parameter) * 0.5)
    model.save_pretrained(tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())[
        "base_model_name_or_path"
    ]
    merged = model.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    apart = extract(str(tmp_path / "adapter"), small, store_dtype="float32")
    whole = extract(
        str(with_tokenizer(tmp_path / "merged", tiny_bert)), small, store_dtype="float32"
    )
    np.testing.assert_allclose(values(apart), values(whole), atol=2e-4)
    base = extract(str(tiny_bert), small, store_dtype="float32")
    assert np.abs(values(apart) - values(base))[3].max() > 0.1
    off = extract(
        str(tmp_path / "adapter"),
        small,
        store_dtype="float32",
        encoder=EncoderSettings(adapter=False),
    )
    np.testing.assert_array_equal(values(off), values(base))
    assert off.model == apart.model and off.warnings != apart.warnings


def test_an_adapter_that_lacks_weights(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    get_peft_model(AutoModel.from_pretrained(tiny_bert), LORA).save_pretrained(tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    state = load_file(file)
    gone = next(name for name in state if "lora_B" in name)
    save_file({name: value for name, value in state.items() if name != gone}, file)
    with pytest.raises(ModelError, match="lacks weights"):
        extract(str(tmp_path), small)
    with pytest.raises(ModelError, match=f"give random:{tiny_bert}"):
        extract(f"random:{tmp_path}", small)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "./gone"})
    )
    with pytest.raises(ModelError, match=r"the base of the adapter .*'\./gone'"):
        extract(str(tmp_path), small)
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    file.rename(tmp_path / "adapter_model.bin")
    with pytest.raises(ModelError, match="only pickled weights"):
        extract(str(tmp_path), small)


@pytest.mark.parametrize("kind", [PrefixTuningConfig, PromptTuningConfig])
def test_prefixes_and_prompts(kind: type, tiny_gpt2: Path, small: Corpus, tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = get_peft_model(
        AutoModel.from_pretrained(tiny_gpt2),
        kind(task_type="FEATURE_EXTRACTION", num_virtual_tokens=3),
    )
    with torch.no_grad():
        for parameter in model.prompt_encoder.parameters():
            parameter.mul_(3)
    model.save_pretrained(tmp_path)
    states = extract(str(tmp_path), small, store_dtype="float32")
    words = small.splits["train"][0].words
    encoded = AutoTokenizer.from_pretrained(tiny_gpt2)(
        " ".join(words), return_tensors="pt", return_offsets_mapping=True
    )
    offsets = encoded.pop("offset_mapping")[0].tolist()
    model.eval()
    with torch.no_grad():
        hidden = model(**encoded, output_hidden_states=True).hidden_states[-1][0]
    hidden = hidden[len(hidden) - len(offsets) :]
    first = [i for i, (a, b) in enumerate(offsets) if a < len(words[0])]
    np.testing.assert_allclose(
        states.read("train", 0, 1)[-1, 0], hidden[first].mean(0).numpy(), atol=1e-4
    )
    long = corpus_of(*["word"] * 300)
    assert np.isfinite(
        extract(str(tmp_path), long).read("train", 0, 300)
    ).all()  # positions are left for the prefix
    plain = extract(str(tiny_gpt2), small, store_dtype="float32")
    assert np.abs(states.read("train", 0, 5)[-1] - plain.read("train", 0, 5)[-1]).max() > 0.01


def test_prompts_of_an_encoder_decoder_are_refused(
    sample: Corpus, small: Corpus, tmp_path: Path
) -> None:
    folder = make_family(
        "t5", tmp_path / "t5", [" ".join(p.words) for p in sample.splits["train"][:400]]
    )
    config = PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=3)
    get_peft_model(AutoModelForSeq2SeqLM.from_pretrained(folder), config).save_pretrained(
        tmp_path / "adapter"
    )
    with pytest.raises(ModelError, match="prefixes and prompts of encoder-decoders"):
        extract(str(tmp_path / "adapter"), small)


def test_quantised_weights_are_other_states(
    tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "choose_device", lambda wanted: torch.device("cuda"))
    facts = [
        Checkpoint(str(tiny_bert), EncoderSettings(dtype=dtype)).facts()
        for dtype in ("float16", "bfloat16", "int8", "int4")
    ]
    assert len({(of_one["computed_in"], of_one["weight_bits"]) for of_one in facts}) == 4


def test_random_weights_are_the_seeds(tiny_gpt2: Path, small: Corpus, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_gpt2, tmp_path / "trained")
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    model.save_pretrained(folder)
    before = torch.random.get_rng_state()
    drawn = extract(f"random:{folder}", small)
    assert torch.equal(before, torch.random.get_rng_state())
    trained = extract(str(folder), small)
    assert np.abs(values(drawn) - values(trained))[0].max() > 0.1
    assert drawn.manifest["model"]["weights"] != trained.manifest["model"]["weights"]
    np.testing.assert_array_equal(values(drawn), values(extract(f"random:{folder}:0", small)))
    assert np.abs(values(drawn) - values(extract(f"random:{folder}:1", small))).max() > 0.1


def test_a_random_model_that_has_the_trained_weights(tiny_gpt2: Path, small: Corpus) -> None:
    """The tiny checkpoint is itself random, drawn from seed 0."""
    with pytest.raises(ModelError, match="should be random"):
        extract(f"random:{tiny_gpt2}:0", small)
    with pytest.raises(ModelError, match="random:NAME"):
        extract("random:", small)
    with pytest.raises(ModelError, match="not a whole number"):
        extract(f"random:{tiny_gpt2}:x", small)


def corpus_of(*words: str) -> Corpus:
    return Corpus("words", {split: (Passage(split, split, words),) for split in SPLITS})


@pytest.mark.parametrize("file", ["w2v.txt", "w2v.bin", "glove.txt"])
def test_word_vectors(file: str, tmp_path: Path) -> None:
    vectors = KeyedVectors(8)
    vectors.add_vectors(
        ["the", "cat", "Paris"], np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    )
    path = tmp_path / file
    vectors.save_word2vec_format(
        path, binary=path.suffix == ".bin", write_header="glove" not in file
    )
    states = extract(
        str(path), corpus_of("The", "cat", "saw", "Paris", "paris"), store_dtype="float32"
    )
    found = states.read("test", 0, 5)
    assert found.shape == (1, 5, 8)
    for i, word in ((0, "the"), (1, "cat"), (3, "Paris")):
        np.testing.assert_allclose(found[0, i], vectors[word], atol=1e-5)
    assert not found[0, [2, 4]].any()
    assert [word for split, word in states.words_without_vector() if split == "test"] == [
        "saw",
        "paris",
    ]
    assert "have no vector" in states.warnings[0]


def test_vectors_of_other_words_are_refused(tmp_path: Path) -> None:
    vectors = KeyedVectors(8)
    vectors.add_vectors(["der", "Hund"], np.ones((2, 8), np.float32))
    vectors.save_word2vec_format(tmp_path / "de.txt")
    with pytest.raises(ModelError, match=r"no vector for 15 of the 15 words of .* of another lang"):
        extract(str(tmp_path / "de.txt"), corpus_of("The", "cat", "saw", "Paris", "paris"))


def test_fasttext_makes_vectors_of_unseen_words(tmp_path: Path) -> None:
    from gensim.models.fasttext import save_facebook_model

    model = FastText(
        [["the", "cat", "sat", "here"]] * 20, vector_size=8, min_count=1, epochs=1, bucket=100
    )
    save_facebook_model(model, str(tmp_path / "ft.bin"))
    states = extract(str(tmp_path / "ft.bin"), corpus_of("cat", "cats"), store_dtype="float32")
    assert states.words_without_vector() == []
    np.testing.assert_allclose(
        states.read("dev", 0, 2)[0], [model.wv["cat"], model.wv["cats"]], atol=1e-5
    )


def test_files_that_hold_no_word_vectors(tmp_path: Path) -> None:
    (tmp_path / "empty.vec").touch()
    with pytest.raises(ModelError, match="is empty"):
        extract(str(tmp_path / "empty.vec"), corpus_of("a"))
    (tmp_path / "nan.txt").write_text("a nan 1\nb 1 2\n")
    with pytest.raises(ModelError, match="not numbers"):
        extract(str(tmp_path / "nan.txt"), corpus_of("a"))
    with pytest.raises(ModelError, match="no file"):
        extract(str(tmp_path / "none.vec"), corpus_of("a"))
    with pytest.raises(InputError, match="no stack"):
        extract(str(tmp_path / "nan.txt"), corpus_of("a"), encoder=EncoderSettings(site="attn"))
    (tmp_path / "a.vec").write_text("this is not\na file of numbers at all\n")
    with pytest.raises(ModelError, match="no word vectors"):
        extract(str(tmp_path / "a.vec"), corpus_of("a"))
    (tmp_path / "a.csv").write_text("1")
    with pytest.raises(ModelError, match="word vectors"):
        extract(str(tmp_path / "a.csv"), corpus_of("a"))


class Elmo(torch.nn.Module):
    """A language model of two bidirectional LSTM layers, each of the width of its embeddings
    (Peters et al. 2018)."""

    def __init__(self, subwords: int, dim: int) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(subwords, dim)
        self.layers = torch.nn.ModuleList(
            torch.nn.LSTM(dim, dim // 2, bidirectional=True, batch_first=True) for _ in range(2)
        )
        self.wide = torch.nn.Linear(dim, 2 * dim)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states = self.embed(ids)
        for layer in self.layers:
            states = layer(states)[0]
        return self.wide(states)


def test_any_module_by_the_names_of_its_parts(small: Corpus, tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    torch.manual_seed(0)
    model = Elmo(len(tokenizer), 16)
    names = ["embed", "layers.0", "layers.1"]
    states = pk.extract(
        model, small, tokenizer=tokenizer, layers=names, name="elmo", store_dtype="float32"
    )
    assert states.model == "elmo" and states.n_layers == 3 and model.training
    offsets = small.offsets("train")
    for i, passage in enumerate(small.splits["train"][:20]):
        encoded = tokenizer(" ".join(passage.words), add_special_tokens=False, return_tensors="pt")
        with torch.no_grad():
            first = model.layers[0](model.embed(encoded["input_ids"]))[0]
            expected = model.layers[1](first)[0][0]
        begins = encoded.char_to_token(0)
        found = states.read("train", int(offsets[i]), int(offsets[i]) + 1)[2, 0]
        own = [k for k, (a, b) in enumerate(encoded[0].offsets) if a < len(passage.words[0])]
        assert begins == own[0]
        np.testing.assert_allclose(found, expected[own].mean(0).numpy(), atol=1e-5)
    scores = pk.probe(states, ["pos"])
    assert set(scores.table["layer"].dropna()) == {0, 1, 2}
    assert in_context(states, "document").read("train", 0, 3).shape == (3, 3, 16)


class Backwards(Elmo):
    """The same weights in other code."""

    def _get_name(self) -> str:
        return "Elmo"

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids.flip(1)).flip(1)


def test_the_same_weights_in_other_code_are_another_module(small: Corpus, tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    model, other = Elmo(len(tokenizer), 16), Backwards(len(tokenizer), 16)
    other.load_state_dict(model.state_dict())
    assert repr(model) == repr(other)
    names = ["embed", "layers.0"]
    first = pk.extract(model, small, tokenizer=tokenizer, layers=names)
    assert pk.extract(model, small, tokenizer=tokenizer, layers=names).computed == 0
    assert pk.extract(other, small, tokenizer=tokenizer, layers=names).manifest != first.manifest


def test_modules_that_cannot_be_read(small: Corpus, tiny_bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    model = Elmo(len(tokenizer), 16)
    with pytest.raises(InputError, match=r"layers\.0"):
        pk.extract(model, small, tokenizer=tokenizer, layers=["layer.0"])
    with pytest.raises(InputError, match="one width"):
        pk.extract(model, small, tokenizer=tokenizer, layers=["embed", "wide"])
    with pytest.raises(InputError, match="tokenizer"):
        pk.extract(model, small, layers=["embed"])


class Positions(torch.nn.Module):
    """Embeddings of subwords and of places, the first of which is left out as RoBERTa does."""

    def __init__(self, subwords: int, dim: int, places: int) -> None:
        super().__init__()
        self.embed, self.place = torch.nn.Embedding(subwords, dim), torch.nn.Embedding(places, dim)
        self.out = torch.nn.Linear(dim, dim)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.embed(ids) + self.place(torch.arange(ids.shape[1]) + 1)
        return torch.as_tensor(self.out(states))


@pytest.mark.parametrize(
    ("longest", "places", "limit"), [(1e30, 31, 30), (20, 31, 20), (1e30, 101, 100)]
)
def test_a_module_is_read_in_windows_that_its_positions_allow(
    longest: float, places: int, limit: int, tiny_bert: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.model_max_length = int(longest)
    model = Positions(len(tokenizer), 8, places)
    words = corpus_of(*["word", "other"] * 200)
    states = pk.extract(model, words, tokenizer=tokenizer, layers=["embed", "out"])
    assert states.manifest["window"] == limit
    assert np.isfinite(states.read("train", 0, 400)).all()


@pytest.mark.parametrize("longest", [-5, 0, 1, 2, "a"])
def test_a_module_whose_tokenizer_leaves_no_room(
    longest: object, tiny_bert: Path, small: Corpus
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.model_max_length = longest
    with pytest.raises(ModelError, match="model_max_length"):
        pk.extract(Positions(len(tokenizer), 8, 100), small, tokenizer=tokenizer, layers=["embed"])
