"""Masks: what stands in a file for words that may not be distributed. One list for every reader.

Treebanks over texts under copyright (`_`: GUM's Reddit documents and others) and skeletons of OntoNotes and PropBank
(`[WORD]`) hold the annotation alone; a model would be asked about text that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, groupby

from probekit.corpora.passage import Passage
from probekit.corpora.tally import Tally

MASKS = frozenset({"[word]", "[mask]", "[masked]", "[redacted]", "<word>", "<mask>", "<masked>", "<redacted>"})
"""In lower case; and any number of underscores."""
MASKED_DOCUMENTS = (
    "documents are left out: their words are masked ('_', '[WORD]' …), so the text must be merged in by its "
    "distributor's script"
)
MASKED_SENTENCES = "sentences are left out with masked words"


def is_mask(word: str) -> bool:
    """Whether a word stands for one that is withheld."""
    return not word.strip("_") or word.lower() in MASKS


def unmasked(
    documents: Sequence[str], words: Sequence[Sequence[str]], where: Callable[[int], str], tally: Tally
) -> list[int]:
    """Numbers of the sentences that can be read: without documents most of whose words are masked, and without
    sentences of nothing but masks. A sentence of one word of underscores stays: it may be meant.

    Args:
        documents: the document of each sentence; neighbours of one name are one document.
        words: the words of each sentence.
        where: the place of a sentence, by its number.
        tally: counts what is left out.
    """
    clear: list[int] = []
    masks = {word for word in set(chain.from_iterable(words)) if is_mask(word)}
    if not masks:
        return list(range(len(documents)))
    for _, group in groupby(range(len(documents)), key=documents.__getitem__):
        members = list(group)
        masked = [sum(map(masks.__contains__, words[i])) for i in members]
        whole = 2 * sum(masked) > sum(len(words[i]) for i in members)
        if whole:
            tally.add(MASKED_DOCUMENTS, where(members[0]))
        for i, count in zip(members, masked, strict=True):
            meant = len(words[i]) == 1 and not words[i][0].strip("_")
            nothing_else = count == len(words[i]) and not meant
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
