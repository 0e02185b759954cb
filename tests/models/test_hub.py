"""Models by hub id, from the hub's own cache on this disk: revisions, random weights, adapters on
them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from peft import LoraConfig, get_peft_model
from transformers import AutoModel

from probekit.corpora.passage import Corpus
from probekit.errors import ModelError
from probekit.models.checkpoint import EncoderSettings
from probekit.states.extract import extract
from probekit.states.states import States

COMMITS = {"main": "a" * 40, "step1": "b" * 40}


@pytest.fixture
def hub(tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a hub with `some/model`, of two revisions."""
    repository = tmp_path / "hub" / "models--some--model"
    for revision, commit in COMMITS.items():
        snapshot = Path(shutil.copytree(tiny_bert, repository / "snapshots" / commit))
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / revision).write_text(commit)
        if revision != "main":
            model = AutoModel.from_pretrained(snapshot, add_pooling_layer=False)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.mul_(0.9)
            model.save_pretrained(snapshot)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return repository


def values(states: States) -> np.ndarray:
    return states.read("dev", 0, 40).astype(np.float32)


def test_a_revision_is_that_revision(hub: Path, tiny_bert: Path, small: Corpus) -> None:
    newest = extract("some/model", small)
    np.testing.assert_array_equal(values(newest), values(extract(str(tiny_bert), small)))
    early = extract("some/model@step1", small)
    assert early.model == "some/model@step1" and np.abs(values(early) - values(newest)).max() > 0.01
    np.testing.assert_array_equal(
        values(early), values(extract(f"some/model@{COMMITS['step1']}", small))
    )
    with pytest.raises(ModelError, match="cannot get 'some/model'"):
        extract("some/model@step2", small)


def test_random_weights_of_a_hub_model(hub: Path, small: Corpus) -> None:
    drawn = extract("random:some/model@step1:3", small)
    assert np.abs(values(drawn) - values(extract("some/model@step1", small))).max() > 0.1


def test_an_adapter_on_a_hub_model(hub: Path, small: Corpus, tmp_path: Path) -> None:
    snapshot = hub / "snapshots" / COMMITS["main"]
    model = get_peft_model(
        AutoModel.from_pretrained(snapshot), LoraConfig(r=2, target_modules=["query"])
    )
    model.peft_config["default"].base_model_name_or_path = "some/model"
    model.save_pretrained(tmp_path / "adapter")
    states = extract(str(tmp_path / "adapter"), small)
    assert f"{tmp_path / 'adapter'}: an adapter on some/model" in states.warnings
    np.testing.assert_array_equal(
        values(states), values(extract("some/model", small))
    )  # it begins as no change


def test_the_revision_of_an_adapters_base(hub: Path, small: Corpus, tmp_path: Path) -> None:
    early = hub / "snapshots" / COMMITS["step1"]
    model = get_peft_model(
        AutoModel.from_pretrained(early), LoraConfig(r=2, target_modules=["query"])
    )
    model.peft_config["default"].base_model_name_or_path = "some/model"
    model.peft_config["default"].revision = "step1"
    model.save_pretrained(tmp_path / "adapter")
    states = extract(str(tmp_path / "adapter"), small)
    assert f"{tmp_path / 'adapter'}: an adapter on some/model@step1" in states.warnings
    np.testing.assert_array_equal(values(states), values(extract("some/model@step1", small)))


def test_the_tokenizer_of_a_hub_model(
    hub: Path, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    AutoModel.from_pretrained(tiny_bert).save_pretrained(tmp_path / "bare")
    states = extract(str(tmp_path / "bare"), small, encoder=EncoderSettings(tokenizer="some/model"))
    np.testing.assert_array_equal(values(states), values(extract(str(tiny_bert), small)))
