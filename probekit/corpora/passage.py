"""Passage and Corpus: annotated text, written by readers and read by everything after them.

Positions are word offsets. Inside a passage they count from the passage's first word;
`Corpus.offsets` turns them into positions in the sequence of all words of the split, where spans
meet hidden states.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from probekit.corpora.card import Card
from probekit.corpora.tally import with_warnings

if TYPE_CHECKING:
    import numpy as np

    from probekit.corpora.passages import Passages

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Context = Literal["sentence", "document"]
"""What a model reads in one pass: a passage, or a document up to the model's limit."""
Span = tuple[int, int]  # first word, word after the last


@dataclass(frozen=True, slots=True)
class Edge:
    """A label on one or two spans: a constituent, a dependency, a role, a mention."""

    spans: tuple[Span, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Words annotated together: a sentence of a treebank, a text of an edge-probing file.

    Attributes:
        id: unique within the corpus.
        document: the document it belongs to; neighbouring passages of one document are read
            together if a task needs document context.
        words: the words, none empty.
        tags: word annotations by name (`upos`, `xpos`, `lemma`, `feats`, `misc` …): one value per
            word, None for a word without one. `feats` and `misc` hold the raw column.
        edges: span annotations by name: `dependencies` ((head, dependent), relation),
            `constituents` (span, category), `roles` ((predicate, argument), role), `entities`
            (span, type), `mentions` (span, entity id, unique within the document).
    """

    id: str
    document: str
    words: tuple[str, ...]
    tags: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    edges: Mapping[str, tuple[Edge, ...]] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Corpus:
    """Passages by split, with their origin.

    Attributes:
        name: its name in results; other corpora may have the same name.
        splits: passages of `train`, `dev` and `test`; documents stay whole and in order. It takes
            any sequence of Passage, and stores it in columns.
        card: title, licence and sources, if the corpus has a card.
        warnings: what a reader must know, one sentence each: how much was left out, joined or
            masked.
        modified: files that were accepted although their checksum differs from the card's.
        source: the name or path it was loaded by; empty for one made in Python.

    Raises:
        InputError: for passages that hold anything but texts, or an annotation without one value
            per word.
    """

    name: str
    splits: Mapping[Split, Passages]
    card: Card | None = None
    warnings: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    source: str = ""

    if TYPE_CHECKING:

        def __init__(  # `splits` takes more types than the attribute has
            self,
            name: str,
            splits: Mapping[Split, Sequence[Passage]],
            card: Card | None = None,
            warnings: tuple[str, ...] = (),
            modified: tuple[str, ...] = (),
            source: str = "",
        ) -> None: ...

    def __post_init__(self) -> None:
        from probekit.corpora.passages import Passages

        splits = {split: Passages.of(passages) for split, passages in self.splits.items()}
        object.__setattr__(self, "splits", splits)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{len(passages):,} {split}" for split, passages in self.splits.items())
        return f"Corpus({self.name!r}: passages {sizes})"

    def _repr_html_(self) -> str:
        import pandas as pd

        from probekit import html

        rows = []
        for split, passages in self.splits.items():
            words = int(self.offsets(split)[-1])
            rows.append({"split": split, "passages": f"{len(passages):,}", "words": f"{words:,}"})
        annotations = ", ".join(sorted(self.word_annotations | self.span_annotations))
        notes = [f"annotations: {annotations or 'none'}", *self.warnings]
        return html.page(repr(self), pd.DataFrame(rows), notes)

    def passages(self) -> Iterator[Passage]:
        """Every passage, split after split."""
        for passages in self.splits.values():
            yield from passages

    def with_warnings(self, message: str) -> str:
        """An error message with the warnings of reading the corpus, which often give the reason."""
        return with_warnings(message, self.warnings)

    @cached_property
    def word_annotations(self) -> frozenset[str]:
        """Names of the word annotations at least one passage has."""
        return frozenset(name for passages in self.splits.values() for name in passages.tags)

    @cached_property
    def span_annotations(self) -> frozenset[str]:
        """Names of the span annotations at least one passage has."""
        return frozenset(name for passages in self.splits.values() for name in passages.edges)

    def offsets(self, split: Split) -> np.ndarray:
        """Position of each passage's first word in the split, and last the number of words.

        Returns:
            `(n + 1,)` integers.
        """
        return self.splits[split].offsets

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the text a model would read: words, passage and document boundaries, splits.

        Labels do not count, so a corrected annotation costs no second forward pass.
        """
        from probekit.corpora import digests

        return digests.of_text(self.splits)

    @cached_property
    def annotation(self) -> str:
        """sha256 of all labels, and of the splits and words that have them.

        If two corpora agree in it and in `fingerprint`, every task has the same instances in both.
        """
        from probekit.corpora import digests

        return digests.of_labels(self.splits.values())
