"""By document: whether labels are those of whole documents.

The sentences of a document with one label are not independent: a model that knows the document's
topic is right about most of them, or wrong. Intervals over sentences are then too narrow.
"""

from __future__ import annotations

import numpy as np


def are_of_documents(labels: np.ndarray, documents: np.ndarray) -> bool:
    """Whether every document has one label, and some document has several sentences.

    Args:
        labels: `(n,)` of sentences, in any coding.
        documents: `(n,)` the number of each one's document.
    """
    pairs = np.unique(np.stack([documents, np.unique(labels, return_inverse=True)[1]]), axis=1)
    n_documents = len(np.unique(documents))
    return pairs.shape[1] == n_documents < len(labels)


def one_label(documents: int, texts: int) -> str:
    """A warning that intervals resample documents, of which test has so many."""
    return (
        f"each document has one label, so intervals resample the {documents:,} documents of test, "
        f"not its {texts:,} texts"
    )
