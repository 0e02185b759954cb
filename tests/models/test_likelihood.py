"""Likelihood: log-probabilities are those of plain transformers, in a batch or alone, and what has
no language-modelling head says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoTokenizer

from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.models.checkpoint import EncoderSettings
from probekit.models.likelihood import Likelihood
from probekit.models.lm_head import LanguageModel, open_language_model
from probekit.models.loaded import LoadedModel
from probekit.models.model import open_model
from tests.language_models import KINDS, Kind, make_language_model
from tests.pretend_gpu import pretend_gpu

SETTINGS = EncoderSettings()
CLASSES = {
    "gpt2": transformers.GPT2LMHeadModel,
    "llama": transformers.LlamaForCausalLM,
    "bert": transformers.BertForMaskedLM,
    "t5": transformers.T5ForConditionalGeneration,
}


@pytest.fixture(scope="module")
def texts(sample: Corpus) -> list[tuple[str, ...]]:
    """Sentences of different lengths."""
    found = [passage.words for passage in sample.splits["train"][:24]]
    assert len({len(words) for words in found}) > 5
    return found


@pytest.fixture(scope="module")
def joined(texts: list[tuple[str, ...]]) -> list[str]:
    # Trained on few of them, so that words have several subwords.
    return [" ".join(words) for words in texts[:8]]


def opened(folder: Path | LoadedModel, lm_head: str | None = None) -> LanguageModel:
    subject = folder if isinstance(folder, LoadedModel) else str(folder)
    return open_language_model(open_model(subject, SETTINGS), lm_head)


def plain(kind: Kind, folder: Path, words: tuple[str, ...]) -> tuple[list[float], list[int]]:
    """The log-probability and the word of each subword, by transformers alone, one by one."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = CLASSES[kind].from_pretrained(folder).eval()
    read = tokenizer(" ".join(words), return_tensors="pt")
    ids = read["input_ids"][0].tolist()
    found: list[float] = []
    if kind == "bert":
        # Its tokenizer reads words one by one in the same way.
        owners = tokenizer(list(words), is_split_into_words=True).word_ids()
        places = [place for place, owner in enumerate(owners) if owner is not None]
        for place in places:
            masked = torch.tensor([ids])
            for later in places:
                if later >= place and owners[later] == owners[place]:
                    masked[0, later] = tokenizer.mask_token_id
            with torch.no_grad():
                logits = model(input_ids=masked).logits[0, place]
            found.append(float(logits.log_softmax(-1)[ids[place]]))
        return found, [owners[place] for place in places]
    if kind == "t5":
        ids = ids[:-1]
        given = {"input_ids": torch.tensor([[1]]), "labels": torch.tensor([ids])}
    else:
        ids = ids if kind == "llama" else [tokenizer.bos_token_id, *ids]
        given = {"input_ids": torch.tensor([ids])}
    with torch.no_grad():
        every = model(**given).logits[0].log_softmax(-1)
    targets = ids if kind == "t5" else ids[1:]
    return [float(every[i, target]) for i, target in enumerate(targets)], []


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_those_of_transformers(
    kind: Kind, side: str, texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    folder = make_language_model(kind, tmp_path / kind, joined, side=side)
    model = opened(folder)
    batched = Likelihood(model, 4_096).score(texts)
    single = Likelihood(model, 1).score(texts)
    assert any(len(one.values) > len(words) + 2 for one, words in zip(batched, texts, strict=True))
    for words, one, other in zip(texts, batched, single, strict=True):
        expected, owners = plain(kind, folder, words)
        np.testing.assert_allclose(one.values, expected, atol=1e-4)
        np.testing.assert_allclose(other.values, expected, atol=1e-4)
        assert one.total == pytest.approx(sum(expected), abs=1e-3)
        if owners:
            assert one.subwords.word.tolist() == owners
        bits, n_words = one.of_words
        assert n_words == len(words) and bits == pytest.approx(one.total)


def test_without_a_bos_token_the_first_subword_is_read_and_not_predicted(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    with_bos = make_language_model("gpt2", tmp_path / "bos", joined)
    without = make_language_model("gpt2", tmp_path / "none", joined, bos=False)
    (one,) = Likelihood(opened(without)).score(texts[:1])
    (other,) = Likelihood(opened(with_bos)).score(texts[:1])
    assert np.isnan(one.values[0]) and np.isfinite(one.values[1:]).all()
    assert np.isfinite(other.values).all()
    assert one.of_words[1] == len(texts[0]) - 1


def test_a_loaded_model_scores_as_its_folder_does_and_stays_as_it_is(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    folder = make_language_model("gpt2", tmp_path / "gpt2", joined)
    model = transformers.GPT2LMHeadModel.from_pretrained(folder).train()
    loaded = LoadedModel(model, AutoTokenizer.from_pretrained(folder))
    mine = Likelihood(opened(loaded)).score(texts)
    for one, other in zip(mine, Likelihood(opened(folder)).score(texts), strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)
    assert model.training


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_random_weights_are_below_the_head_those_that_are_probed(
    kind: Kind, texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    folder = make_language_model(kind, tmp_path / kind, joined)
    random = open_model(f"random:{folder}:3", SETTINGS)
    whole = open_language_model(random).model
    bare = random.encoder.load_bare()  # type: ignore[attr-defined]
    below = whole.base_model.state_dict()
    for name, value in bare.state_dict().items():
        assert torch.equal(below[name].cpu(), value.cpu())
    trained = Likelihood(opened(folder)).score(texts[:2])
    other = Likelihood(open_language_model(random)).score(texts[:2])
    assert not np.allclose(trained[0].values, other[0].values)


def headless(folder: Path, bert: Path, change: float = 0.0) -> Path:
    """The BERT of a folder without its head, and with other embeddings where they change."""
    AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    model = transformers.BertForMaskedLM.from_pretrained(bert)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight += change
    model.bert.save_pretrained(folder)
    return folder


def test_a_checkpoint_without_a_head_says_so_and_can_borrow_one(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    bert = make_language_model("bert", tmp_path / "bert", joined)
    bare = headless(tmp_path / "bare", bert)
    with pytest.raises(InputError, match="no language-modelling head") as refusal:
        opened(bare)
    assert "lm_head='NAME'" in str(refusal.value) and "\n" not in str(refusal.value)
    borrowed = opened(bare, str(bert))
    assert borrowed.head == str(bert) and opened(bert, str(bert)).head == ""
    expected = Likelihood(opened(bert)).score(texts[:4])
    for one, other in zip(Likelihood(borrowed).score(texts[:4]), expected, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)
    # The head keeps the table of embeddings that it was trained with.
    moved = opened(headless(tmp_path / "moved", bert, change=0.5), str(bert))
    theirs = transformers.BertForMaskedLM.from_pretrained(bert).cls.predictions.decoder.weight
    assert torch.equal(moved.model.cls.predictions.decoder.weight.cpu(), theirs)
    assert not torch.equal(moved.model.get_input_embeddings().weight.cpu(), theirs)


def test_a_head_that_does_not_fit_is_refused_in_one_line(joined: list[str], tmp_path: Path) -> None:
    bert = make_language_model("bert", tmp_path / "bert", joined)
    bare = headless(tmp_path / "bare", bert)
    gpt2 = make_language_model("gpt2", tmp_path / "gpt2", joined)
    other = make_language_model("bert", tmp_path / "other", ["a b c", "d"])
    for name, message in (
        (gpt2, "has no language-modelling head for"),
        (bare, "has no language-modelling head for"),
        (other, "does not fit"),
    ):
        with pytest.raises(InputError, match=message) as refusal:
            opened(bare, str(name))
        assert "\n" not in str(refusal.value)


def test_what_predicts_no_words_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    vectors = tmp_path / "few.txt"
    vectors.write_text("a 0.1 0.2\nb 0.3 0.4\n", encoding="utf-8")
    with pytest.raises(InputError, match="predicts no words"):
        open_language_model(open_model(str(vectors), SETTINGS))
    with pytest.raises(InputError, match="no language-modelling head"):
        opened(tiny_bert)


def test_a_text_longer_than_the_model_reads_has_no_value(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    model = opened(make_language_model("gpt2", tmp_path / "gpt2", joined))
    long = texts[0] * 30
    one, other = Likelihood(model).score([long, texts[0]])
    assert not one.is_read and np.isnan(one.total)
    assert other.is_read


def test_the_divergence_from_itself_is_zero_and_from_another_that_of_its_definition(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    first = Likelihood(opened(make_language_model("gpt2", tmp_path / "one", joined)))
    torch.manual_seed(1)
    model = transformers.GPT2LMHeadModel(first.model.model.config)
    second = Likelihood(opened(LoadedModel(model, first.model.tokenizer, "second")))
    for one in first.divergence(first, texts[:4]):
        np.testing.assert_allclose(one.values, 0, atol=1e-6)
    (found,) = first.divergence(second, texts[:1])
    (read,) = first.passes(first.align(texts[:1]))
    p, q = (each.logits(read).cpu().double().log_softmax(-1) for each in (second, first))
    expected = torch.nn.functional.kl_div(q, p, reduction="none", log_target=True).sum(-1)
    np.testing.assert_allclose(found.values, expected.numpy(), atol=1e-5)
    other = Likelihood(opened(make_language_model("bert", tmp_path / "bert", joined)))
    with pytest.raises(InputError, match="reference="):
        first.divergence(other, texts[:1])


def test_models_on_two_devices_can_be_compared(
    texts: list[tuple[str, ...]], joined: list[str], tmp_path: Path
) -> None:
    folder = make_language_model("gpt2", tmp_path / "gpt2", joined)
    model = transformers.GPT2LMHeadModel.from_pretrained(folder)
    here = Likelihood(opened(LoadedModel(model, AutoTokenizer.from_pretrained(folder), "here")))
    with pretend_gpu():
        there = Likelihood(opened(folder))
        assert (here.model.device.type, there.model.device.type) == ("cpu", "cuda")
        for one, other in ((here, there), (there, here)):
            for found in one.divergence(other, texts[:4]):
                np.testing.assert_allclose(found.values, 0, atol=1e-6)
