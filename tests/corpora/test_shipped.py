"""Every corpus in `corpora/`: adding a file there adds its tests here."""

from __future__ import annotations

import pytest

from probekit import bundle
from probekit.corpora.card import load_card
from probekit.corpora.fetch import on_disk
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from tests.corpora.conftest import require

NAMES = bundle.names("corpora")


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete(name: str) -> None:
    card = load_card(name)
    assert card.title and card.licence and card.citation and card.description and card.annotations
    splits = {source.split for source in card.sources if source.path} | card.files.keys()
    # Nothing is trained on minimal pairs.
    assert splits == ({"test"} if card.reader == "minimal_pairs" else {"train", "dev", "test"})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_card_lists_every_annotation_that_a_task_can_name(
    name: str, request: pytest.FixtureRequest
) -> None:
    card = load_card(name)
    if not on_disk(card):
        require(name)
    known = {"en_ewt": "ewt", "en_gum": "gum", "sample": "sample"}
    corpus: Corpus = (
        request.getfixturevalue(known[name])
        if name in known
        else load_corpus(name, allow_modified=True)
    )
    assert corpus.card == card
    assert set(card.annotations) == corpus.word_annotations | corpus.span_annotations
    for split, passages in corpus.splits.items():
        if card.reader == "minimal_pairs" and split != "test":
            continue
        assert passages, split
        tags = {annotation for passage in passages for annotation in passage.tags}
        edges = {
            annotation
            for passage in passages
            for annotation, found in passage.edges.items()
            if found
        }
        assert set(card.annotations) <= tags | edges, split
    seen: set[str] = set()
    for passage in corpus.passages():
        assert passage.id not in seen and all(passage.words)
        seen.add(passage.id)
        assert all(len(values) == len(passage.words) for values in passage.tags.values())
        for annotation in passage.edges.values():
            assert all(
                0 <= start < end <= len(passage.words)
                for edge in annotation
                for start, end in edge.spans
            )


@pytest.mark.slow
def test_gum_counts(gum: Corpus) -> None:
    """The training file of the mirror holds eight documents of dev and test again; none is trained
    on."""
    documents = {split: set(passages.documents.kinds()) for split, passages in gum.splits.items()}
    assert not documents["train"] & (documents["dev"] | documents["test"])
    assert (len(documents["dev"]), len(documents["test"])) == (30, 30)
    mentions = sum(len(p.edges["mentions"]) for p in gum.splits["dev"])
    assert mentions == sum(len(p.edges["entities"]) for p in gum.splits["dev"]) == 7897
    types = {edge.label for p in gum.passages() for edge in p.edges["entities"]}
    assert types == {
        "abstract",
        "animal",
        "event",
        "object",
        "organization",
        "person",
        "place",
        "plant",
        "substance",
        "time",
    }


def test_gum_train_differs_from_upstream(gum: Corpus) -> None:
    """What the mirror holds must not pass for the original."""
    from probekit.corpora.fetch import fetch
    from probekit.errors import CorpusError

    assert gum.modified == ("en_gum-ud-train.conllu",)
    with pytest.raises(CorpusError, match=r"en_gum-ud-train\.conllu differs.*allow_modified=True"):
        fetch(load_card("en_gum"))
