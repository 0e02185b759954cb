"""Feature-based transfer: the encoder stays as it is, and the head is what training on fresh states
makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, layer_norm
from transformers import AutoModel, AutoTokenizer, set_seed

import probekit as pk
from probekit.corpora.passage import Corpus, Passage, Split
from probekit.progress import silent
from probekit.tuning.bilstm_head import BilstmHead
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.features import Features, collated_sequences
from probekit.tuning.learner import Case, Learner
from probekit.tuning.mixed_head import HeadShape, MixedHead
from probekit.tuning.recipes import recipe_of
from probekit.tuning.recipes.frozen import Frozen
from probekit.tuning.trainer import TuningTrainer
from tests.tuning.made import case, few, trained, weights

RECIPES = ("frozen", "frozen-bilstm")


@pytest.mark.parametrize("name", RECIPES)
def test_no_byte_of_the_encoder_changes(
    name: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    of = case(tiny_bert, small)
    recipe = recipe_of(name, {})
    learner = recipe.open(of)
    trainer = TuningTrainer(recipe, of, learner, recipe.checkpoints(tmp_path))
    trainer.train()
    recipe.save(trainer, learner, tmp_path)
    for file in ("model.safetensors", "config.json"):
        assert (tmp_path / file).read_bytes() == (tiny_bert / file).read_bytes()
    assert (tmp_path / "head" / "checkpoint-5").is_dir()
    assert not list(tmp_path.glob("checkpoint-*"))


def fresh_states(folder: Path, corpus: Corpus, split: str) -> list[torch.Tensor]:
    """The states of each sentence's words from transformers itself, `(words, layers, width)`: the
    mean over the subwords of each word."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    model.eval()
    found = []
    for passage in corpus.splits[split]:  # type: ignore[index]
        read = tokenizer(list(passage.words), is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            states = torch.stack(model(**read, output_hidden_states=True).hidden_states, 2)[0]
        words = []
        for number in range(len(passage.words)):
            own = [i for i, word in enumerate(read.word_ids()) if word == number]
            words.append(states[own].mean(0))
        found.append(torch.stack(words))
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_it_equals_a_head_trained_on_fresh_states(
    name: str, tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    of = case(tiny_bert, small, epochs=3, rate=1e-2)
    recipe = recipe_of(name, {"dropout": 0})
    assert isinstance(recipe, Frozen)
    learner = recipe.open(of)
    trainer = TuningTrainer(recipe, of, learner, tmp_path / "a")
    trainer.train()
    items = {}
    for split, examples in of.data.splits.items():
        states = fresh_states(tiny_bert, few(small), split)
        labels = [one.tolist() for one in examples.labels]
        items[split] = Features(
            [{"features": [one], "labels": gold} for one, gold in zip(states, labels, strict=True)],
            [np.arange(len(gold)) for gold in labels],
            [len(gold) for gold in labels],
        )
    set_seed(0)
    head = recipe.head(HeadShape(4, 32, len(of.data.classes), 1, "words"))
    fresh = Learner(head, None, items, recipe.collated, learner.new, learner.files)
    other = TuningTrainer(recipe, of, fresh, tmp_path / "b")
    other.train()
    for weight, value in weights(trainer).items():
        # The store has halves.
        assert torch.allclose(value, weights(other)[weight], atol=0.01), weight
    assert (trainer.answers("test").said == other.answers("test").said).mean() > 0.99


def test_the_mix_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    head = MixedHead(HeadShape(3, 5, 2, 1, "texts"), 0.0)
    with torch.no_grad():
        head.scalars.copy_(torch.tensor([0.0, 1.0, -1.0]))
        head.gamma.copy_(torch.tensor(2.0))
    states = torch.randn(4, 1, 3, 5)
    weight = torch.tensor([0.0, 1.0, -1.0]).exp()
    weight = weight / weight.sum()
    mixed = sum(2 * weight[k] * layer_norm(states[:, 0, k], (5,)) for k in range(3))
    expected = head.head(mixed)
    found = head(states, torch.tensor([0, 1, 0, 1]))
    assert torch.allclose(found["logits"], expected, atol=1e-6)
    assert torch.allclose(found["loss"], cross_entropy(expected, torch.tensor([0, 1, 0, 1])))


def test_a_bilstm_reads_every_word_and_none_beyond() -> None:
    """It equals one that reads each text alone, whatever fills the batch up."""
    torch.manual_seed(0)
    for target, texts in (("words", 1), ("texts", 1), ("texts", 2)):
        head = BilstmHead(HeadShape(3, 5, 4, texts, target), 0.0, 6, 2).eval()  # type: ignore[arg-type]
        own, labels = [], []
        for i in range(4):
            own.append([torch.randn(2 + i + j, 3, 5) for j in range(texts)])
            labels.append([1] * (2 + i) if target == "words" else 1)
        items = [{"features": one, "labels": gold} for one, gold in zip(own, labels, strict=True)]
        batch = collated_sequences(items)
        batch["features"][0, 0, 2:] = 1e6  # beyond the first text
        found = head(**batch)["logits"]
        for i, item in enumerate(items):
            alone = head(**collated_sequences([item]))["logits"][0]
            of_it = found[i, : 2 + i] if target == "words" else found[i]
            assert torch.allclose(of_it, alone, atol=1e-5)


def without_positions(model: Path, folder: Path) -> Path:
    """The checkpoint with positions that are all alike: its states do not tell the order."""
    shutil.copytree(model, folder)
    loaded = AutoModel.from_pretrained(model)
    with torch.no_grad():
        loaded.embeddings.position_embeddings.weight.zero_()
    loaded.save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_it_learns_from_the_order_of_words_and_a_mean_does_not(
    tiny_bert: Path, tmp_path: Path
) -> None:
    """The label says which of two words comes first. Each text is there in both orders, whose
    states have the same mean."""
    model = without_positions(tiny_bert, tmp_path / "model")
    random = np.random.default_rng(0)
    for split, size in (("train", 150), ("dev", 30), ("test", 30)):
        rows = ["text,label"]
        for _ in range(size):
            words = random.choice(["the", "it", "was", "and", "of"], 6).tolist()
            one, other = sorted(random.choice(6, 2, replace=False).tolist())
            for label, pair in (("one", ("dog", "cat")), ("other", ("cat", "dog"))):
                words[one], words[other] = pair
                rows.append(f"{' '.join(words)},{label}")
        (tmp_path / f"{split}.csv").write_text("\n".join(rows))
    data = tmp_path / "data"
    data.mkdir()
    for path in tmp_path.glob("*.csv"):
        path.rename(data / path.name)
    score = {}
    for recipe in RECIPES:
        found = pk.finetune(
            model,
            data,
            recipe,
            out=tmp_path / recipe,
            settings=pk.TuningSettings(device="cpu", rate=5e-3, epochs=15),
            progress=False,
        )
        score[recipe] = found.score
    assert score["frozen-bilstm"] > 0.95 and score["frozen"] < 0.6


@pytest.mark.slow
def test_it_labels_words_by_those_before_them(tiny_bert: Path, tmp_path: Path) -> None:
    """The label of a word says whether a dog came before it."""
    model = without_positions(tiny_bert, tmp_path / "model")
    random = np.random.default_rng(0)
    splits: dict[Split, list[Passage]] = {}
    for split, size in (("train", 200), ("dev", 40), ("test", 40)):
        passages = []
        for i in range(size):
            words = random.choice(["the", "it", "was", "and", "of"], 8).tolist()
            place = int(random.integers(8))
            words[place] = "dog"
            tags = ["AFTER" if j > place else "BEFORE" for j in range(8)]
            passages.append(Passage(str(i), str(i), tuple(words), {"upos": tuple(tags)}))
        splits[split] = passages  # type: ignore[index]
    data = from_corpus(Corpus("planted", splits), "pos")
    score = {}
    for name in RECIPES:
        settings = pk.TuningSettings(device="cpu", rate=5e-3, epochs=10, batch=16)
        trainer, _ = trained(name, Case(str(model), data, settings, silent), tmp_path / name)
        score[name] = trainer.dev_score()
    assert score["frozen-bilstm"] > 0.97 and score["frozen"] < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("regression", [False, True])
def test_pairs_and_numbers(recipe: str, regression: bool, tiny_bert: Path, tmp_path: Path) -> None:
    rows = ["a,b,label"]
    for i in range(60):
        rows.append(f"the {'dog' if i % 2 else 'cat'} {i},it was {i % 7},{i % 2}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    found = pk.finetune(
        tiny_bert,
        tmp_path / "pairs.csv",
        recipe,
        out=tmp_path / "out",
        text="a,b",
        regression=regression,
        settings=pk.TuningSettings(device="cpu"),
        progress=False,
    )
    assert found.score > (0.5 if regression else 0.7)
