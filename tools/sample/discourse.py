"""Who and what a document speaks of, and how each is referred to at a given point of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.sample import lexicon as lx
from tools.sample import verbs as vb
from tools.sample.tree import Node, phrase, punct, word
from tools.sample.words import (
    adjective_leaf,
    determiner,
    name_leaf,
    noun_leaf,
    prep_phrase,
    pronoun_leaf,
)

ADJECTIVE_GROUPS = {
    "house": "spot",
    "opening": "fixture",
    "text": "thing",
    "vehicle": "fixture",
    "art": "thing",
    "building": "fixture",
    "surface": "fixture",
    "female": "person",
    "male": "person",
}
"""Where the adjectives of a kind are those of another kind, see `lexicon.ADJECTIVES`."""


@dataclass(eq=False)
class Entity:
    """One thing of the document: what it is, what it is called and where it was last mentioned."""

    eid: str
    cls: str
    etype: str
    noun: str
    gender: str = "n"
    number: str = "sg"
    name: str = ""
    adjective: str = ""
    ordinal: str = ""
    compound: str = ""
    owner: Entity | None = None
    members: tuple[Entity, ...] = ()
    seen: int = 0
    sentence: int = -9
    moment: int = -9
    was_subject: int = -9
    told_role: bool = False

    @property
    def pronoun(self) -> str:
        """Key of its third person pronoun."""
        return "pl" if self.number == "pl" else self.gender


@dataclass(eq=False)
class Discourse:
    """The state of one document while it is written."""

    rng: random.Random
    held_out: float  # how often a held-out word is taken
    entities: list[Entity] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    sentence: int = 0
    moment: int = 0
    depth: int = 0
    past: bool = True
    speaker: Entity | None = None
    addressee: Entity | None = None
    indefinite: bool = False
    subject: Entity | None = None
    postmodify: Callable[[Discourse, Entity, Node], Node] | None = None

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.rng.random() < p

    def word_from(self, text: str) -> str:
        """A word of a list: a held-out one with the document's probability."""
        known, held_out = lx.split_list(text)
        pool = held_out if held_out and self.chance(self.held_out) else known
        ambiguous = [w for w in pool if w in lx.AMBIGUOUS]  # three times as frequent
        return self.rng.choice(pool + ambiguous + ambiguous)

    def fresh_word(self, text: str) -> str:
        """Like `word_from`, but not a word that names something in this document already."""
        for _ in range(40):
            choice = self.word_from(text)
            if choice not in self.used:
                break
        self.used.add(choice)
        return choice

    def verb(self, group: str) -> vb.Verb:
        """A verb of a group."""
        return vb.parse_verb(self.word_from(vb.GROUPS[group].verbs))

    def add(self, cls: str, **given: object) -> Entity:
        """A new entity of a kind, with a noun and perhaps an adjective."""
        etype, words = lx.NOUNS.get(cls, ("person", ""))
        etype = self.rng.choice(["organization", "place"]) if etype == "org" else etype
        noun = str(given.pop("noun", "") or self.fresh_word(words))
        entity = Entity(f"e{len(self.entities) + 1}", cls, etype, noun)
        for key, value in given.items():
            setattr(entity, key, value)
        group = ADJECTIVE_GROUPS.get(cls, cls)
        if entity.etype == "organization":
            group = "organization"
        if not entity.adjective and group in lx.ADJECTIVES and self.chance(0.4):
            entity.adjective = self.word_from(lx.ADJECTIVES[group])
        elif group in ("fixture", "thing") and self.chance(0.3):
            entity.compound = self.word_from(lx.COMPOUNDS)
        self.entities.append(entity)
        return entity

    def person(self, gender: str, named: float = 0.6) -> Entity:
        """A new person, most with a name, some only with a role or a kind."""
        role = self.fresh_word(lx.NOUNS["person"][1])
        entity = self.add("person", noun=role, gender=gender, etype="person")
        if self.chance(named):
            entity.name = self.fresh_word(lx.NAMES[gender])
            entity.adjective = ""
        elif self.chance(0.3):
            entity.noun = self.fresh_word(lx.NOUNS["female" if gender == "f" else "male"][1])
        return entity

    def double(self, other: Entity) -> Entity:
        """A second thing of the same name as `other`."""
        twin = self.add(
            other.cls, noun=other.noun, etype=other.etype, adjective="", gender=other.gender
        )
        twin.ordinal = self.rng.choice(["other", "second"])
        return twin

    def kin(self, owner: Entity) -> Entity:
        """A relative of a person."""
        gender = self.rng.choice("fm")
        kind = "kinswoman" if gender == "f" else "kinsman"
        return self.add(kind, gender=gender, owner=owner, etype="person")

    def group(self, *members: Entity) -> Entity:
        """Several people as one plural entity, the same one each time."""
        for known in self.entities:
            if set(known.members) == set(members):
                return known
        return self.add("group", noun="people", number="pl", members=members, etype="person")

    def agreement(self, entity: Entity) -> str:
        """Person and number for the verb: '1s', '2', '3s' or '3p'."""
        if entity is self.speaker:
            return "1s"
        if entity is self.addressee:
            return "2"
        return "3p" if entity.number == "pl" else "3s"

    def touch(self, entity: Entity, node: Node, subject: bool = False) -> Node:
        """Mark a node as a mention."""
        self.moment += 1
        entity.seen += 1
        entity.sentence, entity.moment = self.sentence, self.moment
        if subject:
            entity.was_subject = self.sentence
        if not any(kid.rel == "appos" for kid in node.kids):
            node.entity = (entity.eid, entity.etype)
        return node

    def can_pronoun(self, e: Entity, subject: bool) -> bool:
        """Whether a pronoun would be understood here, by recency and by the last subject."""
        if not e.seen or self.sentence - e.sentence > 1:
            return False
        parts = set(e.members)
        rivals = []
        for other in self.entities:
            recent = other.seen and self.sentence - other.sentence <= 1
            if other is e or other in parts or not recent or other.etype == "time":
                continue
            # A plain pronoun cannot mean the subject of its own clause.
            is_own_subject = not subject and other is self.subject
            if other.pronoun == e.pronoun and not is_own_subject:
                rivals.append(other)
        if subject and e.was_subject >= self.sentence - 1:
            return all(o.was_subject < e.was_subject for o in rivals)
        return all(o.moment < e.moment for o in rivals)

    def mention(self, e: Entity, case: str = "acc", plain: bool = False) -> Node:
        """A noun phrase for the entity, fit for this point of the document."""
        subject = case == "nom"
        plain_case = "acc" if case == "full" else case
        if e is self.speaker or e is self.addressee:
            reflexive = plain_case == "acc" and e is self.subject
            person = "I" if e is self.speaker else "you"
            leaf = pronoun_leaf(person, "refl" if reflexive else plain_case)
            return self.touch(e, phrase("NP", leaf), subject)
        if e is self.subject and case != "nom":
            leaf = pronoun_leaf(e.pronoun, "gen" if case == "gen" else "refl")
            return self.touch(e, phrase("NP", leaf))
        eager = 0.75 if e.etype in ("person", "animal") else 0.55
        if case != "full" and self.can_pronoun(e, subject) and self.chance(eager):
            return self.touch(e, phrase("NP", pronoun_leaf(e.pronoun, case)), subject)
        node = self._described(e, plain or case == "gen" or self.depth > 1)
        if case == "gen":
            node = self._genitive(node)
        return self.touch(e, node, subject)

    def _genitive(self, node: Node) -> Node:
        mark = word("'s", "'s", "PART", "POS", rel="case")
        last = list(node.words())[-1]
        if last.form.endswith("s") and last.xpos == "NNS":
            mark.form = "'"
        mark.glued = "token"
        return phrase("NP", *node.kids, mark, head=node.head)

    def _described(self, e: Entity, plain: bool) -> Node:
        if e.members:
            return self._coordination(e)
        if e.name and (not e.seen or not e.told_role or self.chance(0.5)):
            named = phrase("NP", name_leaf(e.name))
            if e.etype == "person" and not e.told_role and not plain and self.chance(0.25):
                e.told_role = True
                noun = noun_leaf(e.noun).as_rel("dep")
                described = phrase("NP", determiner("a", e.noun), noun, head=1)
                described.entity = (e.eid, e.etype)
                named.entity = (e.eid, e.etype)
                e.seen += 1
                return phrase("NP", named, punct(","), described.as_rel("appos"), punct(","))
            return named
        return self._common(e, plain)

    def _coordination(self, e: Entity) -> Node:
        if e.seen and self.chance(0.6):
            two = word("two", "two", "NUM", "CD", "NumForm=Word|NumType=Card", "nummod")
            genders = {m.gender for m in e.members}
            noun = "friend"
            if len(genders) == 1:
                noun = {"f": "woman", "m": "man"}.get(genders.pop(), "friend")
            return phrase("NP", determiner("the", ""), two, noun_leaf(noun, "pl"), head=2)
        first, *rest = (self.mention(m, "acc", plain=True) for m in e.members)
        kids = [first]
        for other in rest:
            conj = word("and", "and", "CCONJ", "CC", rel="cc")
            joined = phrase("", conj, other, head=1).as_rel("conj")
            kids.append(joined)
        return phrase("NP", *kids)

    def _common(self, e: Entity, plain: bool) -> Node:
        noun, adjectives = self._noun_choice(e)
        leaf = noun_leaf(noun, e.number)
        kids: list[Node] = [adjective_leaf(a) for a in adjectives] + [leaf]
        if e.compound and noun == e.noun and (not e.seen or self.chance(0.4)):
            kids.insert(-1, noun_leaf(e.compound).as_rel("compound"))
        first = kids[0].form
        if e.owner is not None and (not e.seen or noun == e.noun):
            if self.chance(0.75) or e.owner is self.subject or not e.owner.name:
                owner = self.mention(e.owner, "gen").as_rel("nmod:poss")
                return phrase("NP", owner, *kids, head=-1)
            core = phrase("NP", determiner("the", first), *kids, head=-1)
            of = prep_phrase("of", self.mention(e.owner, "full", plain=True), "nmod")
            return phrase("NP", core, of)
        kind = self._article(e, first)
        core = phrase("NP", *([determiner(kind, first)] if kind else []), *kids, head=-1)
        if not plain and self.postmodify:
            return self.postmodify(self, e, core)
        return core

    def _noun_choice(self, e: Entity) -> tuple[str, list[str]]:
        """The noun and the adjectives, which keep things of the same name apart."""
        alike = [o for o in self.entities if o is not e and o.noun == e.noun and o.seen]
        if e.ordinal:
            near = any(self.moment - o.moment < 5 for o in alike)
            one = e.number == "sg" and near and self.chance(0.4)
            return "one" if one else e.noun, [] if not e.seen else [e.ordinal]
        if alike and e.seen:
            return e.noun, [e.adjective or "first"]
        noun = e.noun
        if e.seen and e.number == "sg" and not alike and self.chance(0.3):
            if e.etype == "person" and not e.owner and not self._rival_gender(e):
                noun = {"f": "woman", "m": "man"}[e.gender]
            elif e.cls in lx.HYPERNYMS and not self._rival_kind(e):
                noun = self.rng.choice(lx.HYPERNYMS[e.cls].split())
        if noun != e.noun or not e.adjective:
            return noun, []
        return noun, [e.adjective] if not e.seen or self.chance(0.4) else []

    def _rival_gender(self, e: Entity) -> bool:
        return any(
            o is not e and o.gender == e.gender and not o.name and o.seen for o in self.entities
        )

    def _rival_kind(self, e: Entity) -> bool:
        return any(o is not e and o.cls == e.cls and o.seen for o in self.entities)

    def _article(self, e: Entity, first: str) -> str:
        plural = e.number == "pl"
        if self.indefinite or (e.ordinal and not e.seen):
            return "another" if e.ordinal else "some" if plural else "a"
        if not e.seen:
            known = 0.4 if e.cls == "food" else 0.2
            if e.etype in ("place", "organization"):
                known = 0.84
            few = ["some", "some", "two", "three", "several", "many"] if plural else ["a"]
            few = ["some"] if e.cls in ("liquid", "food") else few
            return "the" if self.chance(known) else self.rng.choice(few)
        if self.chance(0.08 if e.etype == "person" else 0.15):
            if self.chance(0.6):
                return "those" if plural else "that"
            return "these" if plural else "this"
        return "the"
