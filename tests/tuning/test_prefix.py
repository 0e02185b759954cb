"""Prefixes: the base stays as it is, what was trained is what is read afterwards, and models that
cannot have one are refused before training."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, Trainer, TrainingArguments

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.tuning.data import Data, Examples
from probekit.tuning.recipes import recipe_of
from tests.families import make_family
from tests.tuning.made import case, few, on_disk, trained
from tests.tuning.test_recipes import TINY, corpus_file


def test_the_prefix_and_the_head_are_trained_and_nothing_else(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    of = case(tiny_bert, small)
    trainer, _ = trained("prefix", of, tmp_path, {"length": 4})
    model: Any = trainer.model
    base = model.get_base_model().bert.state_dict()
    for name, value in on_disk(tiny_bert).items():
        assert base[name].numpy().tobytes() == value.numpy().tobytes(), name
    sizes: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            sizes[name.partition(".")[0]] += parameter.numel()
    classes = len(of.data.classes)
    # Keys and values of three layers; and the head.
    assert sizes == {"prompt_encoder": 4 * 3 * 2 * 32, "base_model": 32 * classes + classes}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_what_was_trained_is_what_is_read_and_compared(
    family: str, tiny_bert: Path, tiny_gpt2: Path, small: Corpus, tmp_path: Path
) -> None:
    home = tiny_bert if family == "bert" else tiny_gpt2
    text = corpus_file(small, tmp_path / "text")
    out = tmp_path / "out"
    settings = pk.TuningSettings(rate=0.1, epochs=2, batch=8, device="cpu")
    found = pk.finetune(
        home, f"{text}:pos", "prefix", out=out, settings=settings,
        recipe_settings={"length": 4}, progress=False,
    )  # fmt: skip
    assert 0 < found.table["trained"].iloc[0] < found.table["parameters"].iloc[0]
    states = pk.extract(out, few(small), store_dtype="float32", progress=False)
    trainer, _ = trained(
        "prefix", case(home, small, rate=0.1), tmp_path / "again", {"length": 4}
    )  # the same run
    model: Any = trainer.model.eval()
    tokenizer = AutoTokenizer.from_pretrained(home)
    words = few(small).splits["test"][0].words
    read = tokenizer(list(words), is_split_into_words=True, return_tensors="pt")
    if family == "gpt2":
        read = tokenizer(" ".join(words), return_tensors="pt")
    first = [i for i, word in enumerate(read.word_ids()) if word == 0]
    with torch.no_grad():
        hidden = model(**read, output_hidden_states=True).hidden_states
    expected = hidden[-1][0, first].mean(0).numpy()
    np.testing.assert_allclose(states.read("test", 0, 1)[-1, 0], expected, atol=1e-4)
    plain = pk.extract(home, few(small), store_dtype="float32", progress=False)
    assert np.abs(states.read("test", 0, 5)[-1] - plain.read("test", 0, 5)[-1]).max() > 0.01
    change = pk.compare(home, out, "pos", corpus=text, seeds=2, resample_train=0, progress=False)
    assert change.best["retention"].notna().all()


def texts(data: Data) -> Data:
    """The same sentences, with a label for each."""
    splits = {}
    for split, examples in data.splits.items():
        whole = [(" ".join(words),) for words in examples.texts]
        splits[split] = Examples(whole, [np.array([i % 2]) for i in range(len(whole))])
    return Data("texts", "texts", splits, ("a", "b"), ("accuracy",))


@pytest.mark.parametrize(
    ("family", "target", "message"),
    [
        ("albert", "words", r"cannot put a prefix before '.*' \(albert\) with a head for words"),
        ("distilbert", "texts", r"\(distilbert\) with a head for texts; bert and gpt2 can"),
        ("t5", "texts", r"is an encoder-decoder \(t5\)"),
    ],
)  # fmt: skip
def test_families_that_peft_gives_no_prefix(
    family: str, target: str, message: str, sample: Corpus, small: Corpus, tmp_path: Path
) -> None:
    lines = [" ".join(passage.words) for passage in list(sample.splits["train"])[:400]]
    of = case(make_family(family, tmp_path / family, lines), small)
    if target == "texts":
        of = replace(of, data=texts(of.data))
    with pytest.raises(InputError, match=message) as told:
        recipe_of("prefix", {}).open(of)
    assert len(str(told.value).splitlines()) == 1


def test_a_prefix_has_a_length_that_leaves_room_for_text(tiny_bert: Path, small: Corpus) -> None:
    with pytest.raises(InputError, match="length takes a whole number from 1 on, not 0"):
        recipe_of("prefix", {"length": 0})
    with pytest.raises(InputError, match=r"'length' = 64 leaves no position for text: .* has 64"):
        recipe_of("prefix", {"length": 64}).open(case(tiny_bert, small))
    learner = recipe_of("prefix", {"length": 50}).open(case(tiny_bert, small))
    assert max(learner.data["train"].lengths) == 14  # of 64 positions


def test_a_prefix_is_not_measured_during_training(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    text = corpus_file(small, tmp_path / "text")
    with pytest.raises(
        InputError, match=r"probe_every: .* with a prefix is read from a folder only"
    ):
        pk.finetune(
            tiny_bert, f"{text}:pos", "prefix", out=tmp_path / "out", settings=TINY,
            probe_every=2, progress=False,
        )  # fmt: skip
    learner = recipe_of("prefix", {}).open(case(tiny_bert, small))
    arguments = TrainingArguments(str(tmp_path / "trainer"), use_cpu=True, report_to=[])
    trainer = Trainer(learner.model, arguments, processing_class=learner.tokenizer)
    with pytest.raises(InputError, match="has a prompt or a prefix, which is read from a folder"):
        pk.ForgettingCallback(trainer, "pos", corpus=small)
