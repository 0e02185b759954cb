"""Evidence of structural probes: controls, codes of heads, and intervals over training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Edge, Passage, Split
from probekit.errors import InputError
from probekit.probes.capacity import RANKS
from probekit.probes.structural.tree_codelength import tree_codelength
from probekit.probes.structural.tree_fit import fit_trees, losses
from probekit.tasks.part import part_of_trees
from probekit.tasks.task import load_task
from probekit.tasks.trees import ask_trees
from tests.made import made_states
from tests.probes.test_structural import DIM, planted

SIZES: dict[Split, int] = {"train": 90, "dev": 30, "test": 40}
QUICK = pk.FitSettings(words=30_000)
ARC = load_task("arc")
TYPES = 15


def memorable() -> tuple[Corpus, dict[Split, np.ndarray]]:
    """Random trees of random words, whose vectors say which word it is, and whether it is the
    first or the last: enough for the control, and nothing of the tree."""
    rng = np.random.default_rng(0)
    splits: dict[Split, list[Passage]] = {}
    values: dict[Split, np.ndarray] = {}
    for split, size in SIZES.items():
        passages, vectors = [], []
        for number in range(size):
            types = rng.integers(0, TYPES, int(rng.integers(4, 9)))
            edges = []
            for word in range(1, len(types)):
                head = int(rng.integers(0, word))
                edges.append(Edge(((head, head + 1), (word, word + 1)), "dep"))
            words = tuple(f"w{one}" for one in types)
            name = f"{split}{number}"
            passages.append(Passage(name, name, words, edges={"dependencies": tuple(edges)}))
            known = np.zeros((len(types), TYPES + 2))
            known[np.arange(len(types)), types] = 1
            known[0, TYPES] = known[-1, TYPES + 1] = 1
            vectors.append(known)
        splits[split] = passages
        values[split] = np.concatenate(vectors)[None]
    return Corpus("memorable", splits), values


@pytest.fixture(scope="module")
def scores() -> pk.Scores:
    corpus, values = planted(SIZES)
    return pk.probe(
        made_states(corpus, values),
        ["distance", "arc"],
        control=True,
        codelength=True,
        resample_train=2,
        fit_settings=QUICK,
        progress=False,
    )


def test_what_follows_from_types_is_memorised() -> None:
    corpus, values = memorable()
    states = made_states(corpus, values)
    found = pk.probe(states, "arc", control=True, fit_settings=QUICK, progress=False)
    (row,) = found.selectivity.to_dict("records")
    assert row["control_score"] > 0.95 and row["known_types"] == 1
    assert row["score"] < 0.7 and row["ci_high"] < 0


@pytest.mark.slow
def test_trees_in_the_vectors_are_no_memory(scores: pk.Scores) -> None:
    rows = scores.selectivity.set_index("layer")
    assert rows.loc[1, "ci_low"] > 0
    table = scores.table[(scores.table["metric"] == "uas") & scores.table["layer"].notna()]
    means = table.set_index(["labels", "layer"])["score"]
    for layer in (0, 1):
        expected = means["gold", layer] - means["control", layer]
        assert rows.loc[layer, "selectivity"] == pytest.approx(expected, abs=1e-5)
    assert scores.best().set_index("metric").loc["uas", "score"] == means["gold", 1]


@pytest.mark.slow
def test_only_heads_have_controls_and_codes(scores: pk.Scores) -> None:
    assert set(scores.selectivity["task"]) == set(scores.codelengths["task"]) == {"arc"}
    told = [warning for warning in scores.warnings if "structural probes have no" in warning]
    assert len(told) == 2 and all(warning.startswith("distance: ") for warning in told)
    assert "do not form a tree" in told[0] and "not probabilities" in told[1]


@pytest.mark.slow
def test_intervals_cover_the_training_sentences(scores: pk.Scores) -> None:
    rows = scores.intervals.set_index(["metric", "layer"])
    assert set(rows.index.get_level_values(0)) == {"uuas", "uas"}
    assert (rows["resamples"] == 2).all() and rows.loc[("uuas", 0), "from_training"] > 0


@pytest.mark.slow
def test_heads_that_the_vectors_hold_take_fewer_bits(scores: pk.Scores) -> None:
    codes = scores.codelengths.set_index(["labels", "layer"])
    assert codes.loc[("gold", 1), "ci_high"] < codes.loc[("gold", 0), "ci_low"]
    assert codes.loc[("gold", 1), "compression"] > 1.3
    assert codes.loc[("gold", 1), "bits"] < codes.loc[("control", 1), "bits"]
    curves = scores.learning_curves
    upper = curves[(curves["labels"] == "gold") & (curves["layer"] == 1)]
    assert upper["score"].iloc[-1] > 0.9 > upper["score"].iloc[0]
    assert upper["bits_per_instance"].iloc[-1] < 1


@pytest.mark.slow
def test_a_code_is_the_sum_of_its_blocks() -> None:
    corpus, values = planted(SIZES)
    question = ask_trees(ARC, corpus)
    (code,) = tree_codelength(made_states(corpus, values), [question], settings=QUICK)
    train = question.splits["train"]
    assert code.n == len(train.heads)
    uniform = sum(n * np.log2(n) for n in train.lengths.tolist())
    assert code.uniform_bits == pytest.approx(uniform)
    assert code.bits.sum(-1) == pytest.approx(code.by_group.sum(-1))
    assert code.total == pytest.approx(code.first_bits + code.bits.sum(-1))
    assert code.sentences[0] == 1 and code.sentences[-1] == SIZES["train"] / 2


@pytest.mark.slow
def test_heads_that_nothing_tells_take_the_uniform_code() -> None:
    corpus, values = planted({"train": 150, "dev": 60, "test": 10})
    question = ask_trees(ARC, corpus)
    rng = np.random.default_rng(3)
    noise = {split: rng.normal(size=(1, *both.shape[1:])) for split, both in values.items()}
    (code,) = tree_codelength(made_states(corpus, noise), [question], settings=QUICK)
    assert code.total.item() == pytest.approx(code.uniform_bits, rel=0.03)


def test_losses_are_those_of_a_softmax_over_the_sentence() -> None:
    corpus, values = planted(SIZES)
    states, question = made_states(corpus, values), ask_trees(ARC, corpus)
    fits = fit_trees(states, [question], settings=pk.FitSettings(words=2_000, epochs=1))
    (found,) = losses(fits, states, "test")
    ((_, maps),) = fits[0].maps if len(fits[0].maps) == 1 else (fits[0].maps[0],)
    trees, rank = question.splits["test"], fits[0].rank
    words = torch.from_numpy(values["test"][:1].astype(np.float16)).float()
    words = words.expand(len(maps.weights), -1, -1).to(maps.weights.device)
    mapped = maps(words)[0, :, 0].cpu().numpy()
    for number in range(5):
        own = mapped[trees.offsets[number] : trees.offsets[number + 1]].astype(float)
        heads = trees.heads[trees.offsets[number] : trees.offsets[number + 1]]
        total = 0.0
        for word in range(len(own)):
            each = []
            for other in range(len(own)):
                pair = own[word, :rank] @ own[other, rank : 2 * rank] + own[other, -2]
                each.append(own[word, -1] if other == word else pair)
            total -= each[heads[word]] - np.log(np.exp(each).sum())
        assert found[0, 0, number] == pytest.approx(total, rel=1e-4)


def test_a_part_has_the_trees_of_its_passages() -> None:
    corpus, _ = planted(SIZES)
    whole = ask_trees(ARC, corpus)
    chosen = np.array([1, 4, 9])
    nothing = {split: (split, np.array([0])) for split in SPLITS}
    part = part_of_trees(whole, corpus, {**nothing, "test": ("train", chosen)})
    train, test = whole.splits["train"], part.splits["test"]
    expected = []
    for number in chosen.tolist():
        expected += train.heads[train.offsets[number] : train.offsets[number + 1]].tolist()
    assert test.heads.tolist() == expected and test.groups.tolist() == [0, 1, 2]
    lengths = train.lengths[chosen]
    assert test.sentences.spans[:, 0, 0].tolist() == [0, *np.cumsum(lengths)[:-1].tolist()]
    assert test.sentences.labels.tolist() == [0, 1, 2]


def test_ranks_are_swept_and_no_units() -> None:
    corpus, values = planted(SIZES)
    states = made_states(corpus, values)
    found = pk.probe(states, "distance", capacity=True, fit_settings=QUICK, progress=False)
    rows = found.capacity.set_index(["layer", "probe"])
    ranks = [f"rank:{rank}" for rank in RANKS if rank <= DIM]
    assert set(rows.index.get_level_values("probe")) == {*ranks, "linear"}
    for rank in (1, 8):  # of a map with an offset
        assert (rows.xs(f"rank:{rank}", level="probe")["parameters"] == (DIM + 1) * rank).all()
    # Each word has an axis of its own, so that few directions cannot tell trees apart.
    of_trees = rows.loc[1]
    assert of_trees.loc["rank:1", "score"] < of_trees.loc["rank:4", "score"] - 0.1
    assert of_trees.loc["rank:4", "score"] < of_trees.loc["linear", "score"] - 0.05
    assert of_trees.loc["rank:1", "on_front"] == 1
    assert rows[["ci_low", "ci_high"]].stack().between(0, 1).all()
    probed = found.table[(found.table["metric"] == "uuas") & found.table["layer"].notna()]
    by_cell = probed.set_index(["layer", "probe"])["score"]
    for cell, row in rows.iterrows():
        assert row["score"] == by_cell[cell]
    assert not [warning for warning in found.warnings if "capacity" in warning]
    with pytest.raises(InputError, match=r"not mlp: leave one of them out"):
        pk.probe(states, "distance", probes="mlp", capacity=True, progress=False)
