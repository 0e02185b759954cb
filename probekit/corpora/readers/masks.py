"""Masks: what stands in a file for words that may not be distributed. One list for every reader.

Treebanks over texts under copyright (`_`: GUM's Reddit documents and others) and skeletons of OntoNotes and PropBank
(`[WORD]`) hold the annotation alone; a model would be asked about text that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from probekit.corpora.passage import Passage
from probekit.corpora.tally import Tally

MASKS = frozenset({"_", "[WORD]", "[MASK]", "[MASKED]", "<MASK>", "<mask>", "<MASKED>", "<masked>", "[REDACTED]"})
MASKED_DOCUMENTS = (
    "documents are left out: their words are masked ('_', '[WORD]' …), so the text must be merged in by its "
    "distributor's script"
)
MASKED_SENTENCES = "sentences are left out with masked words"


def unmasked(
    documents: Sequence[str], words: Sequence[Sequence[str]], where: Callable[[int], str], tally: Tally
) -> list[int]:
    """Numbers of the sentences that can be read: without documents most of whose words are masked, and without
    sentences of nothing but masks. A sentence of the one word `_` stays: it may be meant.

    Args:
        documents: the document of each sentence; neighbours of one name are one document.
        words: the words of each sentence.
        where: the place of a sentence, by its number.
        tally: counts what is left out.
    """
    clear: list[int] = []
    for _, group in groupby(range(len(documents)), key=documents.__getitem__):
        members = list(group)
        masked = [sum(map(MASKS.__contains__, words[i])) for i in members]
        whole = 2 * sum(masked) > sum(len(words[i]) for i in members)
        if whole:
            tally.add(MASKED_DOCUMENTS, where(members[0]))
        for i, count in zip(members, masked, strict=True):
            nothing_else = count == len(words[i]) and tuple(words[i]) != ("_",)
            if whole or nothing_else:
                tally.add(MASKED_SENTENCES, where(i))
            else:
                clear.append(i)
    return clear


def without_masked(passages: Sequence[Passage], where: Callable[[int], str], tally: Tally) -> list[Passage]:
    """The passages that can be read (see `unmasked`)."""
    documents = [passage.document for passage in passages]
    words = [passage.words for passage in passages]
    return [passages[i] for i in unmasked(documents, words, where, tally)]
