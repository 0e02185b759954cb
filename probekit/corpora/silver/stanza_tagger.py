"""Stanza: sentences from a pipeline of Stanza."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

from probekit.corpora.silver.sentence import Sentence, Word
from probekit.errors import InputError, first_line

PARTS = "tokenize,mwt,pos,lemma,depparse"


class StanzaTagger:
    """The pipeline of Stanza for a language, whose models are on this machine."""

    longest = 10_000_000  # characters: Stanza reads a text in chunks

    def __init__(self, language: str) -> None:
        """Load the pipeline.

        Raises InputError where Stanza or its models are not installed.
        """
        try:
            import stanza  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise InputError(
                f"'stanza:{language}' needs Stanza: pip install 'probekit-nlp[annotate]'"
            ) from error
        try:
            self._pipeline: Any = stanza.Pipeline(
                language, processors=PARTS, download_method=None, verbose=False
            )
        except OSError as error:
            raise InputError(
                f"there are no Stanza models for '{language}': "
                f"python -c \"import stanza; stanza.download('{language}')\""
            ) from error
        except Exception as error:  # Stanza raises its own kinds
            raise InputError(
                first_line(f"the Stanza pipeline for '{language}' cannot be loaded", error)
            ) from error
        self.name = f"Stanza {language} {version('stanza')}"

    def read(self, texts: Iterable[str]) -> Iterator[list[Sentence]]:
        """The sentences of each text."""
        for text in texts:
            yield [sentence_of(sentence) for sentence in self._pipeline(text).sentences]


def sentence_of(sentence: Any) -> Sentence:
    """A sentence of Stanza's."""
    words = []
    for token in sentence.tokens:
        spaced = token.spaces_after != ""
        for place, word in enumerate(token.words):
            whole = (token.text, len(token.words)) if not place and len(token.words) > 1 else None
            own = Word(
                form=word.text,
                lemma=word.lemma or "",
                upos=word.upos or "",
                xpos=word.xpos or "",
                feats=word.feats or "",
                head=word.head,
                deprel=word.deprel or "",
                token=whole,
                space_after=spaced,
            )
            words.append(own)
    return Sentence(sentence.text, words)
