"""The memory of a sweep stays under its bound, and does not grow with the depth of the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.sweep import memory_of

NOISE = 40_000_000  # bytes
SHALLOW, DEEP = 9, 17  # layers


@pytest.mark.slow
def test_memory_does_not_grow_with_depth(tmp_path: Path) -> None:
    shallow = memory_of(tmp_path, 1_024, SHALLOW, "without")
    deep = memory_of(tmp_path, 1_024, DEEP, "without")
    assert shallow.peak <= shallow.bound
    assert deep.peak <= deep.bound
    assert deep.peak - shallow.peak <= NOISE
    assert shallow.peak == pytest.approx(shallow.predicted, rel=0.25)  # as `doctor` predicts
