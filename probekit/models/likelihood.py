"""Likelihood: the log-probability of each subword of a sentence, by a language model.

- `clm`: log p(subword | those before it). The first subword is predicted where something precedes
  it: the special tokens that the tokenizer adds, or else the BOS token. Of a tokenizer with neither
  (Qwen's, say) it is read and not predicted.
- `mlm`: log p(subword | the rest), with the subword masked (Salazar et al. 2020), and with it those
  after it in the same word, whose presence would give it away (Kauf and Ivanova 2023): as many
  passes as there are subwords.
- `seq2seq`: log p(subword | those before it) by the decoder, while the encoder reads an empty text,
  which is its special tokens alone.

Special tokens are read and never predicted. Texts are padded on the right, whatever the tokenizer
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError, ModelError, first_line
from probekit.models.align import NO_WORD, Subwords, align
from probekit.models.lm_head import LanguageModel
from probekit.models.words import CPU_BATCH, GPU_BATCH, is_full
from probekit.progress import Progress, silent


@dataclass(frozen=True)
class Scored:
    """One text.

    Attributes:
        subwords: the subwords, and which word each is of.
        values: `(n,)` a value for each subword: its log-probability in nats, or a divergence;
            missing (NaN) where it is not predicted. All are missing where the text is longer than
            the model reads at once.
    """

    subwords: Subwords
    values: np.ndarray

    @property
    def is_read(self) -> bool:
        """Whether the text is short enough, and has a subword that is predicted."""
        return bool(np.isfinite(self.values).any())

    @property
    def total(self) -> float:
        """The sum over the subwords predicted; missing where there are none."""
        return float(np.nansum(self.values)) if self.is_read else float("nan")

    @property
    def of_words(self) -> tuple[float, int]:
        """The sum over the words all of whose subwords are predicted, and how many these are.

        A subword that is only a space belongs to the word after it.
        """
        word = self.subwords.word.copy()
        for place in range(len(word) - 2, -1, -1):
            if word[place] == NO_WORD:
                word[place] = word[place + 1]
        left_out = word[~np.isfinite(self.values)]
        taken = ~np.isin(word, left_out)
        return float(self.values[taken].sum()), len(np.unique(word[taken]))


@dataclass(frozen=True)
class Pass:
    """Sequences that are read at once, and what is predicted of them.

    Attributes:
        inputs: the tensors by the names of transformers.
        rows, columns: `(targets,)` the sequence and the position of the logits of each target.
        ids: `(targets,)` the subwords predicted.
        texts, places: `(targets,)` number of the text, and place of the subword in it.
    """

    inputs: dict[str, torch.Tensor]
    rows: torch.Tensor
    columns: torch.Tensor
    ids: torch.Tensor
    texts: np.ndarray
    places: np.ndarray


class Likelihood:
    """Scores sentences by a language model."""

    def __init__(self, model: LanguageModel, batch_tokens: int | None = None) -> None:
        """Scores by a language model.

        Args:
            model: the language model.
            batch_tokens: subwords per batch, padding included; None for a default by device.
        """
        self.model = model
        default = CPU_BATCH if model.device.type == "cpu" else GPU_BATCH
        self._budget = batch_tokens or default
        pad = model.tokenizer.pad_token_id
        rows = model.model.get_input_embeddings().weight.shape[0]
        self._rows = int(rows)
        # Padding is masked, so that any subword will do.
        self._pad = 0 if pad is None or pad >= rows else int(pad)

    def align(self, texts: Sequence[Sequence[str]]) -> list[Subwords]:
        """The subwords of texts, which are sequences of words. Raises ModelError for subwords that
        the model does not know."""
        found = align(texts, self.model.tokenizer)
        largest = max((int(one.ids.max(initial=0)) for one in found), default=0)
        if largest >= self._rows:
            raise ModelError(
                f"the tokenizer of '{self.model.name}' gives subword {largest}, and its model has "
                f"{self._rows}: they do not belong together"
            )
        return found

    def score(self, texts: Sequence[Sequence[str]], progress: Progress = silent) -> list[Scored]:
        """The log-probabilities of texts, which are sequences of words."""
        return self._over(texts, progress, lambda one: _log_probabilities(self.logits(one), one))

    def divergence(
        self, reference: Likelihood, texts: Sequence[Sequence[str]], progress: Progress = silent
    ) -> list[Scored]:
        """The Kullback-Leibler divergence in nats, for each subword predicted, of this model's
        prediction from that of `reference`: 0 where they are equal.

        Raises InputError where the two do not predict the same subwords.
        """
        require_same_subwords(self.model, reference.model)

        def diverged(one: Pass) -> torch.Tensor:
            mine = self.logits(one).log_softmax(-1)
            theirs = reference.logits(one).to(mine.device).log_softmax(-1)
            return (theirs.exp() * (theirs - mine)).sum(-1)

        return self._over(texts, progress, diverged)

    def _over(self, texts: Sequence[Sequence[str]], progress: Progress, value: Any) -> list[Scored]:
        """A value of each subword predicted; `value` makes them `(targets,)` of a pass."""
        subwords = self.align(texts)
        found = [np.full(len(one.ids), np.nan) for one in subwords]
        stage = f"behaviour of {self.model.name}"
        done, every = 0, self._count(subwords)
        progress(stage, done, every)
        for one in self.passes(subwords):
            values = value(one).double().cpu().numpy()
            for text, place, number in zip(one.texts, one.places, values, strict=True):
                found[text][place] = number
            done += len(one.texts)
            progress(stage, done, every)
        return [Scored(*both) for both in zip(subwords, found, strict=True)]

    @torch.inference_mode()
    def logits(self, one: Pass) -> torch.Tensor:
        """The logits of the targets of a pass, `(targets, vocabulary)`.

        Raises ModelError where the model itself fails.
        """
        # The pass may have been made for a model on another device.
        inputs = {name: tensor.to(self.model.device) for name, tensor in one.inputs.items()}
        try:
            found = self.model.model(**inputs).logits
        except Exception as error:  # a model's own code raises what it likes
            raise ModelError(first_line(f"'{self.model.name}' cannot be run", error)) from error
        return found[one.rows.to(found.device), one.columns.to(found.device)].float()

    def passes(self, subwords: Sequence[Subwords]) -> Iterator[Pass]:
        """What the model reads of texts: sequences of about one length together."""
        prefix = len(self.model.prefix)
        first = 0 if prefix or self.model.start is not None else 1
        waiting: list[tuple[int, int]] = []  # text, and place of the target; -1 for all
        for text, one in enumerate(subwords):
            if not first < len(one.ids) <= self.model.limit:
                continue
            is_masked = self.model.objective == "mlm"
            waiting += [(text, place) for place in (range(len(one.ids)) if is_masked else (-1,))]
        waiting.sort(key=lambda target: -len(subwords[target[0]].ids))
        around = prefix + len(self.model.suffix) + 1
        batch: list[tuple[int, int]] = []
        for following in waiting:
            if batch and self._is_full(batch, following, subwords, around):
                yield self._pass(batch, subwords, first)
                batch = []
            batch.append(following)
        if batch:
            yield self._pass(batch, subwords, first)

    def _is_full(
        self,
        batch: list[tuple[int, int]],
        following: tuple[int, int],
        subwords: Sequence[Subwords],
        around: int,
    ) -> bool:
        longest = len(subwords[batch[0][0]].ids)
        length = len(subwords[following[0]].ids)
        if not self.model.padded and length != longest:
            return True
        return is_full(longest + around, len(batch), length + around, self._budget)

    def _count(self, subwords: Sequence[Subwords]) -> int:
        """How many subwords are predicted."""
        first = 0 if self.model.prefix or self.model.start is not None else 1
        lengths = [len(one.ids) for one in subwords]
        return sum(n - first for n in lengths if first < n <= self.model.limit)

    def _pass(self, batch: list[tuple[int, int]], subwords: Sequence[Subwords], first: int) -> Pass:
        prefix, suffix = list(self.model.prefix), list(self.model.suffix)
        is_masked = self.model.objective == "mlm"
        start = [] if self.model.start is None else [self.model.start]
        before = len(start) + len(prefix)
        sequences: list[np.ndarray] = []
        rows: list[np.ndarray] = []
        columns: list[np.ndarray] = []
        ids: list[np.ndarray] = []
        texts: list[np.ndarray] = []
        places: list[np.ndarray] = []
        for row, (text, place) in enumerate(batch):
            one = subwords[text]
            read, targets = one.ids, np.arange(first, len(one.ids))
            if is_masked:
                targets = np.array([place])
                read = one.ids.copy()
                read[_masked_with(one, place)] = self.model.tokenizer.mask_token_id
            after = suffix if is_masked else []
            sequences.append(np.concatenate([start + prefix, read, after]).astype(np.int64))
            rows.append(np.full(len(targets), row))
            columns.append(before + targets - (0 if is_masked else 1))
            ids.append(one.ids[targets])
            texts.append(np.full(len(targets), text))
            places.append(targets)
        device = self.model.device
        return Pass(
            inputs=self._inputs(sequences),
            rows=torch.from_numpy(np.concatenate(rows)).to(device),
            columns=torch.from_numpy(np.concatenate(columns)).to(device),
            ids=torch.from_numpy(np.concatenate(ids)).to(device),
            texts=np.concatenate(texts),
            places=np.concatenate(places),
        )

    def _inputs(self, sequences: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """Sequences padded to one length, by the names of transformers."""
        width = max(map(len, sequences))
        ids = np.full((len(sequences), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(sequences), width), dtype=np.int64)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        device = self.model.device
        read = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        read = {name: one.to(device) for name, one in read.items()}
        if self.model.objective != "seq2seq":
            return read
        empty = [*self.model.prefix, *self.model.suffix] or [self._pad]
        source = torch.tensor([empty] * len(sequences), device=device)
        return {
            "input_ids": source,
            "attention_mask": torch.ones_like(source),
            "decoder_input_ids": read["input_ids"],
            "decoder_attention_mask": read["attention_mask"],
        }


def _log_probabilities(logits: torch.Tensor, one: Pass) -> torch.Tensor:
    """Of the targets of a pass, `(targets,)`."""
    return logits.gather(1, one.ids[:, None])[:, 0] - logits.logsumexp(dim=1)


def _masked_with(subwords: Subwords, place: int) -> np.ndarray:
    """A subword's place, and those of the subwords after it in its word."""
    word = subwords.word[place]
    if word == NO_WORD:
        return np.array([place])
    places = np.flatnonzero(subwords.word == word)
    return places[places >= place]


def require_same_subwords(model: LanguageModel, reference: LanguageModel) -> None:
    """Raise InputError where two models do not predict the same subwords from the same ones."""
    same = model.objective == reference.objective and (
        model.tokenizer.get_vocab() == reference.tokenizer.get_vocab()
    )
    if not same:
        raise InputError(
            f"reference='{reference.name}' and '{model.name}' do not predict the same subwords: "
            "the divergence needs two models of one kind with one vocabulary"
        )
