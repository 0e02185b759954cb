"""Evaluation: a metric is one entry, and counts add up over the groups of a task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.probes.baselines import BASELINES
from probekit.probes.evaluate import task_counts, task_scores
from probekit.probes.fit import fit
from probekit.stats.metrics import METRICS, Metric, sum_groups
from probekit.tasks.question import Question
from tests.made import SIZES, WORDS, made_corpus, made_states

QUICK = pk.FitSettings(words=5_000)


def count_recalled(
    predicted: np.ndarray,
    gold: np.ndarray,
    groups: np.ndarray,
    positive: int | None,
) -> np.ndarray:
    """Correct predictions and instances of each gold label: `(cells, groups, 2 * labels)`."""
    columns = []
    for label in np.unique(gold):
        true = np.broadcast_to(gold == label, predicted.shape)
        columns.append(sum_groups(true & (predicted == label), groups))
        columns.append(sum_groups(true, groups))
    return np.stack(columns, axis=-1)


def mean_recall(counts: np.ndarray) -> np.ndarray:
    """The mean over the labels that occur in gold."""
    correct, every = counts[..., 0::2], counts[..., 1::2]
    recall = correct / every.clip(min=1)
    return recall.sum(axis=-1) / (every > 0).sum(axis=-1).clip(min=1)


BALANCED = Metric(
    name="balanced_accuracy",
    label="balanced",
    meaning="the mean of the labels' recall",
    source="Brodersen et al. 2010",
    counts=count_recalled,
    score=mean_recall,
)


def skewed(seed: int) -> tuple[Corpus, pk.States]:
    """Three labels, one of which is most of them, and vectors that half give them away."""
    rng = np.random.default_rng(seed)
    labels, values = {}, {}
    for split, passages in SIZES.items():
        labels[split] = rng.choice(3, size=passages * WORDS, p=[0.8, 0.15, 0.05])
        noise = rng.normal(size=(2, passages * WORDS, 6))
        values[split] = noise + 1.5 * np.eye(6)[labels[split]]
    corpus = made_corpus(labels)
    return corpus, made_states(corpus, values)


def test_a_metric_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one is known to task files, probes, tables and pictures, and is scikit-learn's."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "x"\nannotation = "upos"\nshape = "word"\nmetric = "balanced_accuracy"\n'
    )
    with pytest.raises(pk.ProbekitError, match="unknown metric 'balanced_accuracy'"):
        pk.load_task(path)
    monkeypatch.setitem(METRICS, BALANCED.name, BALANCED)
    task, (corpus, states) = pk.load_task(path), skewed(1)
    scores = pk.probe(states, task, seeds=2, fit_settings=QUICK)
    data = pk.ask(task, corpus)
    (fitted,) = fit(states, [data], seeds=(0, 1), settings=QUICK)
    gold = {split: data.splits[split].labels for split in SPLITS}
    predicted = {name: baseline(data, corpus) for name, baseline in BASELINES.items()}
    assert (scores.table["metric"] == BALANCED.name).all()
    for _, row in scores.table.iterrows():
        if row["probe"] in BASELINES:
            answers = predicted[row["probe"]]
        else:
            place = int(row["layer"]), int(row["seed"])
            answers, dev_answers = fitted.predictions[place], fitted.dev_predictions[place]
            dev_score = balanced_accuracy_score(gold["dev"], dev_answers)
            assert row["dev_score"] == pytest.approx(dev_score)
            assert row["score"] < (answers == gold["test"]).mean()  # the rare labels are harder
        assert row["score"] == pytest.approx(balanced_accuracy_score(gold["test"], answers))
        assert row["ci_low"] <= row["score"] <= row["ci_high"]
    panel, _ = pk.heatmap(scores).axes
    assert "mine (balanced)" in [text.get_text() for text in panel.get_yticklabels()]


def test_counts_add_up_over_the_groups_and_keep_the_shape() -> None:
    corpus, _ = skewed(2)
    task = pk.Task(name="x", title="", annotation="upos", shape="word", metric="f1", positive="2")
    data: Question = pk.ask(task, corpus)
    predicted = np.random.default_rng(3).integers(0, 3, size=(2, 4, len(data.splits["dev"])))
    counts = task_counts(data, "dev", predicted)
    assert counts.shape == (2, 4, SIZES["dev"], 3)
    true = data.splits["dev"].labels == 2
    assert (counts[..., 0].sum(axis=-1) == ((predicted == 2) & true).sum(axis=-1)).all()
    scores = task_scores(data, "dev", predicted)
    assert scores.shape == (2, 4)
    assert scores[1, 3] == task_scores(data, "dev", predicted[1, 3])
