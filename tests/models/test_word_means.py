"""Means of subwords: those that a GPU computes are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from probekit.models.align import Window
from probekit.models.word_means import WordMeans, means_of_segments
from probekit.models.words import SubwordVector, averaging


@pytest.mark.parametrize("take", ["mean", "first", "last", "cls"])
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_segments_have_the_means_of_the_sparse_product(
    take: SubwordVector, lengths: list[int]
) -> None:
    owners = np.repeat(np.arange(len(lengths)), lengths)
    window = Window(0, 0, len(owners), np.arange(len(owners)), owners)
    matrix, words = averaging([window], np.array([0]), len(owners) + 2, 1, take)
    states = torch.randn(len(owners) + 2, 7, generator=torch.Generator().manual_seed(0))
    rows, borders = torch.from_numpy(matrix.indices), torch.from_numpy(matrix.indptr)
    found = means_of_segments(states, rows, borders.diff())
    expected = WordMeans(matrix, words, torch.device("cpu")).of(states)
    assert found.shape == (len(words), 7)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    halves = means_of_segments(states.bfloat16(), rows, borders.diff())
    assert halves.dtype == torch.float32
