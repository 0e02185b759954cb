"""Agreement: which verbs are asked about, what they are swapped for, and what stands between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from probekit.corpora.passage import Corpus, Edge, Passage
from probekit.errors import TaskError
from probekit.tasks.agreement import agreement_pairs
from probekit.tasks.minimal_pairs import ask_behaviour
from probekit.tasks.question import ask
from probekit.tasks.task import Task, load_task

FINITE = "Mood=Ind|Tense=Pres|VerbForm=Fin"


def sentence(name: str, text: str, edges: Sequence[tuple[int, int, str]] = ()) -> Passage:
    """Words as `form/lemma/UPOS/FEATS`, with `S` and `P` for the numbers of present verbs and
    nouns; dependencies as (head, dependent, relation)."""
    forms, lemmas, tags, feats = [], [], [], []
    for word in text.split():
        form, lemma, tag, features = word.split("/")
        forms.append(form)
        lemmas.append(lemma)
        tags.append(tag)
        number = {"S": "Number=Sing", "P": "Number=Plur"}.get(features, features)
        is_verb = tag in ("VERB", "AUX") and features in ("S", "P")
        feats.append(f"{FINITE}|Person=3|{number}" if is_verb else number or None)
    columns = {"upos": tuple(tags), "lemma": tuple(lemmas), "feats": tuple(feats)}
    given = []
    for head, below, relation in edges:
        given.append(Edge(((head, head + 1), (below, below + 1)), relation))
    return Passage(name, name, tuple(forms), columns, {"dependencies": tuple(given)})


KEYS = sentence(
    "keys",
    "The/the/DET/ keys/key/NOUN/P to/to/ADP/ the/the/DET/ cabinet/cabinet/NOUN/S "
    "are/be/AUX/P here/here/ADV/",
    [(6, 1, "nsubj"), (1, 4, "nmod"), (6, 5, "cop")],
)
KNOWN = sentence("known", "It/it/PRON/S is/be/AUX/S")


def made(*test: Passage) -> Corpus:
    return Corpus("made", {"train": (KNOWN,), "dev": (KNOWN,), "test": test})


def test_the_verb_is_swapped_for_the_form_that_the_treebank_has() -> None:
    (pair,), warnings = agreement_pairs(made(KEYS), "test")
    assert " ".join(pair.bad) == "The keys to the cabinet is here"
    assert (pair.kind, pair.distance, pair.attractors) == ("Plur", 4, 1)
    assert not warnings


def test_the_subject_of_a_relative_clause_is_the_noun_that_it_belongs_to() -> None:
    cats = sentence(
        "cats",
        "cats/cat/NOUN/P on/on/ADP/ it/it/PRON/S that/that/PRON/PronType=Rel are/be/AUX/P "
        "here/here/ADV/",
        [(0, 5, "acl:relcl"), (5, 3, "nsubj"), (5, 4, "cop")],
    )
    (pair,), _ = agreement_pairs(made(cats), "test")
    assert (pair.distance, pair.attractors) == (4, 0)  # a pronoun attracts nothing


def test_capital_letters_stay_and_the_most_frequent_form_is_taken() -> None:
    asked = sentence("asked", "Is/be/AUX/S it/it/PRON/S ?/?/PUNCT/")
    loud = sentence("loud", "IS/be/AUX/S")
    rare = sentence("rare", "ar/be/AUX/P are/be/AUX/P are/be/AUX/P")
    pairs, _ = agreement_pairs(made(asked, loud, rare), "test")
    assert [pair.bad[0] for pair in pairs[:2]] == ["Are", "ARE"]
    assert pairs[0].distance is None and pairs[0].attractors is None


@pytest.mark.parametrize(
    "word",
    [
        "'s/be/AUX/S",  # a clitic
        "runs/run/VERB/S",  # without a plural in the treebank
        "am/be/AUX/Mood=Ind|Number=Sing|Person=1|Tense=Pres|VerbForm=Fin",
        "was/be/AUX/Mood=Ind|Number=Sing|Person=3|Tense=Past|VerbForm=Fin",
        "being/be/AUX/Number=Sing|Tense=Pres|VerbForm=Part",
        "is/be/NOUN/S",
    ],
)
def test_other_words_are_not_asked_about(word: str) -> None:
    pairs, _ = agreement_pairs(made(sentence("one", word), KEYS), "test")
    assert [pair.sentence for pair in pairs] == ["keys"]


def test_verbs_without_another_form_are_counted() -> None:
    alone = sentence("alone", "runs/run/VERB/S can/can/AUX/S can/can/AUX/P")
    pairs, warnings = agreement_pairs(made(alone, KEYS), "test")
    assert len(pairs) == 1 and "3 of 4 verbs left out" in warnings[0]


def test_a_corpus_without_such_verbs_says_what_is_needed(sample: Corpus) -> None:
    bare = Passage("a", "a", ("x",), {"upos": ("NOUN",)})
    without = Corpus("bare", {"train": (bare,), "dev": (bare,), "test": (bare,)})
    with pytest.raises(TaskError, match="Number in FEATS"):
        ask_behaviour(load_task("agreement"), without)
    nouns = sentence("n", "cats/cat/NOUN/P")
    with pytest.raises(TaskError, match="finds nothing to ask"):
        ask_behaviour(load_task("agreement"), made(nouns))
    with pytest.raises(TaskError, match="has no annotation 'pairs'"):
        ask_behaviour(load_task("minimal-pairs"), sample)
    with pytest.raises(TaskError, match="asks a language model, not a probe"):
        ask(load_task("agreement"), sample)
    other = Task(name="x", title="x", annotation="pair", shape="minimal-pair")
    with pytest.raises(TaskError, match="did you mean 'pairs'"):
        ask_behaviour(other, sample)
    with pytest.raises(TaskError, match="metric"):
        Task(name="x", title="x", annotation="pairs", shape="minimal-pair", metric="f1")


def test_sample_has_pairs_of_both_numbers(sample: Corpus) -> None:
    question = ask_behaviour(load_task("agreement"), sample)
    assert {pair.kind for pair in question.pairs} == {"Sing", "Plur"}
    for pair in question.pairs:
        assert sum(a != b for a, b in zip(pair.good, pair.bad, strict=True)) == 1
    assert len(question) == len(question.groups) > 30
    running = ask_behaviour(load_task("bits"), sample)
    assert len(running) == len(sample.splits["test"])
