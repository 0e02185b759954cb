"""Families that are not listed: padding and positions are tried once, when the model is opened."""

from __future__ import annotations

import json
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from probekit.corpora.passage import Corpus, Passage
from probekit.errors import ModelError
from probekit.models.behaviour import _Lookups
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.families import FAMILIES as LISTED
from probekit.states.extract import extract
from tests.families import FAMILIES, READABLE, UNLISTED, UNREADABLE, make_family

BY_LENGTH = ("fnet", "convbert", "nystromformer", "yoso")
CHANGED_BY_SHORT_TEXTS = ("big_bird",)


@pytest.fixture(scope="module")
def unlisted(families: Any) -> Any:
    """Makes a checkpoint of each family once, whose tokenizer names no maximum."""
    return partial(families, endless=True)


@pytest.fixture(scope="module")
def mixed(sample: Corpus) -> Corpus:
    """Short and long sentences, and one of more subwords than any of these models has positions."""
    passages = sample.splits["train"][:20]
    words = tuple(chain.from_iterable(passage.words for passage in passages))[:150]
    train = (*passages[:8], Passage("long", "long", words))
    return Corpus("mixed", {"train": train, "dev": passages[:1], "test": passages[:1]})


def read(folder: Path, corpus: Corpus, batch_tokens: int | None = None) -> np.ndarray:
    states = extract(str(folder), corpus, store_dtype="float32", batch_tokens=batch_tokens)
    return states.read("train", 0, int(corpus.offsets("train")[-1])).astype(np.float32)


def test_these_families_are_not_listed() -> None:
    assert not set(UNLISTED) & set(LISTED)


@pytest.mark.parametrize("family", [*READABLE, "bert", "roberta", "gpt2", "bart"])
def test_numbers_do_not_depend_on_batches(
    family: str, unlisted: Any, mixed: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for tokens in (1, 200, 1 << 14):
        monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / str(tokens)))
        found.append(read(unlisted(family), mixed, tokens))
    assert all(np.isfinite(states).all() for states in found)
    for states in found[1:]:
        np.testing.assert_allclose(states, found[0], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("family", READABLE)
def test_padding_that_changes_states_is_left_out_and_reported(family: str, unlisted: Any) -> None:
    checkpoint = Checkpoint(str(unlisted(family)), EncoderSettings())
    run_by_length = family in (*BY_LENGTH, *CHANGED_BY_SHORT_TEXTS)
    assert checkpoint.facts()["batches"] == ("of one length" if run_by_length else "padded")
    warnings = " ".join(checkpoint.warnings)
    assert ("padding changes" in warnings) is (family in BY_LENGTH)
    assert ("a short text changes" in warnings) is (family in CHANGED_BY_SHORT_TEXTS)


@pytest.mark.parametrize("family", READABLE)
def test_a_window_is_as_long_as_positions_allow(family: str, unlisted: Any) -> None:
    """The model itself runs on the longest text, and not on one more subword."""
    folder = unlisted(family)
    encoder = Checkpoint(str(folder), EncoderSettings()).encoder
    model = AutoModel.from_pretrained(folder).eval()
    extra = encoder.inputs.added

    def runs(length: int) -> bool:
        ids = torch.full((1, length + extra), 7)
        try:
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
        except (IndexError, RuntimeError):
            return False
        return True

    assert runs(encoder.limit)
    assert not runs(encoder.limit + 1)


@pytest.mark.parametrize("family", ["fnet", "data2vec-text", "big_bird"])
def test_what_is_read_is_what_a_text_alone_gives(family: str, unlisted: Any, mixed: Corpus) -> None:
    folder = unlisted(family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found, offsets = read(folder, mixed), mixed.offsets("train")
    for i, passage in enumerate(mixed.splits["train"][:-1]):
        encoded = tokenizer(
            " ".join(passage.words), return_tensors="pt", return_offsets_mapping=True
        )
        places = encoded.pop("offset_mapping")[0].tolist()
        model = AutoModel.from_pretrained(folder).eval()  # anew: a text may change how it reads
        with torch.no_grad():
            hidden = model(input_ids=encoded["input_ids"], output_hidden_states=True).hidden_states
        own = [k for k, (a, b) in enumerate(places) if a < len(passage.words[0]) and b > a]
        expected = torch.stack([state[0, own].mean(0) for state in hidden])
        np.testing.assert_allclose(
            found[:, int(offsets[i])], expected.numpy(), atol=2e-4, rtol=1e-4
        )


def test_lower_layers_of_an_unlisted_family_are_the_same(unlisted: Any) -> None:
    """They are tried with all of their blocks, and the upper ones are dropped afterwards."""
    found = []
    for last in (1, 3):
        encoder = Checkpoint(str(unlisted("convbert")), EncoderSettings()).encoder
        encoder.load(last)
        found.append(encoder.hidden_states([np.arange(5, 25), np.arange(7, 12)]))
    assert [len(states) for states in found] == [2, 4]
    torch.testing.assert_close(found[0][1], found[1][1])


@pytest.mark.parametrize("family", UNREADABLE)
def test_a_model_that_does_not_give_one_vector_per_subword(
    family: str, unlisted: Any, mixed: Corpus
) -> None:
    message = (
        rf"{family}, a family not listed\) cannot be read: it gives {UNREADABLE[family]} hidden"
    )
    with pytest.raises(ModelError, match=message) as caught:
        extract(str(unlisted(family)), mixed)
    assert "\n" not in str(caught.value)


def test_listed_families_are_not_tried(unlisted: Any) -> None:
    encoder = Checkpoint(str(unlisted("bert")), EncoderSettings()).encoder
    assert encoder.limit == 62
    assert encoder.held.model is None


@pytest.mark.parametrize("longest", [-5, 0, 1, 2, 5, float("nan"), True])
@pytest.mark.parametrize("family", ["bert", "convbert"])
def test_a_maximum_that_leaves_no_room_for_text(
    longest: Any, family: str, unlisted: Any, sample: Corpus
) -> None:
    folder = unlisted(family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.model_max_length = longest
    from probekit.models.encoder import Encoder

    with pytest.raises(ModelError, match="model_max_length"):
        Encoder(
            "m", AutoConfig.from_pretrained(folder), tokenizer, torch.device("cpu"), lambda: None
        )


def test_a_special_token_that_the_tokenizer_lacks(tmp_path: Path) -> None:
    folder = make_family("byt5", tmp_path, [])
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "eos_token": None}))
    with pytest.raises(ModelError, match=r"a special token .* that it does not have"):
        Checkpoint(str(folder), EncoderSettings())


def test_every_listed_family_is_made_by_the_tests() -> None:
    assert not set(UNLISTED) & set(FAMILIES)


INDEX = torch.tensor([[1, 4]])
TABLE = torch.zeros(4, 2)


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: torch.nn.functional.embedding(INDEX, TABLE),
        lambda: torch.gather(TABLE.T, dim=1, index=INDEX),
        lambda: TABLE.T.gather(1, INDEX),
        lambda: torch.index_select(TABLE, 0, INDEX[0]),
        lambda: TABLE.index_select(dim=0, index=INDEX[0]),
    ],
)
def test_a_missing_row_is_found_before_it_is_read(look_up: Any) -> None:
    """With this message and not torch's: on a GPU the reading itself would end the process's work
    (seen on an H100 with `gather` of token types by position)."""
    with _Lookups(), pytest.raises(IndexError, match="row 4 of a table of 4"):
        look_up()
