"""The bundled corpus: made by its generator, and worth probing."""

from __future__ import annotations

from pathlib import Path

import pytest

import probekit as pk
from probekit import bundle
from probekit.corpora.passage import SPLITS, Corpus
from probekit.models.names import packaged_minilm
from probekit.tasks.task import shipped_tasks
from tools.sample.make import build


def test_the_generator_makes_these_files() -> None:
    folder = bundle.folder("corpora") / "sample"
    made = build()
    assert list(made) == list(SPLITS)
    for split, text in made.items():
        assert text == (folder / f"{split}.conllu").read_text(encoding="utf-8")


def test_documents_are_short_and_in_one_split(sample: Corpus) -> None:
    documents = {split: set(sample.splits[split].documents.kinds()) for split in SPLITS}
    assert not documents["train"] & documents["test"] and not documents["dev"] & documents["test"]
    sizes: dict[str, int] = {}
    for passage in sample.passages():
        sizes[passage.document] = sizes.get(passage.document, 0) + 1
    assert min(sizes.values()) >= 3 and max(sizes.values()) <= 8
    assert len(sample.splits["train"]) >= 1_000


@pytest.mark.slow
def test_a_contextual_probe_beats_the_lexical_baseline_on_every_task(sample: Corpus) -> None:
    if packaged_minilm() is None:
        pytest.skip("the extra [demo] is not installed")
    middle = pk.ExtractSettings(layers=(2, 4))
    scores = pk.probe("minilm", "all", corpus=sample, extract_settings=middle)
    labelling = {task.name for task in shipped_tasks() if task.is_labelling}
    assert set(scores.table["task"]) == labelling
    for _, best in scores.best().iterrows():
        same = scores.table[scores.table["task"] == best["task"]].set_index("probe")
        assert best["ci_low"] > same.loc["lexical", "ci_high"], best["task"]
        assert best["ci_low"] > same.loc["majority", "ci_high"], best["task"]
        assert best["score"] < 1


def test_the_card_says_what_it_is_for(sample: Corpus) -> None:
    assert sample.card is not None
    assert sample.card.licence.startswith("CC0")
    assert "no base for claims" in sample.card.description.replace("\n", " ")
    assert (Path(sample.card.path).parent / "sample" / "train.conllu").is_file()
