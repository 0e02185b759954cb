"""Monitors: what becomes of saved probes is what was done to the states."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from transformers import AutoModel

import probekit as pk
from probekit.corpora.passage import Corpus, Split
from probekit.errors import InputError
from probekit.forgetting.monitors.change_rows import would_tell
from probekit.forgetting.monitors.outcome import (
    LOST,
    NOT_SETTLED,
    REPAIRED,
    RETRAIN,
    VALID,
    Verdicts,
    open_question,
    outcome,
)
from probekit.probes.saved.outputs import outputs
from probekit.stats.noninferiority import Needed, Verdict
from tests.made import made_corpus
from tests.test_cli import Run, run  # noqa: F401 - a fixture

WIDTH, KINDS = 24, ("A", "B", "C")
SIZES: dict[Split, int] = {"train": 3_000, "dev": 800, "test": 3_000}
QUIET: dict[str, Any] = {"progress": False}
QUICK: dict[str, Any] = {**QUIET, "fit_settings": pk.FitSettings(words=20_000)}
Arrays = Mapping[Split, np.ndarray]


def made(kinds: tuple[str, ...] = KINDS, seed: int = 0) -> tuple[Corpus, dict[Split, np.ndarray]]:
    """Words with a label each, and vectors that tell the labels apart but for a few, of two
    layers."""
    rng = np.random.default_rng(seed)
    centres = 5 * np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0][: len(kinds)]
    labels, vectors = {}, {}
    for split, n in SIZES.items():
        numbers = rng.integers(0, len(kinds), n)
        labels[split] = np.array(kinds)[numbers]
        noise = rng.normal(size=(2, n, WIDTH)) * np.linspace(0.5, 1.5, WIDTH)
        vectors[split] = (centres[numbers] + noise).astype(np.float32)
    return made_corpus(labels), vectors


CORPUS, VECTORS = made()
TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)


def states(vectors: Arrays, name: str = "m", corpus: Corpus = CORPUS) -> pk.States:
    return pk.States.of(vectors, corpus, name=name)


def changed(how: Any, vectors: Arrays = VECTORS) -> dict[Split, np.ndarray]:
    """Vectors after something was done to those of each split."""
    return {split: how(array).astype(np.float32) for split, array in vectors.items()}


def erased(vectors: Arrays = VECTORS, corpus: Corpus = CORPUS) -> dict[Split, np.ndarray]:
    """Vectors without the labels' subspace, by the reference implementation of LEACE, fitted on
    training and test words so that nothing is left in either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of what that package uses
        from concept_erasure import LeaceFitter
    found = {split: array.copy() for split, array in vectors.items()}
    question = pk.ask(pk.load_task("pos"), corpus)
    for layer in range(2):
        for split in SIZES:
            one_hot = np.eye(len(question.classes))[question.splits[split].labels]
            x, z = torch.from_numpy(vectors[split][layer]).double(), torch.from_numpy(one_hot)
            fitter = LeaceFitter(
                WIDTH, len(KINDS), dtype=torch.float64, shrinkage=False, svd_tol=1e-6
            )
            found[split][layer] = fitter.update(x, z).eraser(x).float().numpy()
    return found


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Probes of the vectors, as `probe` saves them."""
    folder = tmp_path_factory.mktemp("saved") / "probes"
    pk.probe(states(VECTORS), "pos", save_probes=folder, **QUICK)
    return folder


def only(found: pk.ProbeChange, layer: int = 1) -> Any:
    """The row of a layer."""
    (row,) = found.table[found.table["layer"] == layer].to_dict("records")
    return row


# What becomes of a probe


def test_a_copy_is_still_valid(saved: Path) -> None:
    copy = changed(lambda x: x.copy())
    found = pk.compare_probes(states(VECTORS), states(copy, "copy"), saved, **QUIET)
    assert list(found.table["outcome"]) == [VALID, VALID]
    row = only(found)
    assert row["score_before"] == row["score_after"] and row["score_before"] > 0.9
    assert found.repaired == ()


def test_small_noise_is_still_valid(saved: Path) -> None:
    """As quantisation does: other states, and other predictions here and there."""
    rng = np.random.default_rng(3)
    noisy = changed(lambda x: x + rng.normal(size=x.shape) * 0.01)
    found = pk.compare_probes(states(VECTORS), states(noisy, "noisy"), saved, **QUIET)
    assert set(found.table["outcome"]) == {VALID}


def test_a_rotated_copy_is_repaired_by_a_map(saved: Path, tmp_path: Path) -> None:
    after = states(changed(lambda x: x @ TURN + 3), "turned")
    found = pk.compare_probes(states(VECTORS), after, saved, **QUIET)
    assert set(found.table["outcome"]) == {REPAIRED}
    row = only(found)
    assert row["score_after"] < row["score_before"] - 0.1
    # The repaired probe's score equals the one before within the interval.
    tested = found.readings[found.readings["reading"] == "repaired"]
    assert (tested["ci_low"] <= 0).all() and (tested["ci_high"] >= 0).all()
    assert row["score_repaired"] == pytest.approx(row["score_before"], abs=0.003)
    # It runs on the new states by itself, from its file.
    found.write(tmp_path)
    again = pk.load_probes(tmp_path / "repaired")
    assert again == found.repaired and len(again) == 2
    question = pk.ask(pk.load_task("pos"), CORPUS)
    (probe,) = [one for one in again if one.layer == 1]
    said = outputs(probe, after, question, "test").argmax(axis=1)
    right = float((said == question.splits["test"].labels).mean())
    assert right == pytest.approx(row["score_repaired"], abs=1e-6)
    # And to it the turned states are "before".
    renewed = pk.compare_probes(after, after, tmp_path / "repaired", **QUIET)
    assert set(renewed.table["outcome"]) == {VALID}
    assert only(renewed)["score_before"] == pytest.approx(row["score_repaired"], abs=1e-6)


def test_an_invertible_map_is_repaired_too(saved: Path) -> None:
    rng = np.random.default_rng(5)
    skew = TURN @ np.diag(rng.uniform(0.2, 5, WIDTH)) @ TURN[::-1]
    found = pk.compare_probes(states(VECTORS), states(changed(lambda x: x @ skew)), saved, **QUIET)
    assert set(found.table["outcome"]) == {REPAIRED}


def test_what_is_erased_is_lost(saved: Path) -> None:
    found = pk.compare_probes(states(VECTORS), states(erased(), "erased"), saved, **QUIET)
    assert set(found.table["outcome"]) == {LOST}
    row = only(found)
    assert row["score_retrained"] < row["majority"] + 0.05
    assert "of what was known above the majority baseline is left" in row["verdict"]


def test_erasing_as_many_random_dimensions_loses_nothing(saved: Path) -> None:
    """The null control of the erasure: the same number of dimensions, but not those of the task."""
    axes = np.linalg.qr(np.random.default_rng(7).normal(size=(WIDTH, 2)))[0]
    after = states(changed(lambda x: x - x @ axes @ axes.T), "random")
    found = pk.compare_probes(states(VECTORS), after, saved, margin="5 points", **QUIET)
    assert LOST not in set(found.table["outcome"])
    assert (found.table["score_retrained"] > 0.9).all()


def test_what_no_map_brings_back_but_labels_do_needs_retraining(tmp_path: Path) -> None:
    """Four words in five are of no interest to the task, and turn the other way round: the map that
    serves most words is wrong for those that the probe reads. With labels, a new probe reads them.
    """
    rng = np.random.default_rng(9)
    labels, vectors, after = {}, {}, {}
    for split, n in SIZES.items():
        gold = np.concatenate([one.tags["upos"] for one in CORPUS.splits[split]])
        is_other = rng.random(n) < 0.8
        labels[split] = np.where(is_other, "X", gold)
        # Words of no interest lie in the same directions, without a label.
        vectors[split] = VECTORS[split].copy()
        vectors[split][:, is_other] *= rng.normal(size=(int(is_other.sum()), 1))
        turned = vectors[split] @ TURN
        after[split] = np.where(is_other[:, None], turned, -turned)
    corpus = made_corpus(labels)
    task = pk.Task(name="some", title="", annotation="upos", shape="word", exclude=("X",))
    before = states(vectors, corpus=corpus)
    pk.probe(before, task, save_probes=tmp_path, **QUICK)
    changed_states = states(after, "moved", corpus)
    found = pk.compare_probes(before, changed_states, tmp_path, margin="5 points", **QUIET)
    assert set(found.table["outcome"]) == {RETRAIN}
    assert only(found)["score_repaired"] < only(found)["score_retrained"] - 0.3


def test_few_instances_settle_nothing(tmp_path: Path) -> None:
    few: dict[Split, int] = {"train": 200, "dev": 60, "test": 60}
    labels, vectors = {}, {}
    question = pk.ask(pk.load_task("pos"), CORPUS)
    for split, n in few.items():
        labels[split] = np.array(KINDS)[question.splits[split].labels[:n]]
        vectors[split] = VECTORS[split][:, :n]
    corpus = made_corpus(labels)
    before = states(vectors, corpus=corpus)
    pk.probe(before, "pos", save_probes=tmp_path, **QUICK)
    rng = np.random.default_rng(0)
    after = changed(lambda x: x + rng.normal(size=x.shape) * 0.05, vectors)
    found = pk.compare_probes(before, states(after, corpus=corpus), tmp_path, **QUIET)
    assert set(found.table["outcome"]) == {NOT_SETTLED}
    assert "whether it is still valid" in only(found)["verdict"]
    assert "test sentences would tell" in only(found)["verdict"]


def test_a_probe_that_knows_nothing_is_told(tmp_path: Path) -> None:
    """A null control: labels drawn at random, so that nothing can be lost."""
    rng = np.random.default_rng(11)
    labels = {split: rng.choice(KINDS, n, p=(0.6, 0.2, 0.2)) for split, n in SIZES.items()}
    corpus = made_corpus(labels)
    before = states(VECTORS, corpus=corpus)
    pk.probe(before, "pos", save_probes=tmp_path, **QUICK)
    found = pk.compare_probes(before, before, tmp_path, **QUIET)
    assert any("there is nothing to lose" in warning for warning in found.warnings)


def test_no_label_is_used_to_repair(saved: Path) -> None:
    """With the labels of training and dev shuffled, the repaired probe is the same."""
    after = changed(lambda x: x @ TURN)
    found = pk.compare_probes(states(VECTORS), states(after), saved, **QUIET)
    rng = np.random.default_rng(0)
    labels = {}
    for split in SIZES:
        gold = np.concatenate([one.tags["upos"] for one in CORPUS.splits[split]])
        labels[split] = gold if split == "test" else rng.permutation(gold)
    other = made_corpus(labels)
    again = pk.compare_probes(
        states(VECTORS, corpus=other), states(after, corpus=other), saved, **QUIET
    )
    assert [one.tensors["weight"].tobytes() for one in found.repaired] == [
        one.tensors["weight"].tobytes() for one in again.repaired
    ]
    assert set(found.table["outcome"]) == set(again.table["outcome"]) == {REPAIRED}


# The rules


def test_every_combination_of_verdicts_has_an_outcome() -> None:
    every: tuple[Verdict, ...] = get_args(Verdict)
    seen = set()
    for verdicts in map(Verdicts._make, product(every, repeat=4)):
        became = outcome(verdicts)
        seen.add(became)
        assert (became == VALID) == (verdicts.as_it_is == "PASS")
        if became in (REPAIRED, RETRAIN, LOST):
            assert verdicts.as_it_is == "FAIL"
        if became in (RETRAIN, LOST):
            assert verdicts.repaired == "FAIL"
        if became == NOT_SETTLED:
            assert open_question(verdicts).startswith("whether")
    assert seen == {VALID, REPAIRED, RETRAIN, LOST, NOT_SETTLED}


def test_fewer_labels_than_the_saved_probe_had_are_not_a_loss(saved: Path) -> None:
    """A probe trained anew on *before* reads as little: that is not what fine-tuning did."""
    rng = np.random.default_rng(0)
    labels = {}
    for split in SIZES:
        gold = np.concatenate([one.tags["upos"] for one in CORPUS.splits[split]])
        labels[split] = gold if split == "test" else rng.permutation(gold)
    corpus = made_corpus(labels)
    noise = {split: rng.normal(size=array.shape) for split, array in VECTORS.items()}
    before = states(VECTORS, corpus=corpus)
    found = pk.compare_probes(before, states(noise, corpus=corpus), saved, **QUIET)
    row = only(found)
    assert row["score_control"] < row["score_before"] - 0.3
    assert row["outcome"] == NOT_SETTLED
    assert "train no such probe on the checkpoint before" in row["verdict"]


# Probes of two classes


def test_probes_of_two_classes_are_detectors() -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    corpus, vectors = made(("no", "yes"), seed=2)
    blurred = changed(lambda x: x + np.random.default_rng(0).normal(size=x.shape) * 4, vectors)
    before = states(blurred, corpus=corpus)
    after = states(changed(lambda x: x @ TURN, blurred), corpus=corpus)
    question = pk.ask(pk.load_task("pos"), corpus)
    direction = blurred["train"][1][question.splits["train"].labels == 1].mean(0)
    direction -= blurred["train"][1][question.splits["train"].labels == 0].mean(0)
    threshold = float((blurred["train"][1] @ direction).mean())
    probe = pk.SavedProbe.from_direction(
        direction, threshold, "pos", 1, classes=("no", "yes"), states=before
    )
    found = pk.compare_probes(before, after, probe, margin="3 points", **QUIET)
    assert only(found)["outcome"] == REPAIRED
    rows = found.detection.set_index("reading")
    assert set(rows["positive"]) == {"yes"}
    gold = question.splits["test"].labels
    scores = vectors_times(blurred, direction)
    assert rows.loc["before", "auroc"] == pytest.approx(roc_auc_score(gold, scores), abs=1e-5)
    false, true, _ = roc_curve(gold, scores, drop_intermediate=False)
    assert rows.loc["before", "recall"] == pytest.approx(true[false <= 0.01].max(), abs=1e-3)
    for measure in ("auroc", "recall"):
        low, high = rows.loc["repaired", [f"{measure}_change_low", f"{measure}_change_high"]]
        assert low <= 0 <= high
    assert rows.loc["as it is", "auroc_change_high"] < 0


def vectors_times(vectors: Arrays, direction: np.ndarray) -> np.ndarray:
    """The products of test words with a direction."""
    return np.asarray(vectors["test"][1] @ direction)


# Bad input


def test_probes_that_do_not_fit_are_refused(saved: Path) -> None:
    before = states(VECTORS)
    probes = pk.load_probes(saved)
    narrow = states(changed(lambda x: x[..., :20]))
    deep = states(changed(lambda x: np.concatenate([x, x])))
    for pair, message in (
        ((narrow, narrow), "width 24, and those of 'm' have 20"),
        ((deep, deep), "of 2 layers, and 'm' has 4"),
        ((before, narrow), "width 24.*another width or depth; train new ones on it"),
        ((before, deep), "of 2 layers"),
    ):
        with pytest.raises(InputError, match=message):
            pk.compare_probes(*pair, saved, **QUIET)
    two, vectors = made(("A", "B"))
    other = states(vectors, corpus=two)
    with pytest.raises(InputError, match="the corpus does not have the label 'C'"):
        pk.compare_probes(other, other, saved, **QUIET)
    four, vectors = made(("A", "B", "C", "D"))
    other = states(vectors, corpus=four)
    with pytest.raises(InputError, match="the saved probe does not have the label 'D'"):
        pk.compare_probes(other, other, saved, **QUIET)
    with pytest.raises(InputError, match="did you mean 'pos'"):
        pk.compare_probes(before, before, saved, "poss", **QUIET)
    with pytest.raises(InputError, match="no saved probe reads layer 7; they read"):
        pk.compare_probes("./a", "./b", saved, layers=(7,), corpus="sample", **QUIET)
    with pytest.raises(InputError, match="give the text and labels to judge them by"):
        pk.compare_probes("./a", "./b", saved, **QUIET)
    untagged = Corpus("u", made_corpus({s: np.array(["A"] * 20) for s in SIZES}, "xpos").splits)
    given = states({split: np.zeros((2, 20, WIDTH)) + 1 for split in SIZES}, corpus=untagged)
    with pytest.raises(pk.ProbekitError, match="cannot carry the task 'pos'"):
        pk.compare_probes(given, given, probes, **QUIET)


def test_a_probe_of_another_checkpoint_is_refused(saved: Path) -> None:
    (probe, *_) = pk.load_probes(saved)
    origin = replace(probe.origin, model="other", model_fingerprint="0123456789ab")
    stranger = replace(probe, origin=origin)
    with pytest.raises(InputError, match=r"give the checkpoint it was trained on, 'other' \(#0123"):
        pk.compare_probes(states(VECTORS), states(VECTORS), stranger, **QUIET)


def test_results_say_what_was_decided_and_how(saved: Path, tmp_path: Path) -> None:
    after = states(changed(lambda x: x @ TURN), "turned")
    found = pk.compare_probes(states(VECTORS), after, saved, correction="none", **QUIET)
    assert found.run.settings == {"margin": "1 point", "correction": "none"}
    found.write(tmp_path)
    assert pk.read(tmp_path) == found and (tmp_path / "repaired").is_dir()
    record = json.loads((tmp_path / "repaired" / "probes.json").read_text())
    assert record["probes"][0]["source"].startswith("repaired by ")
    still = pk.compare_probes(states(VECTORS), states(VECTORS), saved, **QUIET)
    still.write(tmp_path)  # nothing was repaired: older probes are removed
    assert pk.read(tmp_path) == still
    assert not list((tmp_path / "repaired").iterdir())


# From checkpoints


def permuted(bert: Path, to: Path) -> Path:
    """The same BERT with its hidden dimensions in another order: a rotation of every layer, which
    computes what the old one did."""
    folder = shutil.copytree(bert, to)
    model = AutoModel.from_pretrained(folder)
    order = torch.from_numpy(np.random.default_rng(0).permutation(model.config.hidden_size))
    reads = ("query", "key", "value", "intermediate.dense")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            part = name.rpartition(".")[0]
            if part.endswith(reads):
                if weight.ndim == 2:
                    weight.copy_(weight[:, order])
            elif "embeddings" in name and weight.ndim == 2:
                weight.copy_(weight[:, order])
            else:  # what is written to the hidden state, and its norms
                weight.copy_(weight[order])
    model.save_pretrained(folder)
    return folder


def emptied(bert: Path, to: Path) -> Path:
    """The same BERT with one vector for all words."""
    folder = shutil.copytree(bert, to)
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight.zero_()
    model.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_command_saves_probes_and_another_judges_them(
    run: Run,  # noqa: F811
    tiny_bert: Path,
    brief: Path,
    tmp_path: Path,
) -> None:
    turned = permuted(tiny_bert, tmp_path / "turned")
    empty = emptied(tiny_bert, tmp_path / "empty")
    reading = ("--corpus", brief, "--layers", 1)
    task = ("--task", "pos")
    status, out, err = run(
        "probe", "--model", tiny_bert, *task, *reading, "--save-probes", "--out", "o"
    )
    assert status == 0 and out.endswith("probes written to o/probes\n"), err
    judged: tuple[object, ...] = ("compare", "--before", tiny_bert, "--probe-file", "o/probes")
    judged += (*reading, "--margin", "2 points")
    status, out, err = run(*judged, "--after", turned, "--after", empty, "--out", "p")
    assert status == 0, err
    found = pk.ProbeChange.read(tmp_path / "p")
    assert list(found.table["outcome"]) == [REPAIRED, LOST]
    assert (
        f"{turned}, pos, layer 1: {REPAIRED} (" in out and f"{empty}, pos, layer 1: {LOST} (" in out
    )
    assert "intervals cover other test sentences (documents) alone" in " ".join(out.split())
    assert "repaired/probes.safetensors" in out
    # The repaired probe is one of the turned checkpoint, where it is valid.
    again = ("compare", "--before", turned, "--after", turned, "--probe-file", "p/repaired")
    status, out, err = run(*again, *reading, "--json", "--out", "q")
    assert status == 0, err
    printed = json.loads(out)
    assert [row["outcome"] for row in printed["probe_change"]] == [VALID]
    score = found.table["score_repaired"][0]
    assert printed["probe_change"][0]["score_before"] == pytest.approx(score)
    # And of no other.
    status, _, err = run(*judged[:2], tiny_bert, *again[3:], *reading, "--out", "r")
    assert status == 2 and "give the checkpoint it was trained on" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --task, or --probe-file"),
        (("--task", "pos", "--margin", "1 point"), "give --probe-file too"),
        (("--probe-file", "o", "--seeds", "2"), "leave --seeds out"),
        (("--probe-file", "o", "--erase"), "leave --erase out"),
        (("--probe-file", "o", "--corpus", "sample,en_ewt"), "reads one corpus"),
        (("--probe-file", "o", "--margin", "1%"), "margin takes points above 0"),
        (("--probe-file", "o", "--correction", "bh"), "--correction"),
        (("--probe-file", "o"), "no saved probes in o"),
    ],
)
def test_mistakes_are_told_in_a_line(
    arguments: tuple[str, ...],
    message: str,
    run: Run,  # noqa: F811
) -> None:
    status, out, err = run("compare", "--before", "./a", "--after", "./b", *arguments)
    assert status == 2 and not out
    assert message in " ".join(err.split()) and "Traceback" not in err


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Needed(1_428, None, None), "; about 1,400 test documents would tell, of 150"),
        (
            Needed(None, None, None, is_near=True),
            "; the change is near the limit: to tell would take more than 10 times the 150 test "
            "documents",
        ),
        (Needed(None, None, None), ""),
    ],
)
def test_how_many_documents_would_tell(found: Needed, text: str) -> None:
    assert would_tell(found, 150, "document") == text
