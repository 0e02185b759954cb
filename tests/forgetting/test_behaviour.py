"""Behaviour before and after: paired differences, flips, and what is kept of a trajectory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting import behaviour_steps
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from tests.commands import run_main
from tests.language_models import make_language_model

TASKS = ["agreement", "bits"]


@pytest.fixture(scope="module")
def model(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A decoder with random weights; those of other seeds stand for what comes after it."""
    texts = [" ".join(passage.words) for passage in sample.splits["train"]]
    return str(make_language_model("gpt2", tmp_path_factory.mktemp("models") / "gpt2", texts))


def after(model: str, seed: int = 3) -> str:
    return f"random:{model}:{seed}"


def compared(before: str, others: str | list[str], corpus: Corpus, **options: Any) -> Comparison:
    return pk.compare(before, others, TASKS, corpus=corpus, progress=False, **options)


def test_a_checkpoint_compared_with_itself_has_no_change_and_no_flips(
    model: str, small: Corpus
) -> None:
    table = compared(model, [model, after(model)], small).behaviour
    own = table[table["after"] == table["before"]]
    assert len(own) == 2 and (own["delta"] == 0).all() and (own["p_value"] == 1).all()
    of_pairs = own[own["metric"] == "accuracy"]
    assert (of_pairs[["lost", "gained", "lost_low", "gained_low"]] == 0).all(axis=None)
    other = table[table["after"] != table["before"]]
    assert (other["p_adjusted"] >= other["p_value"]).all() and (other["delta"] != 0).any()


def test_flips_add_up_to_the_change_and_trade_places(model: str, sample: Corpus) -> None:
    (there,) = _of_pairs(compared(model, after(model), sample))
    (back,) = _of_pairs(compared(after(model), model, sample))
    assert there["gained"] - there["lost"] == pytest.approx(there["delta"], abs=1e-5)
    assert there["lost"] == back["gained"] and there["delta"] == pytest.approx(-back["delta"])
    assert there["lost"] > 0 and there["lost_low"] <= there["lost"] <= there["lost_high"]
    expected = there["score_before"] * (1 - there["score_after"])
    assert there["lost_by_chance"] == pytest.approx(expected, abs=1e-5)
    scores = pk.probe([model, after(model)], TASKS, corpus=sample, progress=False)
    by_model = scores.pairs.groupby("model", sort=False)
    right = [(group["log_good"] > group["log_bad"]).to_numpy() for _, group in by_model]
    assert there["lost"] == pytest.approx(np.mean(right[0] & ~right[1]), abs=1e-6)


def _of_pairs(found: Comparison) -> list[dict[str, float]]:
    table = found.behaviour
    return table[table["metric"] == "accuracy"].to_dict("records")


def test_behaviour_stands_beside_probes_and_in_one_family(
    model: str, small: Corpus, tmp_path: Path
) -> None:
    settings = pk.FitSettings(words=3_000)
    found = pk.compare(
        model,
        after(model),
        ["pos", *TASKS],
        corpus=small,
        seeds=1,
        resample_train=0,
        fit_settings=settings,
        progress=False,
    )
    n_layers = len(found.comparison)
    assert n_layers == 3 and len(found.behaviour) == 2
    assert found.run.counts["corrected_over"] >= n_layers + 2
    found.write(tmp_path / "change")
    assert Comparison.read(tmp_path / "change") == found


def test_a_checkpoint_given_twice_is_refused(model: str, small: Corpus) -> None:
    with pytest.raises(InputError, match="given twice"):
        compared(model, [after(model), after(model)], small)


def test_a_trajectory_keeps_what_it_measured(
    model: str, small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [after(model, 1), after(model, 2)]

    def traced(models: list[str]) -> Trajectory:
        return pk.trace(models, TASKS, folder=tmp_path, base=model, corpus=small, progress=False)

    found = traced(steps)
    table = found.behaviour
    assert list(table["model"].unique()) == [model, *steps] and found.base == model
    assert (table[table["model"] == model]["delta"] == 0).all()
    change = compared(model, steps[0], small).behaviour
    mine = table[table["model"] == steps[0]]
    for name in ("score_after", "delta", "ci_low", "lost", "gained"):
        np.testing.assert_allclose(mine[name].to_numpy(), change[name].to_numpy(), atol=1e-5)

    def refuse(*given: object) -> None:
        raise AssertionError("it was measured already")

    monkeypatch.setattr(behaviour_steps, "behave", refuse)
    again = traced(steps)
    assert again.behaviour.equals(table)
    with pytest.raises(AssertionError, match="measured already"):
        traced([*steps, after(model, 4)])


def test_the_commands_print_behaviour(
    model: str,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = ["--task", "agreement,bits", "--corpus", str(brief)]
    arguments = ["compare", "--before", model, "--after", after(model), *shared]
    out = tmp_path / "compared"
    code, printed, _ = run_main([*arguments, "--out", str(out)], monkeypatch, capsys)
    assert code == 0 and "lost" in printed and "behaviour.csv" in printed
    assert not (out / "forgetting.png").exists() and (out / "behaviour.csv").exists()
    arguments = ["trace", "--models", model, "--models", after(model), *shared]
    out = tmp_path / "traced"
    code, printed, _ = run_main([*arguments, "--out", str(out)], monkeypatch, capsys)
    assert code == 0 and "Behaviour of the checkpoints" in printed
    assert not (out / "curves.png").exists()


@pytest.mark.slow
def test_changes_of_probes_and_of_behaviour_are_drawn_together(
    model: str,
    brief: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    others: list[str] = []
    for seed in range(1, 5):
        others += ["--after", after(model, seed)]
    arguments = ["compare", "--before", model, *others, "--corpus", str(brief)]
    out = tmp_path / "out"
    more = ["--seeds", "1", "--resample-train", "0", "--last-layer", "1", "--out", str(out)]
    tasks = ["--task", "pos,agreement"]
    command = [*arguments, *tasks, *more, "--behaviour"]
    code, printed, _ = run_main(command, monkeypatch, capsys)
    assert code == 0 and "present-or-used.png" in printed
    found = Comparison.read(out)
    (row,) = found.together.to_dict("records")
    assert row["checkpoints"] == 4 and row["rho_low"] <= row["rho"] <= row["rho_high"]
    best = found.best.set_index("after")["delta"]
    behaviour = found.behaviour.set_index("after")["delta"]
    expected = best.corr(behaviour.reindex(best.index), method="spearman")
    assert row["rho"] == pytest.approx(expected, abs=1e-5)
    assert (out / "present-or-used.svg").stat().st_size > 5_000
    code, _, errors = run_main([*arguments, "--task", "pos", "--behaviour"], monkeypatch, capsys)
    assert code == 2 and "--behaviour draws changes together" in errors
