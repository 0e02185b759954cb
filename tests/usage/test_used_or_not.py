"""A decoder that has learned a grammar, in which one feature of nouns decides the verb and another,
which probes read as well, decides nothing: every instrument must tell them apart."""

from __future__ import annotations

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
from probekit.models.model import open_model
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.tasks.minimal_pairs import ask_behaviour
from probekit.tasks.task import Task
from probekit.usage.ablation import WAYS, ablation
from probekit.usage.asked import require_running
from probekit.usage.erasure import CLEAN, RETRAINED, Erasure
from probekit.usage.instance_vectors import instance_vectors
from probekit.usage.language_model import Behaving, open_behaving
from probekit.usage.rankings import RANKINGS, importance, ranked

pytestmark = pytest.mark.slow  # models are trained first

LEMMAS = ("dog", "cat", "bird", "horse", "child", "cow")
VERBS = ("bark", "run", "sleep", "sing", "jump")
ADVERBS = ("often", "now", "never")
SIZES: dict[Split, int] = {"train": 480, "dev": 72, "test": 120}  # each noun form as often
DIM = 32
NUMBER_NEURONS, COLOUR_NEURONS = (3, 9, 17), (5, 12, 28)
QUICK = pk.FitSettings(words=20_000)
NUMBER = Task(name="number", title="Number of nouns", annotation="xpos", shape="word")
COLOUR = Task(name="colour", title="Colour of nouns", annotation="misc.Colour", shape="word")
SUBJECT = Task(
    name="subject", title="Number of the subject", annotation="misc.Subject", shape="word"
)


def noun(lemma: str, is_plural: bool, is_red: bool) -> str:
    return f"{'red-' if is_red else 'blue-'}{lemma}{'s' if is_plural else ''}"


def sentence(place: int, rng: np.random.Generator, split: str) -> Passage:
    """A determiner of any number, a noun, an adverb, and a verb that agrees with the noun."""
    is_plural, is_red, lemma = bool(place % 2), bool(place // 2 % 2), LEMMAS[place // 4 % 6]
    verb, number = str(rng.choice(VERBS)), "Plur" if is_plural else "Sing"
    form = verb if is_plural else f"{verb}s"
    determiner, adverb = str(rng.choice(["the", "some"])), str(rng.choice(ADVERBS))
    words = (determiner, noun(lemma, is_plural, is_red), adverb, form, ".")
    tags: dict[str, tuple[str | None, ...]] = {
        "upos": ("DET", "NOUN", "ADV", "VERB", "PUNCT"),
        "lemma": (determiner, lemma, adverb, verb, "."),
        "feats": (None, f"Number={number}", None, f"Number={number}|Tense=Pres|VerbForm=Fin", None),
        "xpos": (None, number, None, None, None),
        "misc": (None, f"Colour={'Red' if is_red else 'Blue'}", f"Subject={number}", None, None),
    }
    return Passage(f"{split}-{place}", f"{split}-{place}", words, tags)


@pytest.fixture(scope="module")
def grammar() -> Corpus:
    rng = np.random.default_rng(0)
    splits: dict[Split, Any] = {}
    for split, size in SIZES.items():
        splits[split] = tuple(sentence(place, rng, split) for place in range(size))
    return Corpus("grammar", splits)


@pytest.fixture(scope="module")
def tokenizer(grammar: Corpus) -> PreTrainedTokenizerFast:
    """One subword for each word."""
    known = {word for passage in grammar.passages() for word in passage.words}
    known |= {form for verb in VERBS for form in (verb, f"{verb}s")}
    vocabulary = {word: at for at, word in enumerate(["<pad>", "<s>", "<unk>", *sorted(known)])}
    found = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=found, pad_token="<pad>", bos_token="<s>", unk_token="<unk>"
    )


def untrained(tokenizer: PreTrainedTokenizerFast) -> Any:
    """A decoder whose embeddings hold both features of a noun in the same way: some neurons are
    higher for plurals, as many others for red ones. `some` is marked as plurals are."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=DIM,
        n_layer=2,
        n_head=4,
        n_positions=16,
        bos_token_id=1,
        eos_token_id=1,
        tie_word_embeddings=False,
    )
    model = transformers.GPT2LMHeadModel(config)
    table = model.transformer.wte.weight.requires_grad_(False)
    table.copy_(torch.randn(table.shape, generator=torch.Generator().manual_seed(1)) / 3)
    number, colour = torch.zeros(DIM), torch.zeros(DIM)
    number[list(NUMBER_NEURONS)], colour[list(COLOUR_NEURONS)] = 1.2, 1.2

    def row(word: str) -> Any:
        return tokenizer.convert_tokens_to_ids(word)

    table[row("some")] = table[row("the")] + number
    for lemma in LEMMAS:
        base = table[row(noun(lemma, False, False))].clone()
        for is_plural in (False, True):
            for is_red in (False, True):
                table[row(noun(lemma, is_plural, is_red))] = (
                    base + is_plural * number + is_red * colour
                )
    return model.eval()


@pytest.fixture(scope="module")
def trained(grammar: Corpus, tokenizer: PreTrainedTokenizerFast) -> Any:
    model = untrained(tokenizer)
    learned = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=5e-3)
    order = np.random.default_rng(0)
    lines = [f"<s> {' '.join(passage.words)}" for passage in grammar.splits["train"]]
    model.train()
    for _ in range(20):
        for part in np.array_split(order.permutation(len(lines)), len(lines) // 40):
            ids = tokenizer([lines[i] for i in part], return_tensors="pt")["input_ids"]
            optimizer.zero_grad()
            model(input_ids=ids, labels=ids).loss.backward()
            optimizer.step()
    return model.eval()


Erased = dict[str, Erasure]


@pytest.fixture(scope="module")
def erased(
    grammar: Corpus,
    tokenizer: PreTrainedTokenizerFast,
    trained: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Erased:
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROBEKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        for task, other in ((NUMBER, COLOUR), (COLOUR, NUMBER)):
            found[task.name] = pk.erase(
                pk.LoadedModel(trained, tokenizer, "trained"),
                task,
                [other, "agreement"],
                corpus=grammar,
                layers=0,
                fit_settings=QUICK,
                progress=False,
            )
    return found


def row_of(found: Erasure, affected: str, probe: str = "", read_at: int | None = None) -> Any:
    """What erasing the task itself changes in one thing measured."""
    table = found.table[found.table["erased"] == found.task]
    table = table[(table["affected"] == affected) & (table["probe"] == probe)]
    if read_at is not None:
        table = table[table["read_at"] == read_at]
    (row,) = (row for _, row in table.iterrows())
    return row


def test_probes_read_both_features_as_well(erased: Erased) -> None:
    for task in ("number", "colour"):
        for layer in (0, 2):
            probe, read_at = (RETRAINED, 0) if layer == 0 else (CLEAN, 2)
            assert row_of(erased[task], task, probe, read_at)["score_before"] > 0.98
    assert row_of(erased["number"], "agreement")["score_before"] > 0.98


def test_erasing_the_feature_that_is_used_breaks_agreement_and_the_other_does_not(
    erased: Erased,
) -> None:
    used, unused = (row_of(erased[task], "agreement") for task in ("number", "colour"))
    assert abs(used["score_after"] - 0.5) < 0.1 and used["p_adjusted"] < 0.05
    assert abs(unused["change"]) < 0.03 and unused["ci_low"] <= 0 <= unused["ci_high"]
    # Each erasure takes away its own feature, and leaves the other. What is left of 24 forms is a
    # guess for each, so that the accuracy of guesses has a standard error of 0.1.
    for task, other in (("number", "colour"), ("colour", "number")):
        gone, left = (row_of(erased[task], one, RETRAINED) for one in (task, other))
        assert gone["score_after"] < 0.75 and left["score_after"] > 0.98


def test_neurons_of_the_feature_that_is_used_are_needed_and_those_of_the_other_are_not(
    grammar: Corpus, tokenizer: PreTrainedTokenizerFast, trained: Any
) -> None:
    loaded = pk.LoadedModel(trained, tokenizer, "trained")
    states = pk.extract(loaded, grammar, layers=0, progress=False)
    behaving = agreement_of(loaded, grammar)
    right = {}
    for task, planted in ((NUMBER, NUMBER_NEURONS), (COLOUR, COLOUR_NEURONS)):
        question = pk.ask(task, grammar)
        parts = instance_vectors(states, question, 0)
        for method in RANKINGS:
            found = importance(method, parts, question.splits["train"].labels, 2)
            assert set(ranked(found.overall)[:3]) == set(planted), method
        for way in WAYS:
            change = ablation(way, np.array(planted), states.numpy("train", 0))
            (after,) = behaving.after(0, [change])
            right[task.name, way] = after[0, :, 0].mean()
    for way in WAYS:
        assert right["number", way] < 0.7 and right["colour", way] > 0.97, way


def agreement_of(loaded: Any, corpus: Corpus) -> Behaving:
    settings = BehaviourSettings()
    opened = require_running(open_model(loaded, settings.encoder))
    found = open_behaving(
        opened, [ask_behaviour(pk.load_task("agreement"), corpus)], settings, at_cls=False
    )
    assert found is not None
    return found


def shares(model: Any, tokenizer: Any, corpus: Corpus, layer: int = 2) -> pd.DataFrame:
    """Where the probe of the subject's number looks, which reads the adverb."""
    found = pk.attribute(
        pk.LoadedModel(model, tokenizer, "decoder"),
        SUBJECT,
        corpus=corpus,
        limit=30,
        layers=layer,
        fit_settings=QUICK,
        progress=False,
    )
    assert found.positions is not None
    rows = found.positions[found.positions["label"] == ""]
    return rows.set_index("place")


def test_attribution_goes_to_the_word_that_decides_and_not_to_one_that_looks_like_it(
    grammar: Corpus, tokenizer: PreTrainedTokenizerFast, trained: Any
) -> None:
    """A determiner is marked as a plural noun is, whatever the number of the noun."""
    learned = shares(trained, tokenizer, grammar)
    null = shares(untrained(tokenizer), tokenizer, grammar)
    assert learned.loc["left 1", "ci_low"] > 0.3
    assert abs(learned.loc["left 2", "share"]) < 0.15
    assert null.loc["left 1", "ci_high"] < 0.2
