"""What an erasure does to a language model itself: `bits` and `agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import probekit as pk
from probekit.corpora.passage import Corpus, Passage, Split
from probekit.errors import InputError
from probekit.models.model import open_model
from probekit.probes.behaviour.behave import Behaved, counts_of
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.tasks.minimal_pairs import ask_behaviour
from probekit.tasks.task import Task
from probekit.usage.asked import require_running
from probekit.usage.eraser import Eraser
from probekit.usage.erasure import Erasure
from probekit.usage.language_model import Behaving, open_behaving
from tests.language_models import KINDS, Kind, make_language_model

NOUNS = ("dog", "cat", "bird", "horse", "child", "cow")
VERBS = ("bark", "run", "sleep", "sing", "jump")
DETERMINERS = ("the", "some")
ADJECTIVES = ("old", "small", "red")
SIZES: dict[Split, int] = {"train": 408, "dev": 60, "test": 84}  # each form of a noun as often
DIM = 32
QUICK = pk.FitSettings(words=20_000)
NUMBER = Task(name="number", title="Number of nouns", annotation="xpos", shape="word")


def sentence(number: int, rng: np.random.Generator, split: str) -> Passage:
    """A noun and, next to it, a verb that agrees with it; `xpos` is the number of nouns."""
    plural, lemma = bool(number % 2), NOUNS[number // 2 % len(NOUNS)]
    verb = str(rng.choice(VERBS))
    noun, form = (f"{lemma}s", verb) if plural else (lemma, f"{verb}s")
    words = [str(rng.choice(DETERMINERS)), str(rng.choice(ADJECTIVES)), noun, form, "."]
    kind = "Plur" if plural else "Sing"
    tags: dict[str, tuple[str | None, ...]] = {
        "upos": ("DET", "ADJ", "NOUN", "VERB", "PUNCT"),
        "lemma": (words[0], words[1], lemma, verb, "."),
        "feats": (None, None, f"Number={kind}", f"Number={kind}|Tense=Pres|VerbForm=Fin", None),
        "xpos": ("-", "-", kind, "-", "-"),
    }
    return Passage(f"{split}-{number}", f"{split}-{number}", tuple(words), tags)


@pytest.fixture(scope="module")
def grammar() -> Corpus:
    """Sentences of five words."""
    rng = np.random.default_rng(0)
    splits: dict[Split, Any] = {}
    for split, size in SIZES.items():
        splits[split] = tuple(sentence(number, rng, split) for number in range(size))
    return Corpus("grammar", splits)


def texts(corpus: Corpus) -> list[str]:
    return [" ".join(passage.words) for passage in corpus.splits["train"]]


@pytest.fixture(scope="module")
def tokenizer(grammar: Corpus) -> PreTrainedTokenizerFast:
    """One subword for each word."""
    known = sorted({word for passage in grammar.passages() for word in passage.words})
    for verb in VERBS:
        known += [form for form in (verb, f"{verb}s") if form not in known]
    vocabulary = {word: number for number, word in enumerate(["<pad>", "<s>", "<unk>", *known])}
    found = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=found, pad_token="<pad>", bos_token="<s>", unk_token="<unk>"
    )


def decoder(tokenizer: PreTrainedTokenizerFast, **config: Any) -> Any:
    """A tiny decoder before any training."""
    torch.manual_seed(0)
    sizes = {"n_embd": DIM, "n_layer": 2, "n_head": 4, "n_positions": 16}
    ids = {"vocab_size": len(tokenizer), "bos_token_id": 1, "eos_token_id": 1}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**ids, **sizes, **config))


@pytest.fixture(scope="module")
def trained(grammar: Corpus, tokenizer: PreTrainedTokenizerFast) -> Any:
    """A decoder that has learned the sentences, with the number of nouns planted in one direction:
    the embedding of a plural is that of its singular and a vector, the same for all."""
    model = decoder(tokenizer, tie_word_embeddings=False)
    table = model.transformer.wte.weight
    table.requires_grad_(False)
    table.copy_(torch.randn(table.shape, generator=torch.Generator().manual_seed(1)) / 3)
    for noun in NOUNS:
        one, many = tokenizer.convert_tokens_to_ids([noun, f"{noun}s"])
        table[many] = table[one] + 2 * axis(5)[:, 0]
    learned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=5e-3)
    order, lines = np.random.default_rng(0), texts(grammar)
    model.train()
    for _ in range(20):
        for part in np.array_split(order.permutation(len(lines)), len(lines) // 40):
            ids = tokenizer([f"<s> {lines[i]}" for i in part], return_tensors="pt")["input_ids"]
            optimizer.zero_grad()
            model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
    return model.eval()


def behaving_of(
    model: Any, corpus: Corpus, *tasks: str, batch_tokens: int | None = None, cls: bool = False
) -> Behaving:
    given = str(model) if isinstance(model, Path) else model
    settings = BehaviourSettings(batch_tokens=batch_tokens)
    opened = require_running(open_model(given, settings.encoder))
    questions = [ask_behaviour(pk.load_task(task), corpus) for task in tasks]
    found = open_behaving(opened, questions, settings, cls)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def folders(small: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    """Random checkpoints of every kind but encoder-decoders."""
    place = tmp_path_factory.mktemp("models")
    read = texts(small)
    return {kind: make_language_model(kind, place / kind, read) for kind in KINDS if kind != "t5"}


@pytest.fixture(scope="module")
def few(small: Corpus) -> Corpus:
    """Some sentences: a masked model reads each once for every subword."""
    return Corpus("few", {**small.splits, "test": small.splits["test"][:12]})


def axis(seed: int) -> torch.Tensor:
    drawn = torch.randn(DIM, 1, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(drawn, dim=0)


def along(direction: torch.Tensor) -> Eraser:
    return Eraser(torch.zeros(DIM), direction, direction.T)


NOTHING = along(torch.zeros(DIM, 0))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "t5"])
def test_erasing_nothing_changes_nothing(
    kind: Kind, folders: dict[Kind, Path], few: Corpus
) -> None:
    behaving = behaving_of(folders[kind], few, "bits")
    (clean,) = behaving.clean
    assert NOTHING.rank == 0
    for layer in range(3):
        (same,), (other,) = (
            behaving.after(layer, [eraser]) for eraser in (NOTHING, along(axis(0)))
        )
        np.testing.assert_allclose(same[0], clean.values, rtol=1e-5)
        assert np.abs(other[0, :, 0] - clean.values[:, 0]).max() > 0.01
    np.testing.assert_array_equal(behaving._behaved()[0].values, clean.values)  # no hook is left


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "t5"])
def test_a_batch_of_one_says_the_same(kind: Kind, folders: dict[Kind, Path], few: Corpus) -> None:
    one = behaving_of(folders[kind], few, "bits", batch_tokens=1)
    many = behaving_of(folders[kind], few, "bits")
    for layer in range(3):
        erasers = [along(axis(seed)) for seed in range(2)]
        (of_one,), (of_many,) = (each.after(layer, erasers) for each in (one, many))
        assert of_one.shape == (2, 12, 2)
        np.testing.assert_allclose(of_one, of_many, rtol=1e-4)


def test_what_is_changed_is_what_plain_transformers_would_read(
    folders: dict[Kind, Path], few: Corpus
) -> None:
    """Of a decoder, whose layer 1 is replaced by hand: every subword, and not the BOS token."""
    behaving = behaving_of(folders["llama"], few, "bits")
    eraser = along(axis(3))
    (found,) = behaving.after(1, [eraser])
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["llama"])
    model = transformers.LlamaForCausalLM.from_pretrained(folders["llama"]).eval()

    def replace(block: Any, args: Any, named: Any) -> Any:
        states = (args[0] if args else named["hidden_states"]).clone()
        states[:, 1:] = eraser(states[:, 1:])
        return ((states, *args[1:]), named) if args else (args, {**named, "hidden_states": states})

    model.model.layers[1].register_forward_pre_hook(replace, with_kwargs=True)
    for number, passage in enumerate(few.splits["test"]):
        ids = tokenizer(" ".join(passage.words), return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            logs = model(ids).logits.log_softmax(-1)
        bits = -logs[0, :-1].gather(1, ids[0, 1:, None]).sum() / np.log(2)
        assert found[0, number, 0] == pytest.approx(float(bits), rel=1e-4)


def test_a_planted_direction_breaks_agreement_and_others_do_not(
    grammar: Corpus, tokenizer: PreTrainedTokenizerFast
) -> None:
    """The head reads one direction only, which is the verb's number: without it, it is silent."""
    model = decoder(tokenizer, tie_word_embeddings=False)
    planted = axis(9)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        for verb in VERBS:
            for form, sign in ((f"{verb}s", 1.0), (verb, -1.0)):
                model.lm_head.weight[tokenizer.convert_tokens_to_ids(form)] = sign * planted[:, 0]
    loaded = pk.LoadedModel(model, tokenizer)
    behaving = behaving_of(loaded, grammar, "agreement", "bits")
    erased, bits = behaving._behaved(2, along(planted))
    assert np.abs(margins(behaving.clean[0])).min() > 0.01
    assert np.abs(margins(erased)).max() < 1e-5
    # All words are as likely, but for the first: it is predicted from the BOS token, which stays.
    np.testing.assert_allclose(bits.values[:, 0], 5 * np.log2(len(tokenizer)), rtol=1e-3)
    assert np.ptp(bits.values[:, 0]) < 1e-4
    assert np.median(np.abs(behaving.clean[1].values - bits.values)[:, 0]) > 0.1
    for seed in range(4):
        other = behaving._behaved(2, along(axis(seed)))[0]
        assert np.corrcoef(margins(other), margins(behaving.clean[0]))[0, 1] > 0.7


def margins(agreement: Behaved) -> np.ndarray:
    """How much more likely the good sentence of each pair is, in nats."""
    assert agreement.log_probabilities is not None
    found: np.ndarray = agreement.log_probabilities @ [1, -1]
    return found


@pytest.fixture(scope="module")
def found(
    grammar: Corpus,
    tokenizer: PreTrainedTokenizerFast,
    trained: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Erasure:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBEKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return pk.erase(
            pk.LoadedModel(trained, tokenizer, "trained"),
            NUMBER,
            ["bits", "agreement"],
            corpus=grammar,
            fit_settings=QUICK,
            progress=False,
        )


def rows(found: Erasure, **wanted: Any) -> pd.DataFrame:
    table = found.table
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table.set_index("erased")


@pytest.mark.slow
def test_a_model_that_has_learned_to_agree_needs_number(found: Erasure) -> None:
    """At layer 0 a plural is its singular once number is erased: half of the verbs agree."""
    agreement = rows(found, affected="agreement", layer=0)
    assert (agreement["score_before"] > 0.95).all() and (agreement["majority"] == 0.5).all()
    assert agreement.loc["number", "rank"] == 2
    assert abs(agreement.loc["number", "score_after"] - 0.5) < 0.1
    assert agreement.loc["number", "ci_high"] < -0.3
    assert agreement.loc["number", "p_adjusted"] < 0.05
    bits = rows(found, affected="bits", layer=0)
    assert bits.loc["number", "change"] > 0 and bits.loc["number", "ci_low"] > 0
    assert bits["majority"].isna().all() and (bits["metric"] == "bits").all()


@pytest.mark.slow
def test_rows_of_behaviour_are_like_those_of_a_head(found: Erasure, grammar: Corpus) -> None:
    behaviour = found.table[found.table["affected"].isin(["bits", "agreement"])]
    assert behaviour["read_at"].isna().all() and (behaviour["probe"] == "").all()
    assert (behaviour["n_test"] == SIZES["test"]).all()
    assert sorted(behaviour["layer"].unique()) == [0, 1, 2]
    np.testing.assert_allclose(
        behaviour["score_after"] - behaviour["score_before"], behaviour["change"], atol=2e-6
    )
    assert (
        (behaviour["ci_low"] <= behaviour["change"]) & (behaviour["change"] <= behaviour["ci_high"])
    ).all()


@pytest.mark.slow
def test_the_score_before_is_that_of_probe(
    found: Erasure, trained: Any, tokenizer: PreTrainedTokenizerFast, grammar: Corpus
) -> None:
    loaded = pk.LoadedModel(trained, tokenizer, "trained")
    scores = pk.probe(loaded, ["bits", "agreement"], corpus=grammar, progress=False).behaviour()
    for _, row in scores.iterrows():
        before = rows(found, affected=row["task"])["score_before"]
        np.testing.assert_allclose(before, row["score"], rtol=1e-6)


@pytest.mark.slow
def test_the_sentence_of_bits_names_the_layer_where_most_are_added(found: Erasure) -> None:
    (of_bits,) = [one for one in found.sentences if " bits of the language model" in one]
    bits = rows(found, affected="bits").loc["number"]
    worst = bits.iloc[bits["change"].argmax()]
    assert f"at layer {worst['layer']} changes" in of_bits
    assert f"({worst['change']:+.2f} bits per word, " in of_bits and "; random " in of_bits


def test_the_picture_has_bits_in_a_panel_of_their_own(found: Erasure) -> None:
    points, bits = (axes for axes in pk.heatmap(found).axes[:2])
    named = [label.get_text() for label in points.get_yticklabels()]
    assert "number → agreement" in named and "number → bits" not in named
    assert [label.get_text() for label in bits.get_yticklabels()] == [
        "number → bits",
        "random → bits",
        "control:number → bits",
    ]
    assert "bits per word" in bits.get_title("left") and "points" in points.get_title("left")
    change = rows(found, affected="bits", layer=2).loc["number", "change"]
    assert any(f"{change:+.2f}" in text.get_text() for text in bits.texts)


def test_several_seeds_have_several_random_subspaces(
    grammar: Corpus, trained: Any, tokenizer: PreTrainedTokenizerFast
) -> None:
    found = pk.erase(
        pk.LoadedModel(trained, tokenizer),
        NUMBER,
        "bits",
        corpus=grammar,
        layers=1,
        seeds=2,
        fit_settings=QUICK,
        progress=False,
    )
    assert rows(found, affected="bits")["seeds"].to_dict() == {
        "number": 1,
        "random": 2,
        "control:number": 1,
    }


def test_instances_that_the_model_cannot_read_do_not_count(
    grammar: Corpus, tokenizer: PreTrainedTokenizerFast
) -> None:
    """A sentence longer than the model's positions is left out, before and after."""
    long = grammar.splits["test"][0]
    longer = Passage("long", "long", long.words * 5)
    corpus = Corpus("long", {**grammar.splits, "test": (longer, *grammar.splits["test"])})
    behaving = behaving_of(pk.LoadedModel(decoder(tokenizer), tokenizer), corpus, "bits")
    (values,) = behaving.after(1, [along(axis(1))])
    (target,) = behaving.targets
    assert target.n_test == SIZES["test"] and np.isnan(values[0, 0]).all()
    assert target.counts(values).shape == (1, SIZES["test"], 2)
    np.testing.assert_allclose(
        target.counts(values)[0], counts_of(behaving.questions[0], values[0])
    )
    assert "1 of 85 instances left out" in behaving.warnings()[0]


# Bad input.


def test_a_checkpoint_without_a_head_says_so(small: Corpus, tiny_bert: Path) -> None:
    model = transformers.BertModel.from_pretrained(tiny_bert)
    with pytest.raises(InputError, match="has no language-modelling head"):
        pk.erase(model, "pos", "bits", corpus=small, progress=False)


def test_a_head_is_borrowed(folders: dict[Kind, Path], few: Corpus, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    transformers.LlamaModel.from_pretrained(folders["llama"]).save_pretrained(bare)
    transformers.AutoTokenizer.from_pretrained(folders["llama"]).save_pretrained(bare)
    given: dict[str, Any] = {"corpus": few, "layers": 1, "fit_settings": QUICK, "progress": False}
    borrowed = pk.erase(bare, "pos", "bits", lm_head=folders["llama"], **given)
    own = pk.erase(folders["llama"], "pos", "bits", **given)
    assert any("is borrowed" in warning for warning in borrowed.warnings)
    for name in ("score_before", "score_after"):
        mine, theirs = (rows(one, affected="bits")[name] for one in (borrowed, own))
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_an_encoder_decoder_is_refused(small: Corpus, tmp_path: Path) -> None:
    folder = make_language_model("t5", tmp_path / "t5", texts(small))
    with pytest.raises(InputError, match="leave bits out of tasks"):
        pk.erase(folder, "pos", "bits", corpus=small, progress=False)


def test_behaviour_cannot_be_erased(small: Corpus, folders: dict[Kind, Path]) -> None:
    with pytest.raises(InputError, match="asks a language model itself"):
        pk.erase(folders["gpt2"], "bits", corpus=small, progress=False)
