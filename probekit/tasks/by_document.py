"""By document: whether labels are those of whole documents.

The sentences of a document with one label are not independent: a model that knows the document's
topic is right about most of them, or wrong. Intervals over sentences are then too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def are_of_documents(
    splits: Iterable[tuple[np.ndarray, np.ndarray]], *, are_classes: bool = True
) -> bool:
    """Whether every document of all splits has one label, and some document has several sentences.

    False where there is one document for each class: documents are then only a way to store them.

    Args:
        splits: of each `(n,)` labels of sentences, in any coding, and the number of each one's
            document.
        are_classes: whether labels are classes; numbers may differ from document to document.
    """
    has_several = False
    for labels, documents in splits:
        n_documents, n_labels = len(np.unique(documents)), len(np.unique(labels))
        pairs = np.stack([documents, np.unique(labels, return_inverse=True)[1]])
        if np.unique(pairs, axis=1).shape[1] > n_documents:
            return False
        has_several |= n_documents < len(labels) and (n_labels < n_documents or not are_classes)
    return has_several


def one_label(documents: int, texts: int) -> str:
    """A warning that intervals resample documents, of which test has so many."""
    return (
        f"each document has one label, so intervals resample the {documents:,} documents of test, "
        f"not its {texts:,} texts"
    )
