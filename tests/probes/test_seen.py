"""Scores by kinds of test instances: against a split by hand, and where there is a difference and
where there is none."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus, Passage, Split
from probekit.reports.tables.scores import unseen_lines
from probekit.tasks.question import ask
from probekit.tasks.task import load_task
from tests.made import SIZES, WORDS

QUICK = pk.FitSettings(words=5_000)


def noise(corpus: Corpus, seed: int = 0, dim: int = 8) -> dict[Split, np.ndarray]:
    """Two layers of vectors that say little of their words."""
    rng = np.random.default_rng(seed)
    found: dict[Split, np.ndarray] = {}
    for split in SPLITS:
        found[split] = rng.normal(size=(2, int(corpus.offsets(split)[-1]), dim))
    return found


@pytest.fixture(scope="module")
def scores(small: Corpus) -> pk.Scores:
    states = {
        context: pk.States.of(noise(small), small, context=context)
        for context in ("sentence", "document")
    }
    run: dict[str, Any] = {"seeds": 2, "fit_settings": QUICK, "progress": False}
    found = pk.probe(states["sentence"], ["pos", "dep"], **run)
    pairs = pk.probe(states["document"], "coref", **run)
    return pk.Scores(
        pd.concat([found.table, pairs.table], ignore_index=True),
        seen=pd.concat([found.seen, pairs.seen], ignore_index=True),
        instances=_joined(found.instances, pairs.instances),
        predicted=_joined(found.predicted, pairs.predicted),
    )


def _joined(one: Any, other: Any) -> Any:
    return type(one).from_pandas(
        pd.concat([one.to_pandas(), other.to_pandas()], ignore_index=True), schema=one.schema
    )


def instances_of(scores: pk.Scores, small: Corpus, task: str) -> pd.DataFrame:
    """What the probes of the best layer said of each test instance, and its kinds, by hand."""
    best = scores.best().set_index("task").loc[task]
    found = scores.predictions(task=task, probe="linear", layer=int(best["layer"]))
    times = Counter(w.lower() for p in small.splits["train"] for w in p.words)
    lengths = {p.id: len(p.words) for p in small.splits["test"]}
    starts, so_far = {}, 0
    for passage in small.splits["test"]:
        starts[passage.id] = so_far
        so_far += len(passage.words)
    rarest, distances = [], []
    for row in found.itertuples():
        words = f"{row.words} {row.words_2}".split()
        rarest.append(min(times[word.lower()] for word in words))
        apart = 0
        if row.sentence_2:
            first = starts[str(row.sentence)] + int(row.start)
            apart = starts[str(row.sentence_2)] + int(row.start_2) - first
        distances.append(abs(apart))
    trained = pairs_in_training(small, task)
    texts = zip(found["words"].str.lower(), found["words_2"].str.lower(), strict=True)
    return found.assign(
        frequency=rarest,
        length=found["sentence"].map(lengths),
        distance=distances,
        seen_pair=[pair in trained for pair in texts],
    )


def pairs_in_training(corpus: Corpus, task: str) -> set[tuple[str, ...]]:
    """The texts of all training instances, by hand."""
    words = [word.lower() for passage in corpus.splits["train"] for word in passage.words]
    found = set()
    for spans in ask(load_task(task), corpus).splits["train"].spans.tolist():
        found.add(tuple(" ".join(words[start:end]) for start, end in spans))
    return found


def is_in(frame: pd.DataFrame, kind: str, value: str) -> pd.Series:
    """Which instances a row of the table is of, from its texts."""
    if kind == "seen":
        return (frame["frequency"] > 0) == (value == "yes")
    if kind == "seen_pair":
        return frame["seen_pair"] == (value == "yes")
    low, _, high = value.removesuffix("+").partition("-")
    most = np.inf if value.endswith("+") else int(high or low)
    return frame[kind].between(int(low), most)


@pytest.mark.parametrize("task", ["pos", "dep", "coref"])
def test_every_row_is_that_of_a_split_by_hand(scores: pk.Scores, small: Corpus, task: str) -> None:
    frame = instances_of(scores, small, task)
    rows = scores.seen[scores.seen["task"] == task]
    kinds = {"seen", "frequency", "length"} | (
        {"distance", "seen_pair"} if task != "pos" else set()
    )
    assert set(rows["kind"]) == kinds
    for _, row in rows.iterrows():
        these = frame[is_in(frame, row["kind"], row["value"])]
        assert row["n_test"] == len(these) / 2, "two seeds"
        of_seeds = []
        for _, of_seed in these.groupby("seed"):
            if task == "coref":
                score = f1_score(of_seed["gold"], of_seed["predicted"], pos_label="same")
            else:
                score = (of_seed["gold"] == of_seed["predicted"]).mean()
            of_seeds.append(score)
        assert row["score"] == pytest.approx(np.mean(of_seeds), abs=1e-6)
        assert np.isnan(row["ci_low"]) or row["ci_low"] <= row["score"] <= row["ci_high"]


def test_slices_add_up_to_the_whole(scores: pk.Scores) -> None:
    """The frequency of unseen words is no bin of its own."""
    for _, best in scores.best().iterrows():
        rows = scores.seen[scores.seen["task"] == best["task"]]
        (n_test,) = scores.table[scores.table["task"] == best["task"]]["n_test"].unique()
        unseen = rows[(rows["kind"] == "seen") & (rows["value"] == "no")]
        for kind, of_kind in rows.groupby("kind"):
            parts = pd.concat([of_kind, unseen]) if kind == "frequency" else of_kind
            assert parts["n_test"].sum() == n_test
            if best["metric"] == "accuracy":
                whole = np.average(parts["score"], weights=parts["n_test"])
                assert whole == pytest.approx(best["score"], abs=1e-6)


def half_known(labels: str, known: bool) -> pk.Scores:
    """Half of the test words occur in training; vectors give away the labels of all words, or of
    these only; or labels are `shuffled`."""
    rng = np.random.default_rng(3)
    splits: dict[Split, list[Passage]] = {}
    values: dict[Split, np.ndarray] = {}
    for split, n in SIZES.items():
        kinds = rng.integers(0, 3, n * WORDS)
        is_new = (rng.random(n * WORDS) < 0.5) & (split == "test")
        words = np.where(is_new, "new", "old").astype(object) + kinds.astype(str)
        values[split] = rng.normal(size=(1, n * WORDS, 6))
        told = np.ones(n * WORDS, dtype=bool) if known else ~is_new
        values[split][0] += 8 * np.eye(6)[kinds] * told[:, None]
        tags = rng.permutation(kinds) if labels == "shuffled" else kinds
        splits[split] = []
        for number in range(n):
            part = slice(number * WORDS, (number + 1) * WORDS)
            about = (f"{split}-{number}", f"{split}-d{number}", tuple(words[part]))
            splits[split].append(Passage(*about, {"upos": tuple(map(str, tags[part]))}))
    corpus = Corpus("half", splits)
    return pk.probe(pk.States.of(values, corpus), "pos", fit_settings=QUICK, progress=False)


def unseen(scores: pk.Scores) -> pd.Series:
    seen = scores.seen
    return seen[(seen["kind"] == "seen") & (seen["value"] == "no")].iloc[0]


def test_unseen_words_that_score_lower_have_a_line() -> None:
    scores = half_known("gold", known=False)
    row = unseen(scores)
    assert row["score"] < 0.5 and -0.9 < row["difference_low"] < row["difference_high"] < -0.4
    (line,) = unseen_lines(scores)
    assert line.startswith(f"pos: {row['score']:.3f} where training lacks a word")
    assert f"(n = {row['n_test']:,})" in line


@pytest.mark.parametrize(("labels", "known"), [("shuffled", True), ("gold", True)])
def test_where_there_is_no_difference_none_is_told(labels: str, known: bool) -> None:
    scores = half_known(labels, known)
    row = unseen(scores)
    assert row["difference_low"] <= 0 <= row["difference_high"]
    assert (row["score"] < 0.5) == (labels == "shuffled")
    assert unseen_lines(scores) == []
