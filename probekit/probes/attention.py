"""Attention: a span's vector as a weighted mean of its words, with weights learned for each word.

A word's score is a linear map of its vector, like the values that are pooled. Its weight is the
softmax of the scores within the span (Lee et al. 2017, section 3; Tenney et al. 2019a).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from probekit.engine.streams import sent


class Members(NamedTuple):
    """The words of spans, span after span. T words in all; a word is in as many as have it.

    Attributes:
        words: `(T,)` positions.
        spans: `(T,)` the span of each, ascending.
        first: `(n,)` where each span begins among the T.
    """

    words: Tensor
    spans: Tensor
    first: Tensor


def members(start: Tensor, end: Tensor) -> Members:
    """The words of spans, none of which is empty.

    >>> found = members(torch.tensor([0, 1]), torch.tensor([2, 2]))
    >>> found.words.tolist(), found.spans.tolist(), found.first.tolist()
    ([0, 1, 1], [0, 0, 1], [0, 2])
    """
    lengths = end - start
    first = lengths.cumsum(0) - lengths
    spans = torch.arange(len(start), device=start.device).repeat_interleave(lengths)
    place = torch.arange(len(spans), device=start.device)
    return Members(start[spans] + place - first[spans], spans, first)


def attention_weights(scores: Tensor, found: Members) -> Tensor:
    """The weight of each word in its span, `(layers, T, seeds)`; those of a span sum to 1.

    `scores` are those of all words, `(layers, words, seeds)`.
    """
    of_members = scores.index_select(1, found.words)
    layers, _, seeds = scores.shape
    place = found.spans[None, :, None].expand_as(of_members)
    highest = scores.new_full((layers, len(found.first), seeds), -torch.inf)
    # The same softmax for whatever number is subtracted: this one needs no gradient.
    highest = highest.scatter_reduce(1, place, of_members.detach(), "amax")
    powers = (of_members - highest.index_select(1, found.spans)).exp()
    totals = torch.zeros_like(highest).index_add(1, found.spans, powers)
    return powers / totals.index_select(1, found.spans)


def attended(values: Tensor, scores: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """The weighted mean of each span, `(layers, n, seeds * k)`.

    Args:
        values: of all words, `(layers, words, seeds * k)`.
        scores: of all words, `(layers, words, seeds)`.
        start, end: `(n,)` each span's first word, and the word after its last; on the CPU.
    """
    layers, n_words, seeds = scores.shape
    found = Members(*[sent(each, values.device) for each in members(start, end)])
    weights = attention_weights(scores, found)
    # One table with a row for each layer, word and seed; one bag for each layer, seed and span.
    table = values.reshape(layers * n_words * seeds, -1)
    layer = torch.arange(layers, device=values.device)[:, None, None]
    seed = torch.arange(seeds, device=values.device)[None, :, None]
    rows = (layer * n_words + found.words) * seeds + seed
    bags = (layer * seeds + seed) * len(found.words) + found.first
    pooled = embedding_bag(
        rows.flatten(),
        table,
        bags.flatten(),
        mode="sum",
        per_sample_weights=weights.transpose(1, 2).flatten(),
    )
    return pooled.view(layers, seeds, len(start), -1).transpose(1, 2).flatten(2)
