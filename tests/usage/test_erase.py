"""Erasing a task's subspace while a model runs: what must break, and what must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer, BertForTokenClassification

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, TaskError
from probekit.models.intervene import blocks_of
from probekit.models.model import open_model
from probekit.probes.evaluate import task_scores
from probekit.probes.fit import fit
from probekit.progress import silent
from probekit.states.extract import extract_from
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.usage.asked import require_running
from probekit.usage.erased import Erased
from probekit.usage.eraser import Eraser
from probekit.usage.erasers import erasers_of
from probekit.usage.erasure import Erasure, label_of
from probekit.usage.moments import moments
from probekit.usage.running import Running
from tests.made import SIZES, made_corpus, made_states

QUICK = pk.FitSettings(words=20_000)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, small: Corpus, tiny_bert: Path) -> Erasure:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBEKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return pk.erase(tiny_bert, "pos", "dep", corpus=small, fit_settings=QUICK, progress=False)


def rows(found: Erasure, **wanted: Any) -> pd.DataFrame:
    table = found.table
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table


def test_a_row_for_each_layer_erasure_and_thing_measured(found: Erasure) -> None:
    assert found.task == "pos"
    assert found.table["erased"].unique().tolist() == ["pos", "random", "control:pos"]
    clean = rows(found, probe="clean", erased="pos", affected="pos")
    pairs = list(zip(clean["layer"], clean["read_at"], strict=True))
    assert pairs == [(k, at) for k in range(4) for at in range(k, 4)]
    retrained = rows(found, probe="retrained", erased="random", affected="dep")
    assert retrained["layer"].tolist() == retrained["read_at"].tolist() == [0, 1, 2, 3]
    of_task, of_random = rows(found, erased="pos"), rows(found, erased="random")
    assert of_task["rank"].tolist() == of_random["rank"].tolist()
    assert (found.table["seeds"] == 1).all()
    np.testing.assert_allclose(
        found.table["score_after"] - found.table["score_before"], found.table["change"], atol=2e-6
    )
    assert (found.table["p_adjusted"] >= found.table["p_value"]).all()


def test_erasing_the_task_breaks_it_and_a_random_subspace_does_not(found: Erasure) -> None:
    of_task = rows(found, erased="pos", affected="pos", probe="retrained")
    of_random = rows(found, erased="random", affected="pos", probe="retrained")
    assert (of_task["change"] < -0.15).all() and (of_task["ci_high"] < -0.05).all()
    # A third of the dimensions of a tiny model: they are missed a little.
    assert (of_random["change"].to_numpy() > of_task["change"].to_numpy() / 2).all()


def test_with_several_seeds_each_has_its_own_random_subspace(
    small: Corpus, tiny_bert: Path
) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    question = pk.ask(pk.load_task("pos"), small)
    of_task, of_random, _ = erasers_of(states, question, [1], (0, 1))[0]
    assert len(of_task.of_layers[1]) == 1
    one, other = of_random.of_layers[1]
    assert one.rank == other.rank == of_task.of_layers[1][0].rank
    assert not torch.allclose(one.left @ one.right, other.left @ other.right, atol=0.1)
    found = pk.erase(
        tiny_bert, "pos", corpus=small, layers=1, seeds=2, fit_settings=QUICK, progress=False
    )
    assert (found.table["seeds"] == 2).all() and len(found.table) == 3 * 4


def test_the_sentences_name_the_layer_and_what_random_dimensions_change(found: Erasure) -> None:
    sentences = found.sentences
    assert len(sentences) == 2
    for sentence, task in zip(sentences, ("pos", "dep"), strict=True):
        assert sentence.startswith("Erasing pos at layer ") and f" of {task} at layer 3" in sentence
        assert "; random " in sentence and "; control:pos " in sentence


def test_the_summary_has_the_last_layer_and_the_task_retrained(found: Erasure) -> None:
    labels = {label_of(row) for _, row in found.summary().iterrows()}
    assert labels == {"pos at 3", "dep at 3", "pos, retrained"}


# Truth: after LEACE a linear probe is at its majority baseline, on train's own moments.


def on_its_own_moments(seed: int = 0) -> tuple[Question, States]:
    """A task whose test and dev words are those of training; its labels lie in six of twenty
    dimensions, and half of them are one label."""
    rng = np.random.default_rng(seed)
    n = 4_000
    labels = rng.choice(["a", "b", "c", "d"], size=n, p=[0.5, 0.2, 0.2, 0.1])
    numbers = np.searchsorted(["a", "b", "c", "d"], labels)
    centres = rng.standard_normal((4, 20)) * (np.arange(20) < 6)
    values = (2 * centres[numbers] + rng.standard_normal((n, 20)))[None]
    every: Any = dict.fromkeys(SIZES, labels)
    corpus = made_corpus(every)
    states = made_states(corpus, dict.fromkeys(SIZES, values))
    return pk.ask(pk.load_task("pos"), corpus), states


@pytest.mark.slow
def test_a_probe_trained_after_leace_is_at_the_majority() -> None:
    question, states = on_its_own_moments()
    kinds, _ = erasers_of(states, question, [0], (0,))
    before = fit(states, [question])[0]
    assert task_scores(question, "test", before.predictions).min() > 0.8
    scores = {}
    for kind in kinds:
        erased = Erased(states, {0: kind.of_layers[0][0]})
        scores[kind.name] = float(
            task_scores(question, "test", fit(erased, [question])[0].predictions)[0, 0]
        )
    majority = float((question.splits["test"].labels == 0).mean())
    half = 1.96 * np.sqrt(majority * (1 - majority) / 4_000)
    assert abs(scores["pos"] - majority) <= half
    assert scores["random"] > 0.7


def test_each_part_of_a_pair_is_erased(small: Corpus, tiny_bert: Path) -> None:
    states = pk.extract(tiny_bert, small, progress=False)
    question = pk.ask(pk.load_task("dep"), small)
    kinds, _ = erasers_of(states, question, [2], (0,))
    erased = Erased(states, {2: kinds[0].of_layers[2][0]})
    one_hot = np.eye(len(question.classes))[question.splits["train"].labels]
    before, after = (moments(one, question, one_hot, 2) for one in (states, erased))
    assert before.cross.shape == (32, 2 * len(question.classes))
    assert before.cross.abs().max() > 0.01 and after.cross.abs().max() < 1e-5
    assert len(kinds[0].of_layers[2]) == 1 and kinds[1].name == "random"


# Truth: what the model makes of it.


class Nothing:
    """An eraser that erases nothing."""

    rank = 0

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        return states

    def to(self, device: torch.device) -> Nothing:
        return self


def test_erasing_nothing_changes_nothing(small: Corpus, tiny_bert: Path) -> None:
    settings = pk.ExtractSettings()
    model = require_running(open_model(str(tiny_bert), settings.encoder))
    states = extract_from(model, small, "sentence", settings, silent)
    running = Running(model, states)
    n_words = int(small.offsets("test")[-1])
    nothing: Any = Nothing()
    for layer in range(4):
        after = running.after(layer, nothing).read("test", 0, n_words, range(4))
        np.testing.assert_allclose(after, states.numpy("test"), atol=4e-3)


def test_the_layers_above_are_computed_from_erased_words(small: Corpus, tiny_bert: Path) -> None:
    """As with plain transformers, where the states between two blocks are replaced by hand."""
    settings = pk.ExtractSettings(store_dtype="float32")
    model = require_running(open_model(str(tiny_bert), settings.encoder))
    states = extract_from(model, small, "sentence", settings, silent)
    question = pk.ask(pk.load_task("pos"), small)
    (eraser,) = erasers_of(states, question, [1], (0,))[0][0].of_layers[1]
    n_words = int(small.offsets("test")[-1])
    found = Running(model, states).after(1, eraser).read("test", 0, n_words, range(4))
    np.testing.assert_array_equal(found[0], states.numpy("test", 0))
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    bert = BertForTokenClassification.from_pretrained(tiny_bert, attn_implementation="eager").bert
    bert.eval()
    start = 0
    for passage in small.splits["test"][:10]:
        read = tokenizer(" ".join(passage.words), return_tensors="pt")
        owners = read.word_ids()
        with torch.inference_mode():
            hidden = bert(**read, output_hidden_states=True).hidden_states[1]
            hidden[:, 1:-1] = eraser(hidden[:, 1:-1])
            of_words = [hidden]
            for block in bert.encoder.layer[1:]:
                output = block(of_words[-1])
                of_words.append(output[0] if isinstance(output, tuple) else output)
        # Words of one subword, where the tokenizer's words are the corpus'.
        if owners[1:-1] == list(range(len(passage.words))):
            for layer, state in enumerate(of_words, start=1):
                np.testing.assert_allclose(
                    found[layer, start : start + len(passage.words)], state[0, 1:-1], atol=1e-4
                )
        start += len(passage.words)


class Reruns:
    """A model that reads the test split again, and how often its first block ran in that."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        settings = pk.ExtractSettings(store_dtype="float32")
        model = require_running(open_model(str(folder), settings.encoder))
        self.states = extract_from(model, corpus, "sentence", settings, silent)
        self.running = Running(model, self.states)
        self.blocks, self.ran = blocks_of(model.encoder), 0
        next(self.blocks.every[0].children()).register_forward_hook(self._count)

    def _count(self, *given: Any) -> None:
        self.ran += 1

    def after(self, layers: Sequence[int]) -> list[np.ndarray]:
        """The vectors of all layers, with a direction erased from one after another of `layers`."""
        axis = torch.nn.functional.normalize(torch.ones(self.states.dim, 1), dim=0)
        n_words = int(self.states.corpus.offsets("test")[-1])
        found = []
        for layer in layers:
            after = self.running.after(layer, Eraser(axis[:, 0], axis, axis.T))
            found.append(after.read("test", 0, n_words, range(self.states.n_layers)))
        return found


ORDER = (1, 2, 2, 0, 2, 1)  # also down again


@pytest.mark.parametrize(
    "family", ["bert", "roberta", "gpt2", "llama", "bloom", "deberta-v2", "mpnet", "xlnet"]
)
def test_a_model_begins_at_the_layer_changed(
    family: str, families: Callable[..., Path], small: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Reruns(families(family), small)
    found = begun.after(ORDER)
    monkeypatch.setattr("probekit.usage.kept_states.why_not", lambda encoder: "is not to")
    whole = Reruns(families(family), small)
    for one, other in zip(found, whole.after(ORDER), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    # For the states that are kept of layer 1, what follows layer 0, and layers 2 and 1 again.
    assert whole.ran > 0 and begun.ran == whole.ran * 4 // len(ORDER)


def test_a_family_that_cannot_begin_above_runs_all_of_its_blocks(
    families: Callable[..., Path], small: Corpus
) -> None:
    found = Reruns(families("t5"), small)
    after, again = found.after([1, 1])
    np.testing.assert_array_equal(after, again)
    assert np.abs(after[2] - found.states.numpy("test", 2)).max() > 1e-3


# Truth: a head, and a direction that it uses, or does not see.


def with_head(folder: Path, tiny_bert: Path, question: Question, corpus: Corpus) -> Path:
    """A checkpoint with a head of the task's labels, trained by closed form on the last layer."""
    model = BertForTokenClassification.from_pretrained(tiny_bert, num_labels=len(question.classes))
    states = pk.extract(tiny_bert, corpus, layers=3, subwords="first", progress=False)
    x = states.numpy("train", 3).astype(np.float64)
    gold = np.eye(len(question.classes))[question.splits["train"].labels]
    wide = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    weights = np.linalg.lstsq(wide, gold, rcond=None)[0]
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(weights[:-1].T))
        model.classifier.bias.copy_(torch.from_numpy(weights[-1]))
    model.config.id2label = dict(enumerate(question.classes))
    model.config.label2id = {label: number for number, label in enumerate(question.classes)}
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    return folder


@pytest.fixture
def tagger(tmp_path: Path, tiny_bert: Path, brief: Path) -> tuple[Path, Corpus]:
    """A checkpoint with a head for the parts of speech of a corpus."""
    corpus = pk.load_corpus(brief)
    question = pk.ask(pk.load_task("pos"), corpus)
    return with_head(tmp_path / "tagger", tiny_bert, question, corpus), corpus


def head_rows(found: Erasure) -> pd.DataFrame:
    return rows(found, affected="head").set_index("erased")


@pytest.mark.slow
def test_a_head_breaks_where_its_task_is_erased(tagger: tuple[Path, Corpus], brief: Path) -> None:
    folder, corpus = tagger
    found = pk.erase(
        folder,
        "pos",
        corpus=corpus,
        data=f"{brief}:pos",
        layers=3,
        fit_settings=QUICK,
        progress=False,
    )
    of_head = head_rows(found)
    assert of_head["read_at"].isna().all() and (of_head["probe"] == "").all()
    assert of_head.loc["pos", "change"] < -0.1 and of_head.loc["pos", "p_adjusted"] < 0.05
    assert abs(of_head.loc["random", "change"]) < abs(of_head.loc["pos", "change"]) / 2
    assert (of_head["majority"] < of_head["score_before"]).all()
    assert any("its head" in sentence for sentence in found.sentences)


class Directions:
    """The head's own directions in the last layer, and those that it cannot see."""

    def __init__(self, folder: Path) -> None:
        weight = BertForTokenClassification.from_pretrained(folder).classifier.weight.detach()
        _, sizes, axes = torch.linalg.svd(weight)
        rank = int((sizes > 1e-5).sum())
        self.seen, self.unseen = axes[:rank].T, axes[rank:].T


def orthogonal(axes: torch.Tensor) -> Eraser:
    return Eraser(torch.zeros(len(axes)), axes, axes.T)


def test_a_subspace_that_the_head_cannot_see_changes_nothing(
    tagger: tuple[Path, Corpus], brief: Path
) -> None:
    from probekit.usage.head import open_head

    folder, _ = tagger
    head, _ = open_head(str(folder), f"{brief}:pos", pk.ExtractSettings(), 3, silent)
    assert head is not None
    directions = Directions(folder)
    assert directions.unseen.shape[1] >= 10
    before = head.said()
    np.testing.assert_array_equal(head.said(3, orthogonal(directions.unseen)), before)
    after = head.said(3, orthogonal(directions.seen))
    assert len(np.unique(after)) == 1  # only the bias is left
    assert len(np.unique(before)) > 5
    np.testing.assert_array_equal(head.said(), before)


def test_a_planted_direction_breaks_the_head_and_a_random_one_does_not(
    tagger: tuple[Path, Corpus], brief: Path
) -> None:
    """The head reads one direction only, which tells two labels apart."""
    from probekit.usage.head import open_head

    folder, corpus = tagger
    states = pk.extract(folder, corpus, layers=3, progress=False)
    mean = torch.from_numpy(states.numpy("train", 3).astype(np.float32).mean(axis=0))
    planted, *others = (direction(seed) for seed in range(6))
    model = BertForTokenClassification.from_pretrained(folder)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.weight[0] = planted[:, 0]
        model.classifier.bias.fill_(-100)
        model.classifier.bias[0] = -(mean @ planted)[0]
        model.classifier.bias[1] = 1e-3  # without the direction, always the second label
    model.save_pretrained(folder)
    head, _ = open_head(str(folder), f"{brief}:pos", pk.ExtractSettings(), 3, silent)
    assert head is not None
    before = head.said()
    assert 0.2 < (before == 0).mean() < 0.8
    after = head.said(3, Eraser(mean, planted, planted.T))
    assert (after == 1).all()
    changed = [(head.said(3, Eraser(mean, one, one.T)) != before).mean() for one in others]
    assert np.mean(changed) < (after != before).mean() / 3


def direction(seed: int) -> torch.Tensor:
    """A random direction, `(32, 1)`."""
    drawn = torch.randn(32, 1, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=0)


def test_the_data_of_finetune_are_found(tagger: tuple[Path, Corpus], brief: Path) -> None:
    from probekit.usage.head import open_head

    folder, _ = tagger
    head, warnings = open_head(str(folder), None, pk.ExtractSettings(), 3, silent)
    assert head is None and "is not measured: say what it labels" in warnings[0]
    asked = {"data": f"{brief}:pos", "columns": {}, "settings": {"longest": 16}}
    (folder / "finetune.json").write_text(json.dumps(asked))
    head, _ = open_head(str(folder), None, pk.ExtractSettings(), 3, silent)
    assert head is not None and max(head.learner.data["test"].lengths) == 16


# Bad input.


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": (4,)}, r"has no layer 4: its layers are 0 \(the embeddings\) to 3"),
        ({"site": "attn"}, "site='residual'"),
        ({"data": "sample:pos"}, "has no classification head that could be measured"),
        ({"tasks": "coref"}, "'coref' reads documents and 'pos' sentences"),
        ({"tasks": "depth"}, "structural tasks"),
        ({"task": "coref"}, "by product"),
    ],
)
def test_what_cannot_be_erased_is_refused(
    given: dict[str, Any], message: str, small: Corpus, tiny_bert: Path
) -> None:
    arguments: dict[str, Any] = {"task": "pos", "corpus": small, "progress": False}
    if "site" in given:
        given = {"extract_settings": pk.ExtractSettings(encoder=pk.EncoderSettings(site="attn"))}
    with pytest.raises((InputError, TaskError), match=message) as refused:
        pk.erase(tiny_bert, **{**arguments, **given})
    assert len(str(refused.value).splitlines()) == 1


def test_a_task_with_one_label_is_refused(tiny_bert: Path) -> None:
    labels: Any = {split: np.full(n, "x") for split, n in SIZES.items()}
    with pytest.raises(TaskError, match="one label only"):
        pk.erase(tiny_bert, "pos", corpus=made_corpus(labels), progress=False)


def test_static_vectors_are_refused(small: Corpus, tmp_path: Path) -> None:
    words = sorted({word for passage in small.splits["train"] for word in passage.words})
    lines = [f"{word} 0.5 {number % 7}" for number, word in enumerate(words)]
    path = tmp_path / "vectors.txt"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="holds word vectors"):
        pk.erase(path, "pos", corpus=small, progress=False)


def test_a_span_read_by_attention_is_refused(small: Corpus, tiny_bert: Path) -> None:
    task = replace(pk.load_task("srl"), span="attention")
    with pytest.raises(InputError, match="by attention"):
        pk.erase(tiny_bert, task, corpus=small, progress=False)


def test_a_head_of_other_labels_is_refused(tagger: tuple[Path, Corpus], brief: Path) -> None:
    from probekit.usage.head import open_head

    folder, _ = tagger
    with pytest.raises(InputError, match="has other labels"):
        open_head(str(folder), f"{brief}:genre", pk.ExtractSettings(), 3, silent)


def test_a_loaded_model_is_not_changed(small: Corpus, tiny_bert: Path) -> None:
    model = BertForTokenClassification.from_pretrained(tiny_bert)
    before: Sequence[torch.Tensor] = [one.clone() for one in model.parameters()]
    found = pk.erase(model, "pos", corpus=small, layers=1, fit_settings=QUICK, progress=False)
    assert set(found.table["layer"]) == {1}
    for one, other in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(one, other)
    assert not any(module._forward_pre_hooks for module in model.modules())
