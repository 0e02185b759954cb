"""Extraction in another process: the same model, or none."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from probekit.corpora.passage import SPLITS, Corpus
from probekit.errors import ModelError
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.states.extract import describe, plan_shards, units_of
from probekit.states.extraction import Extraction
from probekit.states.settings import ExtractSettings
from probekit.states.shard import Shard
from probekit.states.store import open_store
from tests.made import folder_of


def planned(folder: Path, corpus: Corpus) -> tuple[Extraction, list[Shard]]:
    """Work on all shards of a corpus."""
    settings = ExtractSettings()
    model = Checkpoint(str(folder), EncoderSettings())
    store = open_store(describe(model, corpus, "sentence", settings), model.dim, "float16")
    units = {split: units_of(corpus, split, "sentence") for split in SPLITS}
    shards = plan_shards(model, corpus, "sentence")
    reader = model.reader("mean", None)
    work = Extraction(model.name, reader, corpus, settings, range(model.n_layers), store, units)
    return work, [shard for split in SPLITS for shard in shards[split]]


def test_another_process_does_the_same_work(tiny_bert: Path, small: Corpus) -> None:
    work, shards = planned(tiny_bert, small)
    told: list[float] = []
    there = pickle.loads(pickle.dumps(work)).run(shards, told.append)
    assert all(one.computed for one in there)
    assert told[-1] == sum(shard.stop - shard.start for shard in shards)
    here = work.run(shards, told.append)
    assert not any(one.computed for one in here)
    assert [one.no_subword for one in here] == [one.no_subword for one in there]


def test_another_model_of_the_same_name_is_refused(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "model")
    work, shards = planned(folder, small)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-3}))
    with pytest.raises(ModelError, match=r"is another model on .* \(model differs\)"):
        pickle.loads(pickle.dumps(work)).run(shards, lambda done: None)
    assert not list(folder_of(work.store).glob("*.safetensors"))
