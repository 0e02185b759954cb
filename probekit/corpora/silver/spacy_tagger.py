"""spaCy: sentences from a pipeline of spaCy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from probekit.corpora.silver.sentence import Sentence, Word
from probekit.errors import InputError, first_line

_BORDERS = ("parser", "senter", "sentencizer")  # parts of a pipeline that find sentences


class SpacyTagger:
    """A pipeline of spaCy, by the name of its package or the path of its folder."""

    def __init__(self, model: str) -> None:
        """Load the pipeline.

        Raises InputError where spaCy or the pipeline is not installed, or it predicts nothing.
        """
        try:
            import spacy
        except ImportError as error:
            raise InputError(
                f"'spacy:{model}' needs spaCy: pip install 'probekit-nlp[annotate]'"
            ) from error
        try:
            self._pipeline: Any = spacy.load(model)
        except OSError as error:
            raise InputError(
                f"there is no spaCy pipeline '{model}': python -m spacy download {model}, or give "
                "the path of its folder"
            ) from error
        except Exception as error:  # a pipeline's own parts raise what they like
            raise InputError(
                first_line(f"the spaCy pipeline '{model}' cannot be loaded", error)
            ) from error
        parts = self._pipeline.pipe_names
        if not set(parts) - {*_BORDERS[1:], "tok2vec", "transformer"}:
            raise InputError(f"the spaCy pipeline '{model}' predicts no annotation of words")
        if not set(_BORDERS) & set(parts):
            self._pipeline.add_pipe("sentencizer", first=True)
        facts = self._pipeline.meta
        self.name = f"spaCy {facts['lang']}_{facts['name']} {facts['version']}"
        self.longest = int(self._pipeline.max_length)

    def read(self, texts: Iterable[str]) -> Iterator[list[Sentence]]:
        """The sentences of each text."""
        for document in self._pipeline.pipe(texts):
            yield [_sentence(document, span) for span in document.sents]


def _sentence(document: Any, span: Any) -> Sentence:
    parsed = document.has_annotation("DEP")
    words = []
    for token in span:
        head = 0 if token.head.i == token.i else token.head.i - span.start + 1
        word = Word(
            form=token.text,
            lemma=token.lemma_,
            upos=token.pos_,
            xpos=token.tag_,
            feats=str(token.morph),
            head=head if parsed else None,
            deprel=token.dep_,
            space_after=bool(token.whitespace_) or token.i == len(document) - 1,
        )
        words.append(word)
    return Sentence(span.text, words)
