"""Kept probes are trained once, and comparisons stay what they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import probekit as pk
from probekit.cli import app
from probekit.corpora.passage import Corpus
from probekit.forgetting import kept_probes, probed_together
from probekit.probes.fit import fit, fit_together, predict
from probekit.probes.fitted_arrays import arrays_of, fits_of
from probekit.probes.structural import tree_fit
from probekit.tasks.task import load_task

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


@pytest.mark.parametrize("task", ["pos", "distance"])
def test_comparisons_are_those_without(
    task: str, tiny_bert: Path, few: Corpus, trained: list[int]
) -> None:
    given = {**GIVEN, "corpus": few}
    first, second = f"random:{tiny_bert}", f"random:{tiny_bert}:5"
    pk.compare(tiny_bert, first, task, **given)
    found = pk.compare(tiny_bert, second, task, **given)
    assert sum(trained) == 3
    again = pk.compare(tiny_bert, second, task, **given)
    assert sum(trained) == 3
    kept_probes.remove()
    alone = pk.compare(tiny_bert, second, task, **given)
    assert sum(trained) == 5
    require_equal(found, alone)
    require_equal(again, alone)
    n_probes = len(found.comparison) * len(GIVEN["seeds"])
    counts = [one.run.counts["probes_trained"] for one in (alone, found, again)]
    assert counts == [2 * n_probes, n_probes, 0]


def test_what_asks_for_other_probes_trains_them(
    tiny_bert: Path, few: Corpus, trained: list[int]
) -> None:
    turned = Corpus("few", {**few.splits, "train": few.splits["train"][:20]})
    other_fit = replace(GIVEN["fit_settings"], words=900)
    given = {**GIVEN, "resample_train": 0}
    after = f"random:{tiny_bert}"
    pk.compare(tiny_bert, after, "pos", corpus=few, **given)
    pk.compare(tiny_bert, after, "pos", corpus=few, **{**given, "seeds": (0, 2)})
    pk.compare(tiny_bert, after, "pos", corpus=few, **{**given, "fit_settings": other_fit})
    pk.compare(tiny_bert, after, "pos", corpus=turned, **given)
    assert trained == [2, 2, 2, 2]
    pk.compare(after, tiny_bert, "pos", corpus=few, **given)
    assert trained == [2, 2, 2, 2]


@pytest.mark.parametrize("task", ["pos", "distance"])
def test_equal_states_have_equal_probes(
    task: str, tiny_bert: Path, few: Corpus, trained: list[int], tmp_path: Path
) -> None:
    copy = tmp_path / "frozen"
    shutil.copytree(tiny_bert, copy)
    found = pk.compare(tiny_bert, copy, task, corpus=few, **GIVEN)
    assert sum(trained) == 1
    assert (found.comparison[["delta", "ci_low", "ci_high"]] == 0).all(axis=None)


def test_what_is_damaged_is_trained_again(
    tiny_bert: Path, few: Corpus, trained: list[int], own_cache: Path
) -> None:
    given = {**GIVEN, "resample_train": 0, "corpus": few}
    after = f"random:{tiny_bert}"
    expected = pk.compare(tiny_bert, after, "pos", **given)
    one, other = sorted((own_cache / "probes").iterdir())
    turned = bytearray(one.read_bytes())
    turned[-1] ^= 1
    one.write_bytes(turned)
    shutil.copy(one, other)
    require_equal(pk.compare(tiny_bert, after, "pos", **given), expected)
    assert sum(trained) == 4
    shutil.copy(one, other)  # whole, but of the other checkpoint
    require_equal(pk.compare(tiny_bert, after, "pos", **given), expected)
    assert sum(trained) == 5


def test_without_permission_probes_are_trained_each_time(
    tiny_bert: Path, few: Corpus, trained: list[int], own_cache: Path
) -> None:
    own_cache.mkdir()
    (own_cache / "probes").write_text("a file in the way", encoding="utf-8")
    given = {**GIVEN, "resample_train": 0, "corpus": few}
    for _ in range(2):
        pk.compare(tiny_bert, f"random:{tiny_bert}", "pos", **given)
    assert sum(trained) == 4


def test_those_used_longest_ago_make_room(
    tiny_bert: Path,
    few: Corpus,
    trained: list[int],
    monkeypatch: pytest.MonkeyPatch,
    own_cache: Path,
) -> None:
    given = {**GIVEN, "resample_train": 0, "corpus": few}
    afters = [f"random:{tiny_bert}:{seed}" for seed in range(3)]
    pk.compare(tiny_bert, afters[0], "pos", **given)
    size = max(path.stat().st_size for path in (own_cache / "probes").iterdir())
    monkeypatch.setattr(kept_probes, "MOST_BYTES", int(2.5 * size))
    pk.compare(tiny_bert, afters[1], "pos", **given)
    pk.compare(tiny_bert, afters[2], "pos", **given)
    assert sum(trained) == 4  # the one before was always used last
    assert len(list((own_cache / "probes").iterdir())) == 2
    assert CliRunner().invoke(app, ["cache", "prune", "--all"]).exit_code == 0
    assert not list((own_cache / "probes").iterdir())


@pytest.mark.parametrize("kind", ["linear", "mlp:8", "rank:2", "edge"])
def test_probes_are_made_again_from_arrays(kind: str, tiny_bert: Path, small: Corpus) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    questions = [pk.ask(load_task(name), small) for name in ("pos", "dep", "srl")]
    fits = fit(states, questions, probe=kind, seeds=(0, 3), settings=GIVEN["fit_settings"])
    arrays, described = arrays_of(fits)
    again = fits_of(arrays, described, questions)
    for one, other in zip(fits, again, strict=True):
        assert (one.head, one.views, one.seeds) == (other.head, other.views, other.seeds)
        for name in ("predictions", "losses", "dev_predictions", "dev_loss", "epochs", "shares"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
        assert one.refits is other.refits is None
    predicted = predict(fits, states, "test"), predict(again, states, "test")
    for labels, other_labels in zip(*predicted, strict=True):
        np.testing.assert_array_equal(labels, other_labels)
