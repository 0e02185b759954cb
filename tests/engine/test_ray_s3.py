"""Ray: two workers share states behind a URL."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from tests import s3

pytestmark = [
    pytest.mark.slow,
    # Ray leaves the end of its own processes to their parents.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def probed(model: str, corpus: Corpus, engine: pk.EngineSettings) -> pk.Scores:
    settings = pk.FitSettings(words=20_000)
    return pk.probe(
        model, "pos", corpus=corpus, seeds=2, fit_settings=settings, engine=engine, progress=False
    )


def test_two_workers_share_a_bucket(
    tiny_bert: Path, sample: Corpus, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probekit.states.extract.SHARD_WORDS", 1_000)
    expected = probed(str(tiny_bert), sample, pk.EngineSettings("threads"))
    on_disk = {path.name: path.read_bytes() for path in own_cache.rglob("*.safetensors")}
    two = pk.EngineSettings("ray", 2)
    with s3.serving(monkeypatch) as server:
        found = probed(str(tiny_bert), sample, two)
        written = Counter(server.written())
        files = {name.rpartition("/")[2]: content for name, content in s3.objects().items()}
        server.requests.clear()
        again = probed(str(tiny_bert), sample, two)
        assert not server.written()
    for one in (found, again):
        pd.testing.assert_frame_equal(one.table, expected.table, rtol=0, atol=1e-6)
    assert found.run.measurements[0].shards_computed > 10
    assert again.run.measurements[0].shards_computed == 0
    assert set(written.values()) == {1} and on_disk
    assert {name: files[name] for name in files if name.endswith(".safetensors")} == on_disk
    assert not [name for name in files if name.endswith(".proof")]
