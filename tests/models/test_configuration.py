"""A malformed `config.json` ends in an error of one line."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModel

from probekit.corpora.passage import Corpus
from probekit.errors import ModelError
from probekit.models import patterns
from probekit.models.checkpoint import EncoderSettings
from probekit.states.extract import extract

DEEP = '{"a":' * 3000 + "1" + "}" * 3000
LESS_DEEP = '{"a":' * 200 + "1" + "}" * 200

FILES = {
    "empty": "",
    "nothing": "{}",
    "null": "null",
    "list": "[1, 2]",
    "number": "3",
    "text": '"bert"',
    "deep": DEEP,
    "deep list": "[" * 100_000,
    "less deep": f'{{"model_type": "bert", "x": {LESS_DEEP}}}',
    "many digits": '{"model_type": "bert", "num_hidden_layers": ' + "9" * 5000 + "}",
    "no text": b"\xff\xfe\x00",
}
WRONG: tuple[Any, ...] = ("a", [1], None, -7, 0, 10**30, 1.5, {}, True)


def each(name: str, *values: Any) -> list[tuple[str, Any]]:
    """A field with each of some values."""
    return [(name, value) for value in values]


FIELDS: list[tuple[str, Any]] = [
    *each("num_hidden_layers", *WRONG),
    *each("hidden_size", *WRONG),
    *each("vocab_size", *WRONG),
    *each("max_position_embeddings", "a", [1], None, -7, 10**30, 1.5, {}, True, 1, 3),
    *each("layer_norm_eps", "a", [1], None, {}, True, 10**30),
    *each("num_attention_heads", "a", None, 0, -1, 7, 10**30),
    *each("num_labels", "a", [1], 10**30, 1e9, True),
    *each("model_type", "none", [1], {}, None, 3),
    *each("id2label", "a", [1], 3),
    *each("pad_token_id", "a", [1], 1.5, -3, 10**30),
    ("hidden_act", "none"),
    ("hidden_act", 3),
    ("is_decoder", "yes"),
    ("is_encoder_decoder", True),
    ("text_config", 3),
    ("quantization_config", 3),
    ("dtype", [1]),
    ("chunk_size_feed_forward", 10**30),
    ("num_hidden_layers", 100_000_000),
    ("intermediate_size", 1 << 40),
]


@pytest.fixture(scope="module")
def model(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path_factory.mktemp("odd") / "model"))


@pytest.fixture(scope="module")
def few(sample: Corpus) -> Corpus:
    return Corpus("few", {split: passages[:2] for split, passages in sample.splits.items()})


def refused(folder: Path, corpus: Corpus) -> str:
    with pytest.raises(ModelError) as caught:
        extract(str(folder), corpus, encoder=EncoderSettings(device="cpu"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return str(caught.value)


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_files_that_are_no_configuration(text: str | bytes, model: Path, few: Corpus) -> None:
    (model / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert "config" in refused(model, few)


@pytest.mark.parametrize(("field", "value"), FIELDS, ids=lambda part: str(part)[:24])
def test_fields_of_a_wrong_type_or_size(
    field: str, value: Any, model: Path, few: Corpus, tiny_bert: Path
) -> None:
    config = json.loads((tiny_bert / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, field: value}))
    refused(model, few)


@pytest.mark.parametrize(
    ("field", "value"),
    [("hidden_size", 1 << 16), ("type_vocab_size", 10**9), ("vocab_size", 1 << 24)],
)
def test_no_memory_is_taken_for_more_weights_than_there_are(
    field: str, value: int, model: Path, few: Corpus, tiny_bert: Path
) -> None:
    config = json.loads((tiny_bert / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, field: value}))
    assert "describes a model of" in refused(model, few)


@pytest.mark.parametrize("value", ["BertModel", 3, 1.5, True, {}, [3], [[]], None])
def test_architectures_of_a_wrong_type_are_no_head(
    value: Any, model: Path, few: Corpus, tiny_bert: Path
) -> None:
    config = json.loads((tiny_bert / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "architectures": value}))
    if (
        value is not None and int(version("huggingface_hub").partition(".")[0]) < 2
    ):  # it checks the type
        assert "architectures" in refused(model, few)
    else:
        assert extract(str(model), few).n_layers == 4


@pytest.fixture
def adapter(tiny_bert: Path, tmp_path: Path) -> Path:
    config = LoraConfig(r=2, target_modules=["query"], task_type="FEATURE_EXTRACTION")
    get_peft_model(AutoModel.from_pretrained(tiny_bert), config).save_pretrained(
        tmp_path / "adapter"
    )
    return tmp_path / "adapter"


def edit(adapter: Path, **changes: Any) -> None:
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


BASES: tuple[Any, ...] = (3, [1], None, {}, "", True, 1.5)
WRONG_TYPE = "a value in its adapter_config.json has a wrong type"
ADAPTERS: dict[str, tuple[dict[str, Any], str]] = {
    **{f"base {base!r}": ({"base_model_name_or_path": base}, "base") for base in BASES},
    "base itself": ({"base_model_name_or_path": "ITSELF"}, "it is an adapter itself"),
    "base long": ({"base_model_name_or_path": "x" * 5000}, "base"),
    "kind": ({"peft_type": [1]}, WRONG_TYPE),
    "kind unknown": ({"peft_type": "NONE"}, WRONG_TYPE),
    "rank": ({"r": "a"}, WRONG_TYPE),
    "rank 0": ({"r": 0}, "does not fit"),
    "rank 10⁹": ({"r": 10**9}, "no weight of that size"),
    "rank 10⁹ of some": ({"rank_pattern": {"query": 10**9}}, "no weight of that size"),
    "vectors 10⁹": ({"peft_type": "VBLORA", "num_vectors": 10**9}, "no weight of that size"),
    "tokens 10⁹": ({"trainable_token_indices": [10**9]}, "no embedding of subword"),
    "modules": ({"target_modules": 3}, WRONG_TYPE),
    "modules none": ({"target_modules": ["nothing"]}, "does not fit"),
    "pattern odd": ({"target_modules": "(((*"}, "does not fit"),
    "pattern slow": ({"target_modules": r"(([a-z.0-9]+)+)+!"}, "cannot be matched within 1 s"),
    "rank pattern slow": (
        {"rank_pattern": {r"(([a-z.0-9]+)+)+!": 3}},
        "cannot be matched within 1 s",
    ),
    "prompt": ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": "a"}, "num_virtual_tokens"),
    "prompt long": (
        {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 10**30},
        "num_virtual_tokens",
    ),
}


@pytest.mark.parametrize(("changes", "message"), ADAPTERS.values(), ids=ADAPTERS)
def test_adapters_that_say_odd_things(
    changes: dict[str, Any],
    message: str,
    adapter: Path,
    few: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 1)
    edit(
        adapter,
        **{key: str(adapter) if value == "ITSELF" else value for key, value in changes.items()},
    )
    assert message in refused(adapter, few)


def test_a_runs_folder_whose_adapter_has_it_as_its_base(
    adapter: Path, few: Corpus, tmp_path: Path
) -> None:
    edit(adapter, base_model_name_or_path=str(tmp_path / "run"))
    shutil.copytree(adapter, tmp_path / "run" / "checkpoint-5")
    assert "it is an adapter itself" in refused(tmp_path / "run", few)


@pytest.mark.parametrize("pattern", [r".*\.(query|value)", r"(.*\.)?layer\.[0-9]+\..*\.query"])
def test_usual_patterns_of_adapters(
    pattern: str, adapter: Path, few: Corpus, tiny_bert: Path
) -> None:
    edit(adapter, target_modules=pattern.replace("|value", ""))
    assert extract(str(adapter), few).n_layers == 4


@pytest.mark.parametrize(
    "modules", ["3", "{}", "[3]", "[]", "null", '[{"path": 3}]', '[{"path": null}]']
)
def test_a_list_of_modules_that_is_none(modules: str, few: Corpus, tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text(modules)
    assert "config.json" in refused(tmp_path, few)


TOKENIZERS: list[tuple[str, Any]] = [
    *each("model_max_length", "a", [1], -5, 0, 1, 2, 5, {}, True),
    *each("tokenizer_class", 3, [1], {}, "None"),
    *each("unk_token", 3, [1], {}),
    *each("pad_token", 3, [1], {}),
    *each("added_tokens_decoder", 3, [1], "a", {"a": 3}, {"5": 3}, {"5": {}}),
    ("extra_special_tokens", 3),
    ("auto_map", 3),
]


@pytest.mark.parametrize(("field", "value"), TOKENIZERS, ids=lambda part: str(part)[:24])
def test_settings_of_a_tokenizer_of_a_wrong_type(
    field: str, value: Any, model: Path, few: Corpus, tiny_bert: Path
) -> None:
    """It is refused in a line, unless transformers has a use for the value."""
    shutil.copy(tiny_bert / "config.json", model)
    settings = json.loads((tiny_bert / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**settings, field: value}))
    try:
        extract(str(model), few)
    except ModelError as error:
        assert "\n" not in str(error)
        assert "tokenizer" in str(error)
    else:
        assert field != "model_max_length"
    finally:
        shutil.copy(tiny_bert / "tokenizer_config.json", model)
