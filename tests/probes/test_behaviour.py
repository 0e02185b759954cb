"""Behaviour: scores of language models, beside those of probes, with a null control each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, TaskError
from probekit.models.checkpoint import EncoderSettings
from probekit.models.likelihood import Likelihood
from probekit.models.lm_head import open_language_model
from probekit.models.loaded import LoadedModel
from probekit.models.model import open_model
from probekit.probes.scores import Scores
from tests.commands import run_main
from tests.language_models import Kind, make_language_model

SPECIAL = ["<pad>", "<s>", "<unk>"]


@pytest.fixture(scope="module")
def folders(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A decoder and an encoder with random weights."""
    texts = [" ".join(passage.words) for passage in sample.splits["train"]]
    place = tmp_path_factory.mktemp("models")
    kinds: tuple[Kind, ...] = ("gpt2", "bert")
    return {kind: make_language_model(kind, place / kind, texts) for kind in kinds}


@pytest.fixture(scope="module")
def words(sample: Corpus) -> PreTrainedTokenizerFast:
    """One subword for each word of the corpus, so that no form is longer than another."""
    known = sorted({word for passage in sample.passages() for word in passage.words})
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *known])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", unk_token="<unk>"
    )


def decoder(tokenizer: PreTrainedTokenizerFast, seed: int) -> Any:
    """A tiny decoder before any training."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_embd=64, n_layer=2, n_head=4, n_positions=128, bos_token_id=1
    )
    return transformers.GPT2LMHeadModel(config)


def train(model: Any, tokenizer: PreTrainedTokenizerFast, texts: list[str], epochs: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    order = np.random.default_rng(0)
    model.train()
    for _ in range(epochs):
        for part in np.array_split(order.permutation(len(texts)), len(texts) // 32):
            read = tokenizer([f"<s> {texts[i]}" for i in part], padding=True, return_tensors="pt")
            labels = read["input_ids"].masked_fill(read["attention_mask"] == 0, -100)
            optimizer.zero_grad()
            model(**read, labels=labels).loss.backward()
            optimizer.step()


def measured(model: Any, **options: Any) -> Scores:
    return pk.probe(model, progress=False, **options)


@pytest.mark.slow
def test_a_trained_decoder_agrees_and_an_untrained_one_is_at_chance(
    sample: Corpus, words: PreTrainedTokenizerFast
) -> None:
    untrained = []
    for seed in range(8):
        loaded = LoadedModel(decoder(words, seed), words, f"untrained {seed}")
        (row,) = measured(loaded, tasks="agreement", corpus=sample).behaviour().to_dict("records")
        untrained.append(row)
    # Forms recur, so a single one may prefer `is` to `are` everywhere; their mean has no reason to.
    at_chance = [row["ci_low"] <= 0.5 <= row["ci_high"] for row in untrained]
    assert sum(at_chance) >= len(untrained) // 2
    assert abs(np.mean([row["score"] for row in untrained]) - 0.5) < 0.15
    model = decoder(words, 0)
    train(model, words, [" ".join(passage.words) for passage in sample.splits["train"]], 5)
    loaded = LoadedModel(model, words, "trained")
    trained = measured(loaded, tasks=["agreement", "bits"], corpus=sample)
    agreement, bits = trained.behaviour().to_dict("records")
    assert agreement["task"] == "agreement" and agreement["ci_low"] > 0.7
    assert bits["score"] < 8


def test_rows_have_no_layer_and_chance_beside_them(
    folders: dict[str, Path], sample: Corpus
) -> None:
    scores = measured(
        [str(folder) for folder in folders.values()], tasks=["agreement", "bits"], corpus=sample
    )
    table = scores.table
    assert table["layer"].isna().all() and not scores.has_layers
    assert set(table["probe"]) == {"behaviour", "chance"}
    chance = table[table["probe"] == "chance"]
    assert (chance["score"] == 0.5).all() and set(chance["task"]) == {"agreement"}
    for _, row in scores.behaviour().iterrows():
        assert row["ci_low"] <= row["score"] <= row["ci_high"]
    agreement = table[(table["task"] == "agreement") & (table["probe"] == "behaviour")]
    for _, row in agreement.iterrows():
        pairs = scores.pairs[scores.pairs["model"] == row["model"]]
        assert row["score"] == pytest.approx((pairs["log_good"] > pairs["log_bad"]).mean())
        assert row["n_test"] == len(pairs) and pairs["attractors"].notna().any()


def test_bits_are_those_of_the_log_probabilities(folders: dict[str, Path], sample: Corpus) -> None:
    scores = measured(str(folders["gpt2"]), tasks="bits", corpus=sample)
    opened = open_language_model(open_model(str(folders["gpt2"]), EncoderSettings()))
    texts = [passage.words for passage in sample.splits["test"]]
    nats = sum(one.total for one in Likelihood(opened).score(texts))
    expected = -nats / np.log(2) / sum(map(len, texts))
    assert scores.behaviour()["score"].item() == pytest.approx(expected, rel=1e-4)


def test_the_reference_is_compared_with(folders: dict[str, Path], small: Corpus) -> None:
    name = str(folders["gpt2"])
    scores = measured(name, tasks="bits", corpus=small, reference=name)
    by_metric = scores.behaviour().set_index("metric")["score"]
    assert by_metric["kl"] == pytest.approx(0, abs=1e-4) and by_metric["bits"] > 1
    other = measured(f"random:{name}:5", tasks="bits", corpus=small, reference=name)
    assert other.behaviour().set_index("metric")["score"]["kl"] > 0.1
    with pytest.raises(InputError, match="reference="):
        measured(name, tasks="bits", corpus=small, reference=str(folders["bert"]))


def pairs_file(folder: Path, pairs: list[tuple[str, str]]) -> Path:
    lines = [json.dumps({"sentence_good": good, "sentence_bad": bad}) for good, bad in pairs]
    path = folder / "pairs.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_swapped_pairs_score_one_minus(
    kind: str, folders: dict[str, Path], sample: Corpus, tmp_path: Path
) -> None:
    asked = pk.load_corpus("sample").splits["test"]
    texts = [" ".join(passage.words) for passage in asked[:40]]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    found = []
    for place, given in (("one", pairs), ("other", [(bad, good) for good, bad in pairs])):
        (tmp_path / place).mkdir()
        path = pairs_file(tmp_path / place, given)
        scores = measured(str(folders[kind]), tasks="minimal-pairs", corpus=path)
        found.append(scores.behaviour()["score"].item())
    assert found[0] == pytest.approx(1 - found[1])


def test_a_pair_that_the_tokenizer_cannot_tell_apart_is_refused(
    words: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    path = pairs_file(tmp_path, [("zzz is", "yyy is"), ("a b", "a c")])
    loaded = LoadedModel(decoder(words, 0), words, "words")
    with pytest.raises(InputError, match="reads both sentences of a pair alike") as refusal:
        measured(loaded, tasks="minimal-pairs", corpus=path)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_read_is_left_out_and_counted(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    long = "a " * 400
    path = pairs_file(tmp_path, [(f"{long}b", f"{long}c"), ("a b", "a c"), ("b c", "b d")])
    scores = measured(str(folders["gpt2"]), tasks="minimal-pairs", corpus=path)
    assert any("1 of 3 instances left out" in warning for warning in scores.warnings)
    assert scores.behaviour()["n_test"].item() == 2
    alone = pairs_file(tmp_path, [(f"{long}b", f"{long}c")])
    with pytest.raises(TaskError, match="can read none of its sentences"):
        measured(str(folders["gpt2"]), tasks="minimal-pairs", corpus=alone)


def test_probes_and_behaviour_are_in_one_table(
    folders: dict[str, Path], small: Corpus, tmp_path: Path
) -> None:
    name = str(folders["gpt2"])
    settings = pk.FitSettings(words=3_000)
    both = measured(name, tasks=["pos", "agreement"], corpus=small, fit_settings=settings)
    alone = measured(name, tasks="pos", corpus=small, fit_settings=settings)
    assert both.best().equals(alone.best())  # their numbers do not move
    both.write(tmp_path / "run")
    assert Scores.read(tmp_path / "run") == both
    states = pk.extract(name, small, progress=False)
    with pytest.raises(InputError, match="give the checkpoint"):
        measured(states, tasks="agreement")


@pytest.mark.slow
def test_a_borrowed_head_is_marked(folders: dict[str, Path], small: Corpus, tmp_path: Path) -> None:
    model = transformers.AutoModel.from_pretrained(folders["bert"])
    bare = tmp_path / "bare"
    model.save_pretrained(bare)
    transformers.AutoTokenizer.from_pretrained(folders["bert"]).save_pretrained(bare)
    base = str(folders["bert"])
    own = measured(base, tasks="bits", corpus=small).behaviour()
    borrowed = measured(str(bare), tasks="bits", corpus=small, lm_head=base)
    assert borrowed.behaviour()["score"].item() == pytest.approx(own["score"].item(), abs=1e-4)
    assert borrowed.behaviour()["weights"].item() == f"head of {base}"
    assert any("is borrowed" in warning for warning in borrowed.warnings)


def test_the_command_prints_behaviour_and_names_its_options(
    folders: dict[str, Path],
    brief: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    arguments = ["probe", "--task", "agreement,bits", "--corpus", str(brief), "--out", str(out)]
    code, printed, _ = run_main([*arguments, "--model", str(folders["gpt2"])], monkeypatch, capsys)
    assert code == 0 and "Behaviour of the language model itself" in printed
    assert "agreement" in printed and "minimal_pairs.csv" in printed
    assert not (out / "heatmap.png").exists()
    code, _, errors = run_main([*arguments, "--model", str(tiny_bert)], monkeypatch, capsys)
    assert code == 2 and "--lm-head NAME" in errors
    assert "Traceback" not in errors and len(errors.strip().splitlines()) == 1
