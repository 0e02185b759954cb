"""Scores on other corpora: a copy scores as the corpus itself, and dev as dev."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus, Passage
from probekit.errors import ProbekitError

RUN: dict[str, Any] = {
    "fit_settings": pk.FitSettings(words=5_000),
    "layers": (1, 3),
    "progress": False,
}


@pytest.fixture(scope="module")
def copy(small: Corpus) -> Corpus:
    return replace(small, name="copy")


def here_and_there(scores: pk.Scores) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the corpus trained on, and of the one tested."""
    rows = scores.table[scores.table["labels"] == "gold"]
    rows = rows.sort_values(["task", "probe", "layer", "seed"])
    is_there = rows["test_fingerprint"] != ""
    return rows[~is_there], rows[is_there]


@pytest.mark.slow
def test_a_copy_scores_as_the_corpus_itself(small: Corpus, copy: Corpus, tiny_bert: Path) -> None:
    """Also beside control labels, which are trained in the same passes."""
    scores = pk.probe(
        tiny_bert,
        ["pos", "dep", "coref"],
        corpus=small,
        test_corpus=copy,
        seeds=2,
        control=True,
        probes=["linear", "mlp"],
        **RUN,
    )
    here, there = here_and_there(scores)
    assert len(here) == len(there) == 3 * (2 + 2 * 2 * 2)
    assert set(here["test_corpus"]) == {"small"} and set(there["test_corpus"]) == {"copy"}
    same = ["task", "corpus", "probe", "layer", "seed", "n_test", "dev_score"]
    pd.testing.assert_frame_equal(
        here[same].reset_index(drop=True), there[same].reset_index(drop=True)
    )
    for name in ("score", "ci_low", "ci_high"):
        assert here[name].tolist() == pytest.approx(there[name].tolist(), abs=2e-3)
    best = scores.best()
    elsewhere = scores.elsewhere()
    assert len(best) == len(elsewhere) == 6
    assert elsewhere["test_score"].tolist() == pytest.approx(best["score"].tolist(), abs=2e-3)
    for name in ("lexical", "majority"):
        assert elsewhere[name].tolist() == best[name].tolist()
    of_copy = scores.seen["test_corpus"] == "copy"
    assert len(scores.seen[of_copy]) == len(scores.seen[~of_copy])


def test_dev_as_another_corpus_scores_as_dev(small: Corpus, tiny_bert: Path) -> None:
    other = Corpus("other", {**small.splits, "test": small.splits["dev"]})
    scores = pk.probe(tiny_bert, "pos", corpus=small, test_corpus=[other], **RUN)
    _, there = here_and_there(scores)
    probed = there.dropna(subset=["layer"])
    assert probed["score"].tolist() == pytest.approx(probed["dev_score"].tolist(), abs=2e-3)
    # The baselines are those of the training corpus: scored on dev by hand.
    most = pd.Series(tags(small, "train")).mode()[0]
    majority = there[there["probe"] == "majority"]["score"].item()
    assert majority == pytest.approx((pd.Series(tags(small, "dev")) == most).mean(), abs=1e-6)


def tags(corpus: Corpus, split: Any) -> list[str]:
    return [str(tag) for passage in corpus.splits[split] for tag in passage.tags["upos"]]


def test_the_corpus_itself_may_be_tested(small: Corpus, tiny_bert: Path) -> None:
    states = pk.extract(tiny_bert, small, layers=(1, 3), progress=False)
    settings = RUN["fit_settings"]
    scores = pk.probe(states, "pos", test_corpus=small, fit_settings=settings, progress=False)
    here, there = here_and_there(scores)
    assert there["score"].tolist() == pytest.approx(here["score"].tolist(), abs=2e-3)
    assert len(scores.best()) == len(scores.elsewhere()) == 1


def test_labels_that_training_lacks_count_as_wrong(small: Corpus, tiny_bert: Path) -> None:
    passages = list(small.splits["test"])
    n = sum(len(passage.words) for passage in passages)
    new = []
    for passage in passages[:10]:
        labels = {**passage.tags, "upos": ("<NEW>",) * len(passage.words)}
        new.append(Passage(passage.id, passage.document, passage.words, labels))
    n_new = sum(len(passage.words) for passage in new)
    other = Corpus("other", {**small.splits, "test": [*new, *passages[10:]]})
    scores = pk.probe(tiny_bert, "pos", corpus=small, test_corpus=other, **RUN)
    (warning,) = [line for line in scores.warnings if "training lacks" in line and "other" in line]
    known = set(tags(small, "train"))
    unknown = sum(tag not in known for tag in tags(other, "test"))
    assert n_new <= unknown < n_new + 10
    assert f"{unknown / n:.1%} of the {n:,} test instances" in warning and "<NEW>" in warning
    rest = Corpus("rest", {**small.splits, "test": passages[10:]})
    whole = pk.probe(tiny_bert, "pos", corpus=small, test_corpus=rest, **RUN)
    _, with_new = here_and_there(scores)
    _, without = here_and_there(whole)
    expected = without["score"] * (n - n_new) / n
    assert with_new["score"].tolist() == pytest.approx(expected.tolist(), abs=2e-3)


def bare(corpus: Corpus) -> Corpus:
    """Words without annotation but `upos`."""
    splits: dict[Any, list[Passage]] = {}
    for split, passages in corpus.splits.items():
        splits[split] = []
        for one in passages:
            tags = {"upos": one.tags["upos"]}
            splits[split].append(Passage(one.id, one.document, one.words, tags))
    return Corpus("bare", splits)


def test_what_cannot_be_tested_is_refused_before_any_work(
    small: Corpus, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probekit.probes.plan.read_each", None)  # nothing is extracted
    with pytest.raises(ProbekitError, match="'bare' cannot carry the task 'dep'") as refused:
        pk.probe(tiny_bert, ["pos", "dep"], corpus=small, test_corpus=bare(small), **RUN)
    assert len(str(refused.value).splitlines()) == 1 and "test_corpus" in str(refused.value)
    vectors = {}
    for split in small.splits:
        vectors[split] = np.ones((1, int(small.offsets(split)[-1]), 2))
    given = pk.States.of(vectors, small)
    with pytest.raises(ProbekitError, match="test_corpus='small': 'given vectors'") as refused:
        pk.probe(given, "pos", test_corpus=small, progress=False)
    assert len(str(refused.value).splitlines()) == 1


def test_of_all_tasks_those_that_can_be_tested_are(small: Corpus, tiny_bert: Path) -> None:
    scores = pk.probe(tiny_bert, "all", corpus=small, test_corpus=bare(small), **RUN)
    assert scores.elsewhere()["task"].tolist() == ["pos"]
    assert any("dep: not tested on 'bare'" in line for line in scores.warnings)


def test_all_of_a_single_file_is_tested(small: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    """As a corpus it would be divided, and a tenth of it tested."""
    sentences = small.splits["test"][:30]
    lines = []
    for sentence in sentences:
        for number, word in enumerate(sentence.words):
            tag = sentence.tags["upos"][number]
            lines.append(f"{number + 1}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_")
        lines.append("")
    path = tmp_path / "mine.conllu"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    scores = pk.probe(tiny_bert, "pos", corpus=small, test_corpus=path, **RUN)
    _, there = here_and_there(scores)
    assert set(there["n_test"]) == {sum(len(sentence.words) for sentence in sentences)}
    assert not [warning for warning in scores.warnings if "is one file" in warning]
