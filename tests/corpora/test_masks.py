"""Masks: what is left out of documents, and what a sentence may mean."""

from __future__ import annotations

import pytest

from probekit.corpora.passage import Passage
from probekit.corpora.passages import Passages
from probekit.corpora.readers.masks import MASKED_DOCUMENTS, MASKED_SENTENCES, unmasked
from probekit.corpora.tally import Tally


def left(*sentences: tuple[str, str]) -> tuple[list[str], Tally]:
    """The sentences that can be read, of `(document, text)`; and what was counted."""
    passages = []
    for number, (document, text) in enumerate(sentences):
        passages.append(Passage(str(number), document, tuple(text.split())))
    tally = Tally()
    places = unmasked(Passages.of(passages), str, tally)
    return [sentences[place][1] for place in places.tolist()], tally


@pytest.mark.parametrize("mask", ["***", "XXXX", "xx", "<unk>", "▁▁", "REDACTED", "[MASK]", "_"])
def test_a_document_of_little_but_one_mask_is_left_out(mask: str) -> None:
    hidden = ("hidden", f"{mask} {mask} .")
    found, tally = left(hidden, hidden, ("clear", "a dog runs"), ("clear", "it stops ."))
    assert found == ["a dog runs", "it stops ."]
    assert tally == {MASKED_DOCUMENTS: 1, MASKED_SENTENCES: 2}


@pytest.mark.parametrize("text", ["* * *", "xx xx", "XX XXX", "xoxo xx xx", "redacted"])
def test_a_sentence_may_mean_it(text: str) -> None:
    """As a break between sections, kisses, or a number: alone, and among others."""
    assert left(("alone", text), ("other", "a dog runs")) == ([text, "a dog runs"], {})
    among = [("letter", "dear all ,"), ("letter", text), ("letter", "we met today .")]
    assert left(*among) == ([sentence for _, sentence in among], {})
