"""Masks: placeholders for words that may not be distributed; one list for every reader.

Treebanks of texts under copyright (`_`: GUM's Reddit documents and others) and skeletons of
OntoNotes and PropBank (`[WORD]`) hold the annotation alone: a model would read text that is not
there.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from probekit.corpora.passages import Passages
from probekit.corpora.tally import Tally

MASKS = frozenset(
    {"[word]", "[mask]", "[masked]", "[redacted]", "<word>", "<mask>", "<masked>", "<redacted>"}
)
"""Masks in lower case; any number of underscores is a mask too."""
OF_DOCUMENTS = MASKS | {"<unk>", "[unk]", "masked", "redacted"}
"""What documents may be masked with too; so may any text of asterisks, of `▁`, or of `x`. A
sentence may hold one of these alone and mean it."""
_REPEATED = re.compile(r"\*+|▁+|x{2,}")
MASKED_DOCUMENTS = (
    "documents are left out: their words are masked ('_', '[WORD]' …), "
    "so the text must be merged in by its distributor's script"
)
MASKED_SENTENCES = "sentences are left out with masked words"


def is_mask(word: str) -> bool:
    """Whether a word is a mask."""
    return not word.strip("_") or word.lower() in MASKS


def is_mask_of_documents(word: str) -> bool:
    """Whether a document that has little else is masked with this word."""
    lower = word.lower()
    return is_mask(word) or lower in OF_DOCUMENTS or bool(_REPEATED.fullmatch(lower))


def unmasked(passages: Passages, where: Callable[[int], str], tally: Tally) -> np.ndarray:
    """The numbers of the passages that can be read.

    Left out are documents most of whose words are masked, and passages that hold only masks. A
    passage of one word of underscores stays: it may be meant.

    Args:
        passages: those of one file; neighbours with the same document name are one document.
        where: gives the place of a passage by its number.
        tally: counts what is left out.
    """
    lengths = np.diff(passages.offsets)
    vocabulary = passages.words.vocabulary.to_pylist()
    of_documents = np.array([is_mask_of_documents(word) for word in vocabulary], dtype=bool)
    if not of_documents.any():
        return np.arange(len(passages))
    masks = np.array([is_mask(word) for word in vocabulary], dtype=bool)
    masked = _in_runs(masks[passages.words.numbers], lengths)
    covered = _in_runs(of_documents[passages.words.numbers], lengths)
    documents = passages.document_numbers()
    n_words = np.bincount(documents, lengths)
    of_masks, of_all = np.bincount(documents, masked), np.bincount(documents, covered)
    is_longer = np.bincount(documents) > 1  # than a sentence
    most = (2 * of_masks > n_words) | ((2 * of_all > n_words) & is_longer)
    left_out = most[documents]
    for i in np.flatnonzero((masked == lengths) & ~left_out).tolist():
        (word, *more) = passages.words.texts(*passages.offsets[i : i + 2].tolist())
        left_out[i] = bool(more) or bool(word.strip("_"))
    first = np.diff(documents, prepend=-1) > 0
    for i in np.flatnonzero(left_out).tolist():
        if first[i] and most[documents[i]]:
            tally.add(MASKED_DOCUMENTS, where(i))
        tally.add(MASKED_SENTENCES, where(i))
    return np.flatnonzero(~left_out)


def _in_runs(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """`(runs,)` how many of the values are true in each run."""
    runs = np.repeat(np.arange(len(lengths)), lengths)
    return np.bincount(runs[values], minlength=len(lengths))


def without_masked(passages: Passages, where: Callable[[int], str], tally: Tally) -> Passages:
    """The passages that can be read (see `unmasked`)."""
    clear = unmasked(passages, where, tally)
    return passages if len(clear) == len(passages) else passages.take(clear)
