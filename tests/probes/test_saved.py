"""Saved probes: read back bit by bit, equal to what was trained, and to scikit-learn and to plain
directions; files that are something else are refused."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save
from sklearn.linear_model import LogisticRegression

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.maps import LinearMap
from probekit.forgetting.monitors.repair import folded
from probekit.probes.saved.outputs import outputs
from probekit.probes.saved.probe_file import ProbeRecord
from tests.pages import ROOT

WIDTH = 16
QUICK = pk.FitSettings(words=5_000)
QUIET: dict[str, Any] = {"progress": False, "fit_settings": QUICK}
TASKS = ("pos", "dep", "const")
HEADS = ("linear", "mlp:8", "rank:4", "edge")


@pytest.fixture(scope="module")
def few(sample: Corpus) -> Corpus:
    splits = {split: passages[:60] for split, passages in sample.splits.items()}
    return Corpus("few", splits)


@pytest.fixture(scope="module")
def states(few: Corpus) -> pk.States:
    """A random vector for each word, some of which it shares with its part of speech."""
    rng = np.random.default_rng(0)
    table: dict[str, np.ndarray] = {}
    vectors: dict[Any, np.ndarray] = {}
    for split, passages in few.splits.items():
        rows = []
        for passage in passages:
            for word, tag in zip(passage.words, passage.tags["upos"], strict=True):
                own = table.setdefault(word, rng.normal(size=WIDTH))
                rows.append(own + 3 * table.setdefault(f"tag {tag}", rng.normal(size=WIDTH)))
        vectors[split] = np.stack([rows, np.array(rows) * 10 + 50]).astype(np.float32)
    return pk.States.of(vectors, few, name="made")


@pytest.fixture(scope="module")
def run(states: pk.States, tmp_path_factory: pytest.TempPathFactory) -> tuple[pk.Scores, Path]:
    """The probes of several heads and tasks, and their scores."""
    folder = tmp_path_factory.mktemp("saved") / "probes"
    scores = pk.probe(states, TASKS, probes=HEADS, seeds=2, save_probes=folder, **QUIET)
    return scores, folder


def edited(folder: Path, to: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of saved probes with another record, whose checksum is right."""
    to.mkdir()
    (to / "probes.safetensors").write_bytes((folder / "probes.safetensors").read_bytes())
    record = json.loads((folder / "probes.json").read_text(encoding="utf-8"))
    change(record)
    checksums = record.pop("checksums", {})
    if isinstance(checksums, dict):
        text = json.dumps(record, sort_keys=True)
        checksums["probes.json"] = hashlib.sha256(text.encode()).hexdigest()
    record["checksums"] = checksums
    (to / "probes.json").write_text(json.dumps(record), encoding="utf-8")
    return to


# What is saved


@pytest.mark.slow
def test_saved_probes_predict_what_the_trained_ones_did(
    run: tuple[pk.Scores, Path], states: pk.States, few: Corpus
) -> None:
    scores, folder = run
    probes = pk.load_probes(folder)
    assert len(probes) == len(TASKS) * len(HEADS) * 2 * 2
    predicted = scores.predicted.to_pylist()
    for probe in probes:
        question = pk.ask(probe.task, few)
        said = outputs(probe, states, question, "test").argmax(axis=1)
        (row,) = [
            one
            for one in predicted
            if (one["task"], one["probe"], one["layer"], one["seed"])
            == (probe.task.name, probe.head, probe.layer, probe.seed)
        ]
        same = np.array(row["predicted"]) == np.array(probe.classes)[said]
        assert same.mean() > 0.995, probe.name  # rounding decides between equal outputs
        assert probe.origin.source == "probekit" and probe.origin.n_layers == 2
        assert probe.origin.fit_settings() == QUICK


@pytest.mark.slow
def test_what_is_saved_is_read_back_bit_by_bit(
    run: tuple[pk.Scores, Path], states: pk.States, few: Corpus, tmp_path: Path
) -> None:
    probes = pk.load_probes(run[1])
    pk.save_probes(probes, tmp_path)
    again = pk.load_probes(tmp_path / "probes.json")
    assert again == probes == pk.load_probes(tmp_path / "probes.safetensors")
    for name in ("probes.json", "probes.safetensors"):
        assert (tmp_path / name).read_bytes() == (run[1] / name).read_bytes()
    for one, other in zip(probes[::7], again[::7], strict=True):
        question = pk.ask(one.task, few)
        first, second = (outputs(each, states, question, "test") for each in (one, other))
        assert first.tobytes() == second.tobytes()
        assert one.fingerprint == other.fingerprint
    assert len({one.fingerprint for one in probes}) == len(probes)


def test_probes_that_are_not_maps_of_words_are_left_out(states: pk.States, tmp_path: Path) -> None:
    pair = replace(pk.load_task("dep"), name="pairs", features="product")
    scores = pk.probe(states, ["pos", pair], save_probes=tmp_path, **QUIET)
    assert {probe.task.name for probe in pk.load_probes(tmp_path)} == {"pos"}
    assert any("not saved: pairs (linear)" in warning for warning in scores.warnings)
    nothing = pk.probe(states, pair, save_probes=tmp_path / "none", **QUIET)
    assert any("no probe was saved" in warning for warning in nothing.warnings)
    with pytest.raises(InputError, match="cannot be saved"):
        pk.SavedProbe.from_direction(np.ones(2 * WIDTH), 0, pair, 0, classes=("a", "b"))


def test_a_map_is_folded_into_every_head(
    run: tuple[pk.Scores, Path], states: pk.States, few: Corpus
) -> None:
    """Reading mapped states is the same as reading with the folded probe."""
    rng = np.random.default_rng(1)
    shapes: tuple[tuple[int, ...], ...] = ((WIDTH,), (WIDTH,), (WIDTH, WIDTH))
    source, target, matrix = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    found = LinearMap(source, target, matrix)
    splits: tuple[Any, ...] = ("train", "dev", "test")
    mapped = {split: found(states.numpy(split)).astype(np.float32) for split in splits}
    other = pk.States.of(mapped, few)
    for probe in pk.load_probes(run[1])[::2]:
        question = pk.ask(probe.task, few)
        expected = outputs(probe, other, question, "test")
        given = outputs(folded(probe, found, "a map", states), states, question, "test")
        scale = max(1, float(np.abs(expected).max()))
        np.testing.assert_allclose(given / scale, expected / scale, atol=2e-3, err_msg=probe.name)


# Other forms


@pytest.mark.parametrize("labels", [("NOUN", "VERB"), ("DET", "NOUN", "VERB")])
def test_there_and_back_with_scikit_learn(
    labels: tuple[str, ...], states: pk.States, few: Corpus, tmp_path: Path
) -> None:
    question = pk.ask(pk.load_task("pos"), few)
    vectors, gold = {}, {}
    for split in ("train", "test"):
        instances = question.splits[split]
        texts = np.array(instances.gold.texts())
        wanted = np.isin(texts, labels)
        vectors[split] = states.numpy(split, 0)[instances.spans[wanted, 0, 0]]
        gold[split] = texts[wanted]
    classifier = LogisticRegression(max_iter=1_000).fit(vectors["train"], gold["train"])
    probe = pk.SavedProbe.from_sklearn(classifier, "pos", 0, states=states)
    assert probe.classes == labels and probe.origin.source == "scikit-learn"
    assert probe.positive == ("VERB" if len(labels) == 2 else "")
    pk.save_probes(probe, tmp_path)
    (again,) = pk.load_probes(tmp_path)
    back = again.to_sklearn()
    assert (back.predict(vectors["test"]) == classifier.predict(vectors["test"])).all()
    np.testing.assert_allclose(back.coef_, classifier.coef_, rtol=1e-6)
    twice = pk.SavedProbe.from_sklearn(back, "pos", 0, states=states)
    assert np.array_equal(twice.weight, again.weight)


def test_a_trained_probe_is_a_classifier_of_scikit_learn(
    run: tuple[pk.Scores, Path], states: pk.States, few: Corpus
) -> None:
    question = pk.ask(pk.load_task("pos"), few)
    instances = question.splits["test"]
    for probe in pk.load_probes(run[1]):
        if probe.task.name != "pos" or probe.head not in ("linear", "rank:4"):
            continue
        vectors = states.numpy("test", probe.layer)[instances.spans[:, 0, 0]]
        said = outputs(probe, states, question, "test").argmax(axis=1)
        expected = np.array(probe.classes)[said]
        assert (probe.to_sklearn().predict(vectors) == expected).mean() > 0.995


def test_there_and_back_with_a_direction(states: pk.States, few: Corpus, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    vector, threshold = rng.normal(size=WIDTH).astype(np.float32), 0.625
    probe = pk.SavedProbe.from_direction(
        vector, threshold, "pos", 0, classes=("other", "NOUN"), states=states
    )
    pk.save_probes([probe], tmp_path)
    (again,) = pk.load_probes(tmp_path)
    back, limit = again.to_direction()
    assert back.tobytes() == vector.tobytes() and limit == threshold
    question = pk.ask(pk.load_task("pos"), few)
    said = outputs(again, states, question, "test").argmax(axis=1)
    words = states.numpy("test", 0)[question.splits["test"].spans[:, 0, 0]]
    products = words.astype(np.float64) @ vector
    clear = np.abs(products - threshold) > 1e-3
    assert (said[clear] == (products > threshold)[clear]).all()


def test_what_is_not_linear_has_no_such_form(run: tuple[pk.Scores, Path]) -> None:
    probes = {(one.task.name, one.head): one for one in pk.load_probes(run[1])}
    for head in ("mlp:8", "edge"):
        with pytest.raises(InputError, match=f"the head '{head}' is not linear"):
            probes["pos", head].to_sklearn()
    with pytest.raises(InputError, match="a direction tells two classes apart, not"):
        probes["pos", "linear"].to_direction()


NOUN = ("other", "NOUN")


def classifier(**values: Any) -> Any:
    found = LogisticRegression()
    for name, value in values.items():
        setattr(found, name, value)
    return found


def test_other_forms_that_do_not_fit_are_refused(states: pk.States) -> None:
    of: Any = pk.SavedProbe.from_sklearn
    row = {"coef_": np.ones((1, WIDTH)), "intercept_": np.zeros(1), "classes_": np.array(NOUN)}
    for given, message in (
        (LogisticRegression(), "has no coef_"),
        (3, "this int has no coef_"),
        (classifier(**{**row, "coef_": np.ones((2, WIDTH))}), "expected 1 rows"),
        (classifier(**{**row, "coef_": np.full((1, WIDTH), np.nan)}), "finite"),
        (classifier(**{**row, "coef_": "x"}), "takes numbers"),
        (classifier(**{**row, "coef_": np.ones((1, WIDTH + 1))}), "reads 1 times the width"),
        (classifier(**{**row, "classes_": np.array(["A", "A"])}), "different labels"),
    ):
        with pytest.raises(InputError, match=message):
            of(given, "pos", 0, states=states)
    good = classifier(**row)
    for task, layer, message in (
        ("poss", 0, "did you mean 'pos'"),
        ("pos", 5, "was read at"),
        ("pos", -1, "whole number"),
        ("agreement", 0, "cannot be saved"),
    ):
        with pytest.raises(pk.ProbekitError, match=message):
            of(good, task, layer, states=states)
    with pytest.raises(InputError, match="states takes States"):
        of(good, "pos", 0, states="minilm")
    direct: Any = pk.SavedProbe.from_direction
    for vector, threshold, classes, message in (
        (np.ones(WIDTH), "high", NOUN, "threshold takes a number"),
        (np.ones(WIDTH), float("nan"), NOUN, "threshold takes a number"),
        (["x"], 0, NOUN, "vector takes numbers"),
        ([], 0, NOUN, "at least one"),
        (np.ones(WIDTH), 0, ("a", "b", "c"), "the negative and the positive label"),
        (np.ones(WIDTH), 0, 3, "classes takes"),
        (np.ones(WIDTH), 0, ("a", "a"), "different labels"),
    ):
        with pytest.raises(InputError, match=message):
            direct(vector, threshold, "pos", 0, classes=classes)


# Files


def test_a_record_has_the_keys_of_its_page(run: tuple[pk.Scores, Path]) -> None:
    page = (ROOT / "docs" / "monitors.md").read_text(encoding="utf-8")
    record = json.loads((run[1] / "probes.json").read_text(encoding="utf-8"))
    assert set(record) == {"format", "versions", "probes", "checksums"}
    names = [one.name for one in fields(ProbeRecord)]
    assert set(record["probes"][0]) == set(names)
    for name in (*names, *record):
        assert f"| `{name}` |" in page, name


def test_damaged_files_are_refused(run: tuple[pk.Scores, Path], tmp_path: Path) -> None:
    for name in ("probes.json", "probes.safetensors"):
        place = tmp_path / name.partition(".")[2]
        pk.save_probes(pk.load_probes(run[1])[:3], place)
        content = bytearray((place / name).read_bytes())
        # A digit of a fingerprint in the record; the last number of the tensors.
        spot = content.index(b'"seed": ') + 8 if name.endswith("json") else len(content) - 2
        content[spot] ^= 1
        (place / name).write_bytes(content)
        with pytest.raises(InputError, match="changed or damaged"):
            pk.load_probes(place)
        (place / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="is not a"):
            pk.load_probes(place)
        (place / name).unlink()
        with pytest.raises(InputError, match=name):
            pk.load_probes(place)


def test_a_pickle_is_never_opened(run: tuple[pk.Scores, Path], tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str, str]]:
            return (Path.write_text, (tmp_path / "sprung", "x"))  # type: ignore[return-value]

    pk.save_probes(pk.load_probes(run[1])[:1], tmp_path)
    (tmp_path / "probes.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match="is not a safetensors file"):
        pk.load_probes(tmp_path)
    assert not (tmp_path / "sprung").exists()


Edit = Callable[[dict[str, Any]], object]


def top(**values: Any) -> Edit:
    return lambda record: record.update(values)


def first(**values: Any) -> Edit:
    return lambda record: record["probes"][0].update(values)


def task(**values: Any) -> Edit:
    return lambda record: record["probes"][0]["task"].update(values)


def all_alike(record: dict[str, Any]) -> None:
    record["probes"][0]["classes"] = ["A"] * len(record["probes"][0]["classes"])


WRONG: dict[str, tuple[Edit, str]] = {
    "layer as text": (first(layer="1"), "'layer' takes a number"),
    "layer as truth": (first(layer=True), "'layer' takes a number"),
    "layer beyond": (first(layer=9), "no layer 9 among 2"),
    "layer below": (first(layer=-1), "no layer -1"),
    "width": (first(width=8), "width 8"),
    "pooling": (first(pooling=["mean"]), "pooling"),
    "head": (first(head="mlp:9"), "must be float32"),
    "head unknown": (first(head="lnear"), "did you mean 'linear'"),
    "classes": (first(classes=["A", "B"]), "must be float32"),
    "classes alike": (all_alike, "different labels"),
    "classes as numbers": (first(classes=[1, 2]), "a list of texts"),
    "task as text": (first(task="pos"), "'task' takes a table"),
    "task's key": (task(shap="word"), "unknown key 'shap'"),
    "task's value": (task(shape="wrd"), "shape 'wrd'"),
    "a path as corpus": (task(corpus="/etc/passwd"), "unknown key 'corpus'"),
    "a path to tensors": (first(weight="../../x"), "unknown key 'weight'"),
    "a path to a file": (top(file="/etc/passwd"), "unknown key 'file'"),
    "fit": (first(fit={"epochs": "two"}), "epochs"),
    "fit's key": (first(fit={"epoch": 2}), "did you mean 'epochs'"),
    "missing": (lambda record: record["probes"][0].pop("seed"), "the key 'seed' is missing"),
    "no list": (top(probes={}), "'probes' takes a list"),
    "no object": (top(probes=[3]), "an object is expected"),
    "none": (top(probes=[]), "of none"),
    "too few": (lambda record: record["probes"].pop(), "of none"),
    "too many": (
        lambda record: record["probes"].append(record["probes"][0]),
        "has no weight",
    ),
    "format": (top(format=2), "has format 2, and this version reads 1"),
    "checksums": (top(checksums=3), "'checksums' takes a table"),
}


@pytest.mark.parametrize("case", WRONG)
def test_records_of_something_else_are_refused(
    case: str, run: tuple[pk.Scores, Path], tmp_path: Path
) -> None:
    pk.save_probes(pk.load_probes(run[1])[:2], tmp_path / "a")
    change, message = WRONG[case]
    place = edited(tmp_path / "a", tmp_path / "b", change)
    with pytest.raises(pk.ProbekitError, match=message) as refused:
        pk.load_probes(place)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "\xff", '{"a": ' * 500 + "1" + "}" * 500])
def test_what_is_not_a_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "probes.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="is not a record of probes"):
        pk.load_probes(tmp_path)


def test_tensors_that_do_not_fit_are_refused(run: tuple[pk.Scores, Path], tmp_path: Path) -> None:
    pk.save_probes(pk.load_probes(run[1])[:1], tmp_path / "a")
    right = load((tmp_path / "a" / "probes.safetensors").read_bytes())
    for number, (change, message) in enumerate(
        (
            ({"0.weight": right["0.weight"][:, :8].copy()}, "width 16"),
            ({"0.weight": right["0.weight"][0]}, "must be float32"),
            ({"0.weight": right["0.weight"].astype(np.float64)}, "must be float32"),
            ({"0.bias": right["0.bias"] * np.float32("inf")}, "not finite"),
            ({"0.more": right["0.bias"]}, "has no 'more'"),
            ({"7.bias": right["0.bias"]}, "'7.bias' is of none"),
        )
    ):
        content = save({**right, **change})

        def with_checksum(record: dict[str, Any], content: bytes = content) -> None:
            record["checksums"]["probes.safetensors"] = hashlib.sha256(content).hexdigest()

        place = edited(tmp_path / "a", tmp_path / f"b{number}", with_checksum)
        (place / "probes.safetensors").write_bytes(content)
        with pytest.raises(InputError, match=message):
            pk.load_probes(place)
