"""Passage and Corpus: annotated text, as readers give it and everything after reads it.

Positions are word offsets. Inside a passage they count from the passage's first word;
`Corpus.offsets` turns them into positions in the split's one long row of words, which is how spans
and hidden states meet.
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
"""What a model reads in one pass: a passage, or a document as far as its limit goes."""
Span = tuple[int, int]  # first word, word after the last


@dataclass(frozen=True, slots=True)
class Edge:
    """A label on one or two spans: a constituent, a dependency, a role, a mention."""

    spans: tuple[Span, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Words annotated together: a sentence of a treebank, a text of an edge-probing file.

    Attributes: id: unique within the corpus. document: the document it stands in; neighbouring
        passages of one document are read together where a
            task asks for document context.
        words: the words, none empty.
        tags: word annotations by name (`upos`, `xpos`, `lemma`, `feats`, `misc` …): one value a
            word, None where the word has none. `feats` and `misc` hold the raw column.
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
    """Passages by split, with what is known of where they came from.

    Attributes: name: what results call it; other corpora may have the same name. splits: passages
        of `train`, `dev` and `test`; documents stay in one piece and in order. Any sequence of
            Passage may be given, and is kept in columns.
        card: title, licence and sources, where the corpus has a card.
        warnings: what a reader must know, one sentence each: what was left out, joined, masked, and
            how many.
        modified: files whose checksum differed from the card's and were accepted all the same.
        source: the name or path it was loaded by; empty for one made in Python.

    Raises InputError for passages with something else than texts in them, or without one value a
    word in an annotation.
    """

    name: str
    splits: Mapping[Split, Passages]
    card: Card | None = None
    warnings: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    source: str = ""

    if TYPE_CHECKING:

        def __init__(  # what may be given is more than what is kept
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
        """An error message with what was reported as the corpus was read: the reason often stands
        there."""
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
        """Position of each passage's first word in the split, and the number of words last: `(n +
        1,)`."""
        return self.splits[split].offsets

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the text a model would read: words, passage and document boundaries, splits.
        Labels do not count, so a corrected annotation costs no second forward pass."""
        from probekit.corpora import digests

        return digests.of_text(self.splits)

    @cached_property
    def annotation(self) -> str:
        """sha256 of all labels, and of the splits and words they stand on: where it is the same for
        two corpora with the same `fingerprint`, every task has the same instances in both."""
        from probekit.corpora import digests

        return digests.of_labels(self.splits.values())
