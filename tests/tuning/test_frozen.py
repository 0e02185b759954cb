"""Feature-based transfer: the encoder stays as it is, and the head is what training on fresh states
makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, layer_norm
from transformers import AutoModel, AutoTokenizer, set_seed

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.tuning.features import Features, collated
from probekit.tuning.learner import Learner
from probekit.tuning.mixed_head import MixedHead
from probekit.tuning.recipes import recipe_of
from probekit.tuning.trainer import TuningTrainer
from tests.tuning.made import case, few, weights


def test_no_byte_of_the_encoder_changes(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    of = case(tiny_bert, small)
    recipe = recipe_of("frozen", {})
    learner = recipe.open(of)
    trainer = TuningTrainer(recipe, of, learner, recipe.checkpoints(tmp_path))
    trainer.train()
    recipe.save(trainer, learner, tmp_path)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / name).read_bytes() == (tiny_bert / name).read_bytes()
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


def test_it_equals_a_head_trained_on_fresh_states(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    of = case(tiny_bert, small, epochs=3, rate=1e-2)
    recipe = recipe_of("frozen", {"dropout": 0})
    learner = recipe.open(of)
    trainer = TuningTrainer(recipe, of, learner, tmp_path / "a")
    trainer.train()
    items = {}
    for split, examples in of.data.splits.items():
        states = fresh_states(tiny_bert, few(small), split)
        labels = [one.tolist() for one in examples.labels]
        items[split] = Features(
            [{"features": one, "labels": gold} for one, gold in zip(states, labels, strict=True)],
            [np.arange(len(gold)) for gold in labels],
            [len(gold) for gold in labels],
        )
    set_seed(0)
    head = MixedHead(4, 32, len(of.data.classes), 1, "words", 0.0)
    fresh = Learner(head, None, items, collated, learner.new, learner.files)
    other = TuningTrainer(recipe, of, fresh, tmp_path / "b")
    other.train()
    for name, value in weights(trainer).items():
        assert torch.allclose(value, weights(other)[name], atol=0.01), name  # the store has halves
    assert (trainer.answers("test").said == other.answers("test").said).mean() > 0.99


def test_the_mix_is_that_of_the_paper() -> None:
    torch.manual_seed(0)
    head = MixedHead(3, 5, 2, 1, "texts", 0.0)
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


@pytest.mark.parametrize("regression", [False, True])
def test_pairs_and_numbers(regression: bool, tiny_bert: Path, tmp_path: Path) -> None:
    rows = ["a,b,label"]
    for i in range(60):
        rows.append(f"the {'dog' if i % 2 else 'cat'} {i},it was {i % 7},{i % 2}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    found = pk.finetune(
        tiny_bert,
        tmp_path / "pairs.csv",
        "frozen",
        out=tmp_path / "out",
        text="a,b",
        regression=regression,
        settings=pk.TuningSettings(device="cpu"),
        progress=False,
    )
    assert found.score > (0.5 if regression else 0.7)
