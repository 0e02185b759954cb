"""Kept probes are trained once, and comparisons stay what they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.forgetting import probed_together
from probekit.forgetting.kept_probes import keeping_probes
from probekit.probes.fit import fit_together
from probekit.probes.structural import tree_fit

GIVEN: dict[str, Any] = {
    "seeds": (0, 1),
    "resample_train": 2,
    "fit_settings": pk.FitSettings(epochs=1, words=500),
    "progress": False,
}


@pytest.fixture
def few(small: Corpus) -> Corpus:
    return Corpus("few", {split: passages[:30] for split, passages in small.splits.items()})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many checkpoints had probes of labels trained, and structural ones, call after call."""
    counts: list[int] = []

    def counted(checkpoints: Sequence[Any], *given: Any, **more: Any) -> Any:
        counts.append(len(checkpoints))
        return fit_together(checkpoints, *given, **more)

    def counted_trees(*given: Any, **more: Any) -> Any:
        counts.append(1)
        return tree_fit.fit_trees(*given, **more)

    monkeypatch.setattr(probed_together, "fit_together", counted)
    monkeypatch.setattr(probed_together, "fit_trees", counted_trees)
    return counts


def require_equal(one: pk.Comparison, other: pk.Comparison) -> None:
    for name in ("comparison", "best", "decomposition", "similarity"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["pos", "distance"])
def test_comparisons_are_those_without(
    task: str, tiny_bert: Path, few: Corpus, trained: list[int]
) -> None:
    given = {**GIVEN, "corpus": few}
    after = [f"random:{tiny_bert}", f"random:{tiny_bert}:5"]
    alone = [pk.compare(tiny_bert, one, task, **given) for one in after]
    trained.clear()
    with keeping_probes():
        for one, expected in zip(after, alone, strict=True):
            require_equal(pk.compare(tiny_bert, one, task, **given), expected)
    assert sum(trained) == 3
    trained.clear()
    pk.compare(tiny_bert, after[0], task, **given)
    assert sum(trained) == 2


def test_what_asks_for_other_probes_trains_them(
    tiny_bert: Path, few: Corpus, trained: list[int]
) -> None:
    turned = Corpus("few", {**few.splits, "train": few.splits["train"][:20]})
    other_fit = replace(GIVEN["fit_settings"], words=900)
    given = {**GIVEN, "resample_train": 0}
    after = f"random:{tiny_bert}"
    with keeping_probes():
        pk.compare(tiny_bert, after, "pos", corpus=few, **given)
        pk.compare(tiny_bert, after, "pos", corpus=few, **{**given, "seeds": (0, 2)})
        pk.compare(tiny_bert, after, "pos", corpus=few, **{**given, "fit_settings": other_fit})
        pk.compare(tiny_bert, after, "pos", corpus=turned, **given)
        assert trained == [2, 2, 2, 2]
        pk.compare(after, tiny_bert, "pos", corpus=few, **given)
    assert trained[4:] == [1]


@pytest.mark.parametrize("task", ["pos", "distance"])
def test_equal_states_have_equal_probes(
    task: str, tiny_bert: Path, few: Corpus, trained: list[int], tmp_path: Path
) -> None:
    copy = tmp_path / "frozen"
    shutil.copytree(tiny_bert, copy)
    found = pk.compare(tiny_bert, copy, task, corpus=few, **GIVEN)
    assert sum(trained) == 1
    assert (found.comparison[["delta", "ci_low", "ci_high"]] == 0).all(axis=None)
