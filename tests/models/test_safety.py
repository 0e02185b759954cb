"""A checkpoint is data: its code does not run, and what is wrong with it is reported."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from probekit.corpora.passage import Corpus
from probekit.errors import ModelError
from probekit.models.checkpoint import EncoderSettings
from probekit.states.extract import extract


class Malicious:
    """A pickle of it writes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.mark, "I ran")


@pytest.fixture
def folder(tiny_bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path / "model"))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "mark"


def edited(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize("leave", [False, True])
def test_a_malicious_pickle_does_not_run(
    leave: bool, folder: Path, mark: Path, small: Corpus
) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Malicious(mark)}))
    with pytest.raises(ModelError, match="allow_pickle=True" if not leave else "cannot be loaded"):
        extract(str(folder), small, encoder=EncoderSettings(allow_pickle=leave))
    assert not mark.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())  # it would have
    assert mark.exists()


def test_a_pickle_beside_safetensors_is_not_looked_at(
    folder: Path, mark: Path, small: Corpus
) -> None:
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Malicious(mark)))
    extract(str(folder), small)
    assert not mark.exists()


def _brings_code(folder: Path, mark: Path) -> None:
    for name in ("configuration_x", "modeling_x", "tokenization_x"):
        (folder / f"{name}.py").write_text(
            f"from pathlib import Path\nPath({str(mark)!r}).write_text('I ran')\nclass X: pass\n"
        )
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["auto_map"] = {"AutoTokenizer": ["tokenization_x.X", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_code_that_a_known_family_brings_does_not_run(
    folder: Path, mark: Path, small: Corpus
) -> None:
    _brings_code(folder, mark)
    edited(folder, auto_map={"AutoConfig": "configuration_x.X", "AutoModel": "modeling_x.X"})
    try:
        extract(str(folder), small)
    except ModelError as error:  # or it is refused
        assert "trust" in str(error)
    assert not mark.exists()


def test_code_of_an_unknown_family_needs_leave(folder: Path, mark: Path, small: Corpus) -> None:
    _brings_code(folder, mark)
    edited(
        folder,
        model_type="x",
        auto_map={"AutoConfig": "configuration_x.X", "AutoModel": "modeling_x.X"},
    )
    with pytest.raises(ModelError) as caught:
        extract(str(folder), small)
    assert "trust_remote_code=True" in str(caught.value)
    assert not mark.exists()
    with pytest.raises(ModelError):  # its classes are none
        extract(str(folder), small, encoder=EncoderSettings(trust_remote_code=True))
    assert mark.exists()  # with leave it would have run


def test_a_vocabulary_of_another_size(folder: Path, small: Corpus) -> None:
    edited(folder, vocab_size=123)
    with pytest.raises(ModelError, match="embeddings"):
        extract(str(folder), small)


def test_more_blocks_than_there_are_weights(folder: Path, small: Corpus) -> None:
    edited(folder, num_hidden_layers=4)
    with pytest.raises(ModelError, match=r"layer\.3\..*partly random"):
        extract(str(folder), small)


@pytest.mark.parametrize("name", ["config.json", "adapter_config.json", "modules.json"])
def test_a_malformed_json_is_named(name: str, folder: Path, small: Corpus) -> None:
    if name != "config.json":
        (folder / "config.json").unlink()
    (folder / name).write_text("{")
    with pytest.raises(ModelError, match=f"{name} cannot be read"):
        extract(str(folder), small)


@pytest.mark.parametrize("harm", ["cut", "header", "shape"])
def test_damaged_weights_are_named(harm: str, folder: Path, small: Corpus) -> None:
    weights = folder / "model.safetensors"
    if harm == "cut":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif harm == "header":
        weights.write_bytes(b"\xff" * 8 + weights.read_bytes()[8:])
    else:
        state = load_file(weights)
        state["encoder.layer.0.output.dense.weight"] = state["encoder.layer.0.output.dense.weight"][
            :-1
        ].contiguous()
        save_file(state, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError) as caught:
        extract(str(folder), small)
    assert "weights" in str(caught.value)
    if harm == "shape":
        assert "encoder.layer.0.output.dense.weight" in str(caught.value)
