"""Doctor: attention is measured, and a tokenizer that does not fit its vocabulary is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import normalizers
from transformers import AutoModel, AutoTokenizer

from probekit.corpora.passage import Corpus
from probekit.models.checkpoint import EncoderSettings
from probekit.models.families import FAMILIES as LISTED
from probekit.states.doctor import Examination, examine
from probekit.states.settings import ExtractSettings
from tests.families import FAMILIES, READABLE, UNLISTED, bytes_, make_family, wordpiece


@pytest.fixture(scope="module")
def few(sample: Corpus) -> Corpus:
    return Corpus("few", {split: passages[:3] for split, passages in sample.splits.items()})


def found(folder: Path, corpus: Corpus, **settings: Any) -> Examination:
    return examine(str(folder), corpus, ExtractSettings(encoder=EncoderSettings(**settings)))


@pytest.mark.parametrize("family", [*FAMILIES, *READABLE])
def test_attention_is_what_the_model_shows(family: str, families: Any, few: Corpus) -> None:
    examined = found(families(family), few)
    attention = examined.facts["model"]["attention"]
    if family in UNLISTED:
        assert attention == ("left" if family == "biogpt" else "both sides")
    else:
        assert attention == LISTED["t5" if family == "byt5" else family].attention
        assert not examined.warnings
    assert not examined.problems


@pytest.mark.parametrize(
    ("family", "setting", "seen"),
    [
        ("bert", {"is_decoder": True}, "left, by its configuration (is_decoder: True)"),
        ("roberta", {"is_decoder": True}, "left, by its configuration (is_decoder: True)"),
        ("llama", {"is_causal": False}, "both sides, by its configuration (is_causal: False)"),
        (
            "gemma3_text",
            {"use_bidirectional_attention": True},
            "both sides, by its configuration (use_bidirectional_attention: True)",
        ),
    ],
)
def test_attention_as_the_configuration_has_it(
    family: str,
    setting: dict[str, Any],
    seen: str,
    family_texts: list[str],
    few: Corpus,
    tmp_path: Path,
) -> None:
    examined = found(make_family(family, tmp_path, family_texts, setting), few)
    assert examined.facts["model"]["attention"] == seen
    assert any(
        f"a word sees {seen}; models of its family see" in warning for warning in examined.warnings
    )


@pytest.mark.parametrize("lower", [True, False])
def test_a_tokenizer_that_lower_cases_with_a_vocabulary_that_has_capitals(
    lower: bool, family_texts: list[str], few: Corpus, tmp_path: Path
) -> None:
    folder = make_family("bert", tmp_path, family_texts, {"vocab_size": 1000})
    assert not found(folder, few).problems  # its vocabulary has no capitals
    tokenizer = wordpiece([*family_texts, *(text.upper() for text in family_texts)])
    cased = bytes_(family_texts)
    cased.save_pretrained(folder)
    assert not found(folder, few).problems  # its text keeps them
    backend = tokenizer.backend_tokenizer if not lower else cased.backend_tokenizer
    backend.normalizer = normalizers.Lowercase()
    (cased if lower else tokenizer).save_pretrained(folder)
    problems = found(folder, few).problems
    assert any("of its vocabulary have capitals" in problem for problem in problems) is lower


def test_padding_is_reported(family_texts: list[str], few: Corpus, tmp_path: Path) -> None:
    examined = found(make_family("fnet", tmp_path, family_texts), few)
    assert examined.facts["model"]["batches"] == "of one length"
    assert any(
        "padding changes the states of its family (fnet)" in warning
        for warning in examined.warnings
    )
    assert json.dumps(examined.facts)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("constant", "every word has the same vector at layer"),
        ("infinite", "its weights are broken"),
        ("large", "float16 cannot hold"),
    ],
)
def test_a_sweep_shows_what_would_make_results_wrong(
    damage: str, message: str, tiny_gpt2: Path, few: Corpus, tmp_path: Path
) -> None:
    model = AutoModel.from_pretrained(tiny_gpt2)
    with torch.no_grad():
        if damage == "constant":
            model.wte.weight[:], model.wpe.weight[:] = 0.5, 0.5
        else:
            model.h[1].mlp.c_proj.bias[3] = float("nan") if damage == "infinite" else 1e6
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_gpt2).save_pretrained(tmp_path)
    damaged = examine(str(tmp_path), few, ExtractSettings(states="none"))
    assert any(message in problem for problem in damaged.problems), damaged.problems
    clear = examine(str(tiny_gpt2), few, ExtractSettings(states="none"))
    assert not clear.problems and "sweep" in clear.facts
