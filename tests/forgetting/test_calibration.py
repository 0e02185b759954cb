"""Truth: checkpoints whose change is known, and whether the instrument says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from probekit.corpora.passage import Corpus, Passage, Split
from probekit.errors import InputError
from probekit.forgetting.compare import compare as compare_checkpoints
from probekit.forgetting.comparison import PARTS, Comparison
from probekit.models.names import packaged_minilm, resolve
from probekit.probes.answers import counts
from probekit.probes.fit import fit
from probekit.probes.fit_settings import FitSettings
from probekit.states.extract import extract
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats import paired
from probekit.stats.metrics import METRICS
from probekit.tasks.question import ask
from probekit.tasks.task import Task
from tests.made import SIZES, WORDS, made_states

pytestmark = pytest.mark.slow  # together some minutes

DIM, LABELS = 24, 4
# Refits are tested for themselves, in test_training_sample.
compare = partial(compare_checkpoints, resample_train=0)
QUICK = FitSettings(words=50_000)
TASKS = [Task(name=name, title="", annotation=name, shape="word") for name in ("upos", "xpos")]
Vectors = dict[Split, np.ndarray]  # (layers, words, dim)


class World:
    """A corpus of two tasks, and vectors: layer 1 knows both, layers 0 and 2 know nothing."""

    def __init__(self, seed: int, stem: str = "w") -> None:
        rng = np.random.default_rng(seed)
        directions = np.linalg.qr(rng.normal(size=(DIM, 2 * LABELS)))[0]
        self.upos, self.xpos = directions[:, :LABELS], directions[:, LABELS:]
        self.values: Vectors = {}
        splits: dict[Split, tuple[Passage, ...]] = {}
        for split, passages in SIZES.items():
            vectors = rng.normal(size=(3, passages * WORDS, DIM))
            tags = {
                "upos": (vectors[1] @ self.upos).argmax(-1),
                "xpos": (vectors[1] @ self.xpos).argmax(-1),
            }
            self.values[split] = vectors
            made = []
            for i in range(passages):
                words = tuple(f"{stem}{i}{split}{k}" for k in range(WORDS))
                own = {}
                for name, of_task in tags.items():
                    own[name] = tuple(map(str, of_task[i * WORDS : (i + 1) * WORDS]))
                made.append(Passage(f"{split}-{i}", f"{split}-d{i // 5}", words, own))
            splits[split] = tuple(made)
        self.corpus = Corpus("made", splits)

    def states(
        self, name: str, change: Callable[[np.ndarray], np.ndarray] = lambda values: values
    ) -> States:
        changed = {split: change(values) for split, values in self.values.items()}
        return replace(made_states(self.corpus, changed, name=name), model=name)

    def compared(
        self, change: Callable[[np.ndarray], np.ndarray], fit_settings: FitSettings | None = None
    ) -> Comparison:
        return compare(
            self.states("before"), self.states("after", change), TASKS, fit_settings=fit_settings
        )


def turned(seed: int = 1) -> Callable[[np.ndarray], np.ndarray]:
    turns = [
        np.linalg.qr(np.random.default_rng(seed + i).normal(size=(DIM, DIM)))[0] for i in range(3)
    ]
    return lambda values: np.stack([v @ turn for v, turn in zip(values, turns, strict=True)])


def at_layer_1(found: Comparison, task: str) -> dict[str, Any]:
    table = found.decomposition
    return dict(table[(table["task"] == task) & (table["layer"] == 1)].iloc[0])


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


@pytest.fixture
def no_similarity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without similarities, which take as long as the rest: for tests that say nothing of them."""
    monkeypatch.setattr("probekit.forgetting.compare_two.similarities", lambda *_: [])


def test_a_checkpoint_against_itself(world: World) -> None:
    found = world.compared(lambda values: values)
    assert (found.comparison["delta"] == 0).all() and (found.comparison["p_value"] == 1).all()
    retained = found.comparison[
        ["retention", "retention_low", "retention_high"]
    ].dropna()  # where anything was known
    assert len(retained) >= 3 and (retained == 1).all(axis=None)
    assert (found.best["kind"] == "not detected").all()
    for part in ("drop", *PARTS):
        assert (found.decomposition[part] == 0).all(), part
    same = found.similarity[found.similarity["layer_before"] == found.similarity["layer_after"]]
    assert np.allclose(same[["cka", "rsa", "cosine"]], 1)


def test_turned_layers_are_called_rotation(world: World) -> None:
    found = world.compared(turned())
    for task in ("upos", "xpos"):
        row = at_layer_1(found, task)
        assert row["score_as_it_is"] < 0.5 and row["score_before"] > 0.9
        assert row["rotation"] > 0.9 * row["drop"] and row["rotation_low"] > 0
        assert row["loss_low"] <= 0 <= row["loss_high"]
    assert (found.best["kind"] == "rotation").all()
    assert found.similarity.set_index(["layer_before", "layer_after"]).loc[
        (1, 1), "cka"
    ] == pytest.approx(1, abs=0.01)


@pytest.mark.usefixtures("no_similarity")
def test_layers_in_another_order_are_called_relocation(world: World) -> None:
    found = world.compared(lambda values: values[[0, 2, 1]])
    for task in ("upos", "xpos"):
        row = at_layer_1(found, task)
        assert row["relocation"] > 0.9 * row["drop"] and row["loss_low"] <= 0 <= row["loss_high"]
        assert row["best_elsewhere"] == "layer 2"
    assert (found.best["kind"] == "relocation").all() and (found.best["layer_after"] == 2).all()
    assert (found.best["p_adjusted"] > 0.05).all()  # the best layers are as good as each other


@pytest.mark.usefixtures("no_similarity")
def test_an_erased_task_is_called_lost_and_its_neighbour_is_not(world: World) -> None:
    found = world.compared(lambda values: values - values @ world.upos @ world.upos.T)
    kinds = found.best.set_index("task")
    assert kinds.loc["upos", "kind"] == "loss" and kinds.loc["upos", "p_adjusted"] <= 0.05
    assert kinds.loc["xpos", "kind"] == "not detected" and kinds.loc["xpos", "p_adjusted"] > 0.05
    assert at_layer_1(found, "upos")["loss"] > 0.5
    upos = found.comparison.query("task == 'upos' and layer == 1").iloc[0]
    assert -0.1 < upos["retention_low"] < upos["retention"] < upos["retention_high"] < 0.1
    assert (
        "forgotten" in kinds.loc["upos", "verdict"]
        and "change not detected" in kinds.loc["xpos", "verdict"]
    )


@pytest.mark.usefixtures("no_similarity")
def test_a_weakened_task_is_found_with_power() -> None:
    """The vectors' part that carries a task is halved in size under noise: a loss of a tenth, found
    nearly always."""
    called, neighbour = [], []
    for seed in range(20):
        world, rng = World(seed), np.random.default_rng(seed)

        def weaken(
            values: np.ndarray, world: World = world, rng: np.random.Generator = rng
        ) -> np.ndarray:
            return values + (0.3 * rng.normal(size=(*values.shape[:2], LABELS))) @ world.upos.T

        rows = world.compared(weaken, FitSettings(words=20_000)).best.set_index("task")
        called.append(rows.loc["upos", "p_adjusted"] <= 0.05 and rows.loc["upos", "kind"] == "loss")
        neighbour.append(rows.loc["xpos", "p_adjusted"] <= 0.05)
    assert np.mean(called) >= 0.95
    assert np.mean(neighbour) <= 0.1


@pytest.mark.usefixtures("no_similarity")
def test_loss_grows_with_noise(world: World) -> None:
    noise = {
        split: np.random.default_rng(7).normal(size=values.shape)
        for split, values in world.values.items()
    }
    losses = []
    for size in (0.0, 0.5, 1.0, 2.0):
        mixed = {split: values + size * noise[split] for split, values in world.values.items()}
        after = replace(made_states(world.corpus, mixed, name=f"noise {size}"), model="noisy")
        losses.append(
            at_layer_1(compare(world.states("before"), after, TASKS, fit_settings=QUICK), "upos")[
                "loss"
            ]
        )
    assert losses[0] == 0 and (np.diff(losses) > 0.02).all()


def test_other_seeds_and_other_sentences_are_no_change(small: Corpus, tiny_bert: object) -> None:
    """200 comparisons of one checkpoint with itself, its probes from other seeds and its test
    sentences resampled."""
    states, rng = extract(str(tiny_bert), small), np.random.default_rng(0)
    data = ask(Task(name="upos", title="", annotation="upos", shape="word"), small)
    (fitted,) = fit(states, [data], seeds=tuple(range(16)))
    (counted,) = counts(data, "test", [fitted.predictions])
    groups = counted.shape[2]
    significant = []
    for draw in range(200):
        seeds, sentences = rng.permutation(16), rng.integers(0, groups, groups)
        first, second = (counted[:, part][:, :, sentences] for part in (seeds[:3], seeds[3:6]))
        shared = paired.resampling(groups, resamples=400, seed=draw)
        found = paired.difference(METRICS["accuracy"], first, second, shared, seed=draw)
        significant += (found.p_value <= 0.05).tolist()
    assert np.mean(significant) <= 0.07


@pytest.mark.usefixtures("no_similarity")
def test_other_widths_and_depths(world: World) -> None:
    rng = np.random.default_rng(3)
    wide = rng.normal(size=(DIM, 40))
    found = compare(
        world.states("before"), world.states("wide", lambda values: values @ wide), TASKS
    )
    row = at_layer_1(found, "upos")
    assert np.isnan(row["rotation"]) and abs(row["loss"]) < 0.05 and row["map"].startswith("ridge")
    assert any("Procrustes needs one width" in warning for warning in found.warnings)
    deep = world.states("deep", lambda values: values[[0, 0, 1, 2, 2]])
    found = compare(world.states("before"), replace(deep, n_layers=5), TASKS)
    assert found.comparison["layer_after"].tolist() == [0, 2, 4] * 2
    assert any("relative depth" in warning for warning in found.warnings)


@pytest.mark.usefixtures("no_similarity")
def test_layers_one_side_did_not_keep_are_no_forgetting(world: World) -> None:
    few = world.states("few")
    found = compare(world.states("before"), replace(few, layers=(0, 2)), TASKS)
    assert (found.best["delta"] == 0).all() and (found.best["kind"] == "not detected").all()
    assert any("is paired with layer 1 of before" in warning for warning in found.warnings)


def test_a_layer_that_does_not_vary_breaks_nothing(world: World) -> None:
    found = world.compared(lambda values: values * np.array([0, 1, 1])[:, None, None])
    assert (found.best["kind"] == "not detected").all()
    similar = found.similarity.set_index(["layer_before", "layer_after"])
    assert np.isnan(similar.loc[(0, 0), "cka"]) and similar.loc[(1, 1), "cka"] == pytest.approx(1)


def test_a_checkpoint_given_twice_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="given twice"):
        compare(world.states("before"), [world.states("after"), world.states("after")], TASKS)


@pytest.mark.usefixtures("no_similarity")
def test_many_cells_can_be_significant(world: World) -> None:
    deep = {
        split: np.concatenate([values] + [values[1:2]] * 27)
        for split, values in world.values.items()
    }
    erased = {split: values - values @ world.upos @ world.upos.T for split, values in deep.items()}
    before, after = (
        replace(made_states(world.corpus, values, name=name), model=name)
        for name, values in (("deep", deep), ("erased", erased))
    )
    found = compare(before, after, TASKS, seeds=(0,), fit_settings=QUICK).comparison.set_index(
        ["task", "layer"]
    )
    assert len(found) == 60 and (found.loc["upos"].loc[3:, "p_adjusted"] <= 0.05).all()


def test_states_of_other_texts_are_refused(world: World) -> None:
    with pytest.raises(InputError, match="different texts"):
        compare(world.states("before"), World(1, stem="v").states("after"), TASKS)


CHANGES = ("erased and turned", "folded", "squashed", "noisy", "turned", "stretched", "elongated")


@pytest.fixture(scope="module")
def changed(world: World) -> Comparison:
    """One checkpoint compared with several, each of which changed in a known way."""
    rng, turn = np.random.default_rng(5), turned()
    one, two = (np.linalg.qr(rng.normal(size=(DIM, DIM)))[0] for _ in range(2))
    half = world.upos[:, :2]
    stretch = one @ np.diag(np.geomspace(1, 1 / 30, DIM)) @ two
    elongate = np.eye(DIM) + 99 * np.outer(one[0], one[0])
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "erased and turned": lambda values: turn(values - values @ half @ half.T),
        "folded": np.abs,
        "squashed": lambda values: np.tanh(2 * values),
        "noisy": lambda values: values + 0.5 * np.random.default_rng(3).normal(size=values.shape),
        "turned": turn,
        "stretched": lambda values: values @ stretch,
        "elongated": lambda values: values @ elongate,
    }
    assert tuple(changes) == CHANGES
    after = [world.states(name, change) for name, change in changes.items()]
    return compare(world.states("before"), after, TASKS, seeds=(0,), fit_settings=QUICK)


@pytest.mark.parametrize("name", CHANGES)
def test_loss_is_named_whatever_else_was_done_and_never_of_an_invertible_map(
    changed: Comparison, name: str
) -> None:
    best = changed.best.set_index(["after", "task"])
    parts = changed.decomposition.set_index(["after", "task", "layer"])
    for task in ("upos", "xpos"):
        row, part = best.loc[(name, task)], parts.loc[(name, task, 1)]
        invertible = name in CHANGES[4:] or (name == "erased and turned" and task == "xpos")
        assert row["kind"] == ("rotation" if invertible else "loss")
        assert part["kind"] == row["kind"] and (part["loss_low"] > 0) == (not invertible)
        assert ("forgotten" in row["verdict"]) <= (not invertible)
        assert (" lost" in row["verdict"]) == (not invertible)
        if name == "erased and turned" and task == "upos":
            assert part["rotation_low"] > 0 and "recovered by a linear map" in row["verdict"]
        if invertible:
            # The old probe after a map reads all of it, whatever a new one makes of such a basis.
            assert abs(part["mapped_drop"]) < 0.01 and part["drop"] > 0.3


@pytest.mark.usefixtures("no_similarity")
def test_what_stood_elsewhere_all_along_is_no_relocation(world: World) -> None:
    """Layers 0 and 1 know everything, and 1 is destroyed; or layers 2 and 1 do."""
    rng = np.random.default_rng(4)
    noise = {split: rng.normal(size=values.shape[1:]) for split, values in world.values.items()}
    for knowing in (0, 2):
        before, after = {}, {}
        for split, values in world.values.items():
            before[split] = values.copy()
            # A little less than layer 1.
            before[split][knowing] = values[1] + 0.1 * rng.normal(size=values.shape[1:])
            after[split] = before[split].copy()
            after[split][1] = noise[split]
        states = [
            replace(made_states(world.corpus, part, name=f"{name} {knowing}"), model=name)
            for name, part in (("knows", before), ("destroyed", after))
        ]
        found = compare(states[0], states[1], TASKS, seeds=(0,), fit_settings=QUICK)
        for task in ("upos", "xpos"):
            row = at_layer_1(found, task)
            assert row["relocation"] == 0 and row["loss"] > 0.9 * row["drop"] > 0.6
        best = found.best.set_index("task").loc["upos"]
        assert best["layer_before"] == 1 and best["layer_after"] == knowing
        assert best["kind"] == "loss"
        assert best["retention"] > 0.85 and "drop" in best["verdict"]  # what can be read anywhere


@pytest.mark.usefixtures("no_similarity")
@pytest.mark.parametrize("seed", range(2))
def test_a_little_noise_moves_nothing(seed: int) -> None:
    """All layers know much the same; the top one loses some of it, the others are shaken and lose
    nothing."""
    world, rng = World(seed), np.random.default_rng(seed)
    before, after = {}, {}
    for split, values in world.values.items():
        before[split] = values[[1, 1, 1]] + 0.1 * rng.normal(size=values.shape)
        size = np.array([0.02, 0.02, 0.3])[:, None, None]
        after[split] = before[split] + size * rng.normal(size=values.shape)
    states = [
        replace(made_states(world.corpus, part, name=f"{name} {seed}"), model=name)
        for name, part in (("knows", before), ("shaken", after))
    ]
    found = compare(
        states[0], states[1], TASKS[:1], seeds=(0,), fit_settings=QUICK
    ).decomposition.set_index("layer")
    assert found.loc[2, "kind"] == "loss" and found.loc[2, "drop_low"] > 0
    assert (found["relocation"] == 0).all()


def test_the_last_layer_stands_beside_the_best(world: World) -> None:
    known = {split: np.stack([values[1]] * 3) for split, values in world.values.items()}
    lost = {split: values * np.array([1, 1, 0])[:, None, None] for split, values in known.items()}
    before, after = (
        replace(made_states(world.corpus, part, name=name), model=name)
        for name, part in (("everywhere", known), ("not on top", lost))
    )
    found = compare(before, after, TASKS[:1], seeds=(0, 1), fit_settings=QUICK)
    (best,), (last,) = (table.to_dict("records") for table in (found.best, found.last))
    assert best["delta"] == 0 and best["retention"] == 1
    assert (
        last["layer"] == last["layer_after"] == 2
        and last["retention"] < 0.1
        and last["p_adjusted"] <= 0.05
    )
    assert "best layer: no change" in best["verdict"] and "Last layer: forgotten" in best["verdict"]
    assert last["p_adjusted"] in set(found.comparison["p_adjusted"])


def test_one_correction_for_every_table(changed: Comparison) -> None:
    cells = changed.comparison.set_index(["after", "task", "layer", "layer_after"])["p_adjusted"]
    same = changed.best[changed.best["layer_before"] == changed.best["layer_after"]]
    assert len(same) >= 8
    for _, row in same.iterrows():
        assert (
            row["p_adjusted"]
            == cells[row["after"], row["task"], row["layer_before"], row["layer_after"]]
        )
    extra = len(changed.best) - len(same)
    assert changed.run.counts["corrected_over"] == len(changed.comparison) + extra


def test_minilm_with_its_blocks_destroyed(small: Corpus, tmp_path: Path) -> None:
    """The embeddings are as they were: the best layer hides what the last one tells."""
    if packaged_minilm() is None:
        pytest.skip("the extra [demo] is not installed")
    source, torn = resolve("minilm").location, tmp_path / "destroyed"
    model = AutoModel.from_pretrained(source, add_pooling_layer=False)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.add_(3 * parameter.std() * torch.randn_like(parameter))
    model.save_pretrained(torn)
    AutoTokenizer.from_pretrained(source).save_pretrained(torn)
    reading = ExtractSettings(layers=(0, 3, 6))
    found = compare(
        "minilm",
        str(torn),
        "pos",
        corpus=small,
        seeds=(0,),
        extract_settings=reading,
        fit_settings=QUICK,
    )
    (best,), (last,) = (table.to_dict("records") for table in (found.best, found.last))
    assert best["layer_before"] > 0 and best["layer_after"] == 0 and best["retention"] > 0.5
    assert best["kind"] == "loss" and (found.decomposition["relocation"] == 0).all()
    assert last["layer"] == 6 and last["retention"] < 0.2 and last["p_adjusted"] <= 0.05
    assert (
        "Last layer: forgotten" in best["verdict"]
        or "Last layer: mostly forgotten" in best["verdict"]
    )
