"""Decision: one label that a probe gives, the text it is given in, and what is read for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from probekit.models.align import NO_WORD, Subwords, Window, align, windows
from probekit.models.differentiable import Differentiable
from probekit.models.words import SubwordVector


@dataclass(frozen=True, eq=False)
class Decision:
    """One instance of a task, and the label whose score is explained.

    Attributes:
        text: number of its text.
        spans: `(arity, 2)` the instance's spans, as positions in the text.
        read: `(arity, 2)` what the probe reads of them.
        label: number of the label.
        group: number of the sentence or document that is resampled with it.
        windows: the parts of the text that the model reads for it, one after another.
        ids: the subwords of each.
        words: the words of these subwords; NO_WORD for those without.
    """

    text: int
    spans: np.ndarray
    read: np.ndarray
    label: int
    group: int = 0
    windows: tuple[Window, ...] = ()
    ids: tuple[np.ndarray, ...] = ()
    words: tuple[np.ndarray, ...] = ()

    @property
    def width(self) -> int:
        """Number of subwords of the longest window."""
        return max(map(len, self.ids))

    def words_read(self) -> np.ndarray:
        """The words that the probe reads, in order."""
        every = [np.arange(start, end) for start, end in self.read.tolist()]
        return np.unique(np.concatenate(every))


class Texts:
    """Texts, aligned with a model's subwords.

    Attributes:
        texts: the words of each.
    """

    def __init__(self, texts: Sequence[Sequence[str]], below: Differentiable) -> None:
        self.texts, self._limit, self._padded = texts, below.limit, below.padded
        self._subwords: list[Subwords] = align(texts, below.tokenizer)

    def with_windows(self, decision: Decision) -> Decision | None:
        """The decision with what the model reads for it: the windows from which the words that the
        probe reads take their vectors. None where no such word has a subword, and where windows of
        different lengths would have to be padded and may not be."""
        subwords = self._subwords[decision.text]
        wanted = decision.words_read()
        every = windows(decision.text, subwords, self._limit)
        own = tuple(window for window in every if np.isin(window.word, wanted).any())
        lengths = {window.stop - window.start for window in own}
        if not own or (len(lengths) > 1 and not self._padded):
            return None
        return replace(
            decision,
            windows=own,
            ids=tuple(subwords.ids[one.start : one.stop] for one in own),
            words=tuple(subwords.word[one.start : one.stop] for one in own),
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """Decisions that are explained together. B decisions with R windows of W subwords each, special
    tokens and padding included, and K words that the probe reads.

    Attributes:
        decisions: the decisions.
        embedded, baseline: embeddings of the texts and of nothing, `(B, R, W, numbers)` each.
        words: `(B, R, W)` the word of each subword that differs between the two; NO_WORD for
            others.
        further: what else the probe on top of the model takes, see `Explained`.
    """

    decisions: Sequence[Decision]
    embedded: torch.Tensor
    baseline: torch.Tensor
    words: np.ndarray
    further: tuple[torch.Tensor, ...]


def batch_of(
    decisions: Sequence[Decision],
    below: Differentiable,
    nothing: torch.Tensor,
    take: SubwordVector,
) -> Batch:
    """Decisions with equally many windows as tensors.

    Args:
        decisions: the decisions.
        below: the model.
        nothing: the embedding that words are compared with, `(numbers,)`.
        take: the vector of a word from its subwords.
    """
    n, rows = len(decisions), len(decisions[0].ids)
    every = [ids for one in decisions for ids in one.ids]
    ids, present = below.read(every)
    width = ids.shape[1]
    words = np.full((n * rows, width), NO_WORD)
    for row, of_window in enumerate([of_row for one in decisions for of_row in one.words]):
        words[row, below.before : below.before + len(of_window)] = of_window
    with torch.no_grad():
        embedded = below.embedded(ids)
        is_word = torch.from_numpy(words != NO_WORD).to(embedded.device)
        baseline = torch.where(is_word[..., None], nothing.to(embedded), embedded)
    pooling, spans = _pooling(decisions, below, width + below.first - below.before, take)
    shape = (n, rows, width)
    labels = torch.tensor([one.label for one in decisions])
    further = (ids.view(shape), present.view(shape), pooling, spans, labels)
    return Batch(
        decisions,
        embedded.view(*shape, -1),
        baseline.view(*shape, -1),
        words.reshape(shape),
        tuple(tensor.to(below.device) for tensor in further),
    )


def _pooling(
    decisions: Sequence[Decision], below: Differentiable, width: int, take: SubwordVector
) -> tuple[torch.Tensor, torch.Tensor]:
    """How states of subwords become the words that a probe reads, `(B, K, R × width)`, and the
    spans among these words, `(B, arity, 2)`."""
    read = [one.words_read() for one in decisions]
    n_words = max(map(len, read))
    pooling = np.zeros((len(decisions), n_words, len(decisions[0].ids), width), dtype=np.float32)
    spans = []
    for b, (decision, wanted) in enumerate(zip(decisions, read, strict=True)):
        for r, window in enumerate(decision.windows):
            for k, word in enumerate(wanted.tolist()):
                own = window.own[window.word == word]
                if len(own):
                    pooling[b, k, r, _taken(own, below, take)] = 1 / len(_taken(own, below, take))
        start = np.searchsorted(wanted, decision.read[:, 0])
        end = np.searchsorted(wanted, decision.read[:, 1] - 1) + 1
        spans.append(np.stack([start, end], axis=-1))
    flat = pooling.reshape(len(decisions), n_words, -1)
    return torch.from_numpy(flat), torch.from_numpy(np.stack(spans))


def _taken(own: np.ndarray, below: Differentiable, take: SubwordVector) -> np.ndarray:
    """The positions among the states that a word's vector is the mean of."""
    if take == "cls":
        assert below.cls is not None
        return np.array([below.cls])
    if take == "first":
        own = own[:1]
    elif take == "last":
        own = own[-1:]
    return own + below.first
