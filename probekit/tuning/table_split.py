"""Table split: one table, divided into train, dev and test."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from probekit.corpora.passage import SPLITS
from probekit.errors import InputError
from probekit.tuning.table_rows import Row

LEAST_DOCUMENTS = 10  # that a table is divided by


def divided(name: str, rows: list[Row], *, has_classes: bool) -> tuple[dict[str, list[Row]], str]:
    """The rows of each split, and a warning that says how they were divided.

    Eight tenths are for training, one is dev and one test. Equal texts stay together, and so do
    documents, where that leaves each label in training.

    Args:
        name: of the data.
        rows: of the table.
        has_classes: whether their labels are classes.

    Raises InputError for fewer than three different texts.
    """
    what = "texts"
    by_split = _in_tenths(rows, [row.texts for row in rows])
    if by_split is None:
        n_texts = len({row.texts for row in rows})
        raise InputError(f"data {name} has {n_texts} different texts, too few to divide")
    if rows[0].document is not None:
        families = _families(rows)
        by_documents = _in_tenths(rows, families)
        enough = len(set(families)) >= LEAST_DOCUMENTS
        if enough and by_documents and (not has_classes or _can_learn(by_documents)):
            what, by_split = "documents", by_documents
        else:
            what = (
                f"texts, since there are fewer than {LEAST_DOCUMENTS} documents, or training would "
                "lack a label"
            )
    sizes = ", ".join(f"{len(found):,} {split}" for split, found in by_split.items())
    return (
        by_split,
        f"{name} has no split of its own: its rows are divided by their {what} ({sizes})",
    )


def _in_tenths(rows: Sequence[Row], keys: Sequence[tuple[str, ...]]) -> dict[str, list[Row]] | None:
    """The rows by split, those with one key together; None where there are too few keys."""
    hashes = {key: hashlib.sha256("\0".join(key).encode()).digest() for key in keys}
    order = sorted(hashes, key=hashes.__getitem__)
    if len(order) < 3:
        return None
    tenth = max(1, len(order) // 10)
    split_of = dict.fromkeys(order, "train")
    split_of |= dict.fromkeys(order[:tenth], "dev")
    split_of |= dict.fromkeys(order[tenth : 2 * tenth], "test")
    by_split: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for row, key in zip(rows, keys, strict=True):
        by_split[split_of[key]].append(row)
    return by_split


def _families(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The key of each row: the least name of the documents that are linked by equal texts."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents = numbered([row.document for row in rows])
    texts = numbered([row.texts for row in rows])
    size = max(documents.max(), texts.max()) + 1
    links = coo_array((np.ones(len(rows)), (documents, size + texts)), shape=(2 * size, 2 * size))
    family = connected_components(links, directed=False)[1][documents]
    least: dict[int, str] = {}
    for row, number in zip(rows, family.tolist(), strict=True):
        name = str(row.document)
        least[number] = min(name, least.get(number, name))
    return [(least[number],) for number in family.tolist()]


def numbered(values: Sequence[Hashable]) -> np.ndarray:
    """The number of each value, by where it first occurs."""
    numbers = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return np.array([numbers[value] for value in values])


def _can_learn(by_split: Mapping[str, list[Row]]) -> bool:
    """Whether every class of dev and test occurs in training, and each there more than once."""
    counts = Counter(str(row.label) for row in by_split["train"])
    of_rest = {str(row.label) for split in ("dev", "test") for row in by_split[split]}
    return of_rest <= set(counts) and min(counts.values()) > 1
