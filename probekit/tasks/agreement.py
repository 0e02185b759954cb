"""Agreement: a present-tense verb, and the same sentence with the verb in its other number.

The other form is the one that the treebank itself has, in any split, for the same lemma, part of
speech and features but for Number (Linzen et al. 2016, Gulordava et al. 2018). Verbs of the third
person alone are asked about, and those without a person: the subjects that nouns are. A form with
anything but letters, such as a clitic, is left out, and so is a verb whose two forms are equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from probekit.corpora.passage import Corpus, Passage, Split
from probekit.tasks.pair import Pair
from probekit.tasks.shapes import read_feature

OTHER = {"Sing": "Plur", "Plur": "Sing"}
VERBS, NOUNS = ("VERB", "AUX"), ("NOUN", "PROPN")
_WITH = {"cop", "aux"}  # relations of a verb to the word that its subject depends on
_IGNORED = ("Number", "Person", "Typo", "Abbr", "Style")  # of a verb: no part of which form it is

Key = tuple[str, str, str]  # lemma, part of speech, other features


class Verb(NamedTuple):
    """A verb in the present tense.

    Attributes:
        place: in its sentence.
        key: what it shares with its other form.
        form: in lower case.
        number: `Sing` or `Plur`.
    """

    place: int
    key: Key
    form: str
    number: str


def agreement_pairs(corpus: Corpus, split: Split) -> tuple[list[Pair], list[str]]:
    """The pairs of a split, one for each verb, and warnings."""
    forms = _lexicon(corpus)
    found, without = [], 0
    for number, passage in enumerate(corpus.splits[split]):
        for verb in _verbs(passage):
            other = forms.get((verb.key, OTHER[verb.number]))
            if other is None or other == verb.form:
                without += 1
                continue
            found.append(_pair(passage, number, verb, other))
    warnings = []
    if without:
        warnings.append(
            f"{without:,} of {len(found) + without:,} verbs left out: '{corpus.name}' has no other "
            "form of them, or the same one for both numbers"
        )
    return found, warnings


def _lexicon(corpus: Corpus) -> Mapping[tuple[Key, str], str]:
    """The most frequent form of each verb in each number; at a tie the first by alphabet."""
    counts: dict[tuple[Key, str], Counter[str]] = {}
    for passage in corpus.passages():
        for verb in _verbs(passage):
            counts.setdefault((verb.key, verb.number), Counter())[verb.form] += 1
    found = {}
    for key, forms in counts.items():
        found[key] = min(forms, key=lambda form: (-forms[form], form))
    return found


def _verbs(passage: Passage) -> Iterator[Verb]:
    """The finite verbs of the present tense and the third person."""
    feats, upos, lemmas = (passage.tags.get(name) for name in ("feats", "upos", "lemma"))
    if feats is None or upos is None or lemmas is None:
        return
    for place, (features, tag, lemma) in enumerate(zip(feats, upos, lemmas, strict=True)):
        form = passage.words[place].lower()
        if tag not in VERBS or not features or not lemma or not form.isalpha():
            continue
        number = read_feature(features, "Number")
        is_present = read_feature(features, "Tense") == "Pres"
        is_finite = read_feature(features, "VerbForm") in ("Fin", None)
        is_third = read_feature(features, "Person") in ("3", None)
        if number in OTHER and is_present and is_finite and is_third:
            yield Verb(place, (lemma, tag, _others(features)), form, number)


def _others(features: str) -> str:
    """The features that a verb and its other form share."""
    kept = [pair for pair in features.split("|") if pair.partition("=")[0] not in _IGNORED]
    return "|".join(kept)


def _pair(passage: Passage, number: int, verb: Verb, other: str) -> Pair:
    word = passage.words[verb.place]
    swapped = other.upper() if word.isupper() and len(word) > 1 else other
    if word[0].isupper() and not word.isupper():
        swapped = other[0].upper() + other[1:]
    bad = (*passage.words[: verb.place], swapped, *passage.words[verb.place + 1 :])
    subject = _subject(passage, verb.place)
    distance = attractors = None
    if subject is not None:
        distance = verb.place - subject
        attractors = _attractors(passage, subject, verb)
    return Pair(number, passage.id, passage.words, bad, verb.number, distance, attractors)


def _subject(passage: Passage, verb: int) -> int | None:
    """The place of the subject's head, by the dependencies; None without one.

    Of a relative clause it is the noun that the clause belongs to.
    """
    above, subjects = _dependencies(passage)
    head = verb
    if verb in above and above[verb][1] in _WITH:
        head = above[verb][0]
    subject = subjects.get(head)
    if subject is None or head not in above:
        return subject
    features = passage.tags["feats"][subject] or ""
    is_relative = above[head][1] == "acl" and read_feature(features, "PronType") == "Rel"
    return above[head][0] if is_relative else subject


def _dependencies(passage: Passage) -> tuple[dict[int, tuple[int, str]], dict[int, int]]:
    """The head and relation of each word, and the subject of each word that has one."""
    above: dict[int, tuple[int, str]] = {}
    subjects: dict[int, int] = {}
    for edge in passage.edges.get("dependencies", ()):
        (head, _), (below, _) = edge.spans
        relation = edge.label.partition(":")[0]
        above[below] = (head, relation)
        if relation == "nsubj":
            subjects.setdefault(head, below)
    return above, subjects


def _attractors(passage: Passage, subject: int, verb: Verb) -> int:
    """How many nouns of the other number stand between subject and verb."""
    upos, feats = passage.tags["upos"], passage.tags["feats"]
    found = 0
    for place in range(min(subject, verb.place) + 1, max(subject, verb.place)):
        number = read_feature(feats[place] or "", "Number")
        if upos[place] in NOUNS and number == OTHER[verb.number]:
            found += 1
    return found
