"""Random control: the same architecture with random weights, one for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModel, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import ProbekitError
from probekit.reports.tables.scores import score_table

RUN: dict[str, Any] = {"fit_settings": pk.FitSettings(words=5_000), "progress": False}


@pytest.mark.slow
def test_it_is_the_random_model_of_each_seed(small: Corpus, tiny_bert: Path) -> None:
    scores = pk.probe(
        tiny_bert, ["pos", "coref"], corpus=small, seeds=2, random_control=True, **RUN
    )
    random = scores.table[scores.table["weights"] == "random"]
    trained = scores.table[scores.table["weights"] == "trained"].dropna(subset=["layer"])
    assert set(random["model"]) == {str(tiny_bert)}
    assert set(random["model_fingerprint"]) == set(trained["model_fingerprint"])
    assert len(random) == len(trained) == 2 * 4 * 2
    highest = []
    for seed in (0, 1):
        name = f"random:{tiny_bert}:{seed}"
        alone = pk.probe(name, "pos", corpus=small, seeds=[seed], **RUN)
        expected = alone.table.dropna(subset=["layer"]).set_index("layer")["score"]
        mine = random[(random["seed"] == seed) & (random["task"] == "pos")]
        found = mine.set_index("layer")["score"]
        assert found.tolist() == pytest.approx(expected.tolist(), abs=5e-3)
        highest.append(found)
    assert (highest[0] != highest[1]).any(), "each seed has weights of its own"
    best = scores.best().set_index("task")
    pos = random[random["task"] == "pos"].groupby("layer")[["score", "dev_score"]].mean()
    assert best.loc["pos", "random_weights"] == pytest.approx(
        pos["score"][pos["dev_score"].idxmax()]
    )
    shown = score_table(scores)
    headings = [column.heading for column in shown.columns]
    assert headings[headings.index("layer 0") + 1] == "random weights"
    cells = pk.heatmap(scores, digits=4).axes[0]
    labels = [label.get_text() for label in cells.get_xticklabels()]
    texts = [text.get_text() for text in cells.texts]
    assert "random\nweights" in labels
    assert {f"{score:.4f}" for score in best["random_weights"]} <= set(texts)
    figure = pk.lines(scores)
    for axes, task in zip(figure.axes, ("pos", "coref"), strict=False):
        (drawn,) = [line for line in axes.lines if str(line.get_label()).endswith("random weights")]
        means = random[random["task"] == task].groupby("layer")["score"].mean()
        assert np.asarray(drawn.get_ydata()).tolist() == pytest.approx(means.tolist())


def test_without_it_there_is_no_column(small: Corpus, tiny_bert: Path) -> None:
    scores = pk.probe(tiny_bert, "pos", corpus=small, layers=(1,), **RUN)
    assert "random_weights" not in scores.best()
    assert "random weights" not in [column.heading for column in score_table(scores).columns]


def test_that_of_a_random_model_is_as_good(small: Corpus, tiny_bert: Path) -> None:
    """The null control: weights without training are all alike."""
    scores = pk.probe(
        f"random:{tiny_bert}", "pos", corpus=small, seeds=3, random_control=True, **RUN
    )
    (best,) = scores.best().to_dict("records")
    assert best["random_weights"] == pytest.approx(best["score"], abs=0.05)
    trained = scores.table[scores.table["weights"] == "trained"].dropna(subset=["layer"])
    random = scores.table[scores.table["weights"] == "random"]
    assert sorted(trained["score"]) != sorted(random["score"]), "other weights"


def test_what_has_no_configuration_is_refused(
    small: Corpus, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = tmp_path / "x.vec"
    vectors.write_text("2 2\nthe 1 2\ncat 2 1\n")
    states = pk.extract(tiny_bert, small, layers=(0,), progress=False)
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    loaded = pk.LoadedModel(model, AutoTokenizer.from_pretrained(tiny_bert))
    monkeypatch.setattr("probekit.probes.plan.read_each", None)  # nothing is extracted
    for subject, message in ((vectors, "word vectors"), (states, "by name"), (loaded, "by name")):
        corpus = {} if subject is states else {"corpus": small}
        with pytest.raises(ProbekitError, match=message) as refused:
            pk.probe(subject, "pos", random_control=True, **corpus, **RUN)  # type: ignore[arg-type]
        assert "random_control" in str(refused.value)
        assert len(str(refused.value).splitlines()) == 1
