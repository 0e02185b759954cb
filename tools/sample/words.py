"""Word nodes and the smallest phrases: nouns, names, adjectives, determiners, pronouns."""

from __future__ import annotations

from tools.sample import lexicon as lx
from tools.sample.tree import Node, phrase, word

PRONOUNS = {
    "f": ("she", "her", "her", "herself", "Gender=Fem|Number=Sing|Person=3"),
    "m": ("he", "him", "his", "himself", "Gender=Masc|Number=Sing|Person=3"),
    "n": ("it", "it", "its", "itself", "Gender=Neut|Number=Sing|Person=3"),
    "pl": ("they", "them", "their", "themselves", "Number=Plur|Person=3"),
    "I": ("I", "me", "my", "myself", "Number=Sing|Person=1"),
    "you": ("you", "you", "your", "yourself", "Person=2"),
}
PARTICIPLES = {
    "broken": "break",
    "worn": "wear",
    "used": "use",
    "stolen": "steal",
    "painted": "paint",
    "frozen": "freeze",
    "burned": "burn",
    "cracked": "crack",
    "crowded": "crowd",
}
CASES = {"nom": 0, "acc": 1, "gen": 2, "refl": 3}


def noun_leaf(noun: str, number: str = "sg") -> Node:
    """A common noun."""
    if number == "pl":
        return word(lx.plural(noun), noun, "NOUN", "NNS", "Number=Plur")
    return word(noun, noun, "NOUN", "NN", "Number=Sing")


def name_leaf(name: str) -> Node:
    """A proper noun."""
    return word(name, name, "PROPN", "NNP", "Number=Sing")


def adjective_leaf(adj: str) -> Node:
    """An adjective before a noun; past participles are verbs there, as in EWT."""
    if adj in PARTICIPLES:
        feats = "Tense=Past|VerbForm=Part|Voice=Pass"
        return word(adj, PARTICIPLES[adj], "VERB", "VBN", feats, "amod")
    return word(adj, adj, "ADJ", "JJ", "Degree=Pos", "amod")


def determiner(kind: str, following: str) -> Node:
    """a(n), the, or a demonstrative."""
    if kind == "a":
        return word(lx.article(following), "a", "DET", "DT", "Definite=Ind|PronType=Art", "det")
    if kind == "the":
        return word("the", "the", "DET", "DT", "Definite=Def|PronType=Art", "det")
    feats = {"that": "Number=Sing|PronType=Dem", "this": "Number=Sing|PronType=Dem",
             "those": "Number=Plur|PronType=Dem", "these": "Number=Plur|PronType=Dem"}  # fmt: skip
    if kind in ("two", "three"):
        return word(kind, kind, "NUM", "CD", "NumForm=Word|NumType=Card", "nummod")
    if kind in ("several", "many"):
        return word(kind, kind, "ADJ", "JJ", "Degree=Pos", "amod")
    lemma = {"those": "that", "these": "this"}.get(kind, kind)
    other = "PronType=Tot" if kind == "every" else "PronType=Ind"
    return word(kind, lemma, "DET", "DT", feats.get(kind, other), "det")


def prep_phrase(prep: str, noun_phrase: Node, rel: str = "obl") -> Node:
    """A prepositional phrase, headed by its noun."""
    case = word(prep, prep, "ADP", "IN", rel="case")
    return phrase("PP", case, noun_phrase, head=1).as_rel(rel)


def pronoun_leaf(key: str, case: str) -> Node:
    """A personal pronoun."""
    forms = PRONOUNS[key]
    feats = {"nom": "Case=Nom", "acc": "Case=Acc", "gen": "Case=Gen", "refl": "Case=Acc"}[case]
    inner = forms[4] + ("|Poss=Yes" if case == "gen" else "") + "|PronType=Prs"
    inner += "|Reflex=Yes" if case == "refl" else ""
    lemma = forms[2] if case == "gen" else forms[3] if case == "refl" else forms[0]
    tag = "PRP$" if case == "gen" else "PRP"
    return word(forms[CASES[case]], lemma, "PRON", tag, f"{feats}|{inner}")
