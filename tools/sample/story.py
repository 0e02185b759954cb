"""Documents: a small cast, a plot of steps, and a sentence for each step."""

from __future__ import annotations

from collections.abc import Callable

from tools.sample import adjuncts as a
from tools.sample import events
from tools.sample import grammar as g
from tools.sample import lexicon as lx
from tools.sample.discourse import Discourse, Entity
from tools.sample.events import Aux, Event
from tools.sample.plots import verb
from tools.sample.telling import Telling
from tools.sample.tree import Node, Sentence, phrase, word
from tools.sample.words import adjective_leaf, determiner, noun_leaf, prep_phrase


class Story(Telling):
    """Writes one document."""

    def introduce(self) -> Sentence:
        """A first sentence that sets a person, a job or a place."""
        d, who = self.d, self.cast["A"]
        kind = d.rng.choice(["job", "job", "exist", "live", "work"])
        if kind == "job" and who.name:
            who.told_role = True
            return self.finish(g.clause(d, g.copular(who, self._job(who)), Aux(d.past)))
        if kind == "exist":
            who.name = ""
            return self._existential(who)
        where = self.actor("P") if kind == "live" or d.chance(0.4) else self.organization()
        lemma, prep, role = "work", "for", "ARG2"
        if kind == "live":
            lemma, prep, role = "live", "in", "ARGM-LOC"
        if where.etype == "place":
            prep, role = events.inside(where), "ARGM-LOC"
        subject = d.group(who, self.cast["B"]) if d.chance(0.35) else who
        ev = Event(
            verb(lemma), subject, [events.Complement("obl", role, where, prep)], group="stay"
        )
        return self.finish(g.clause(d, ev, Aux(d.past)))

    def _job(self, who: Entity) -> Callable[[Discourse, Node | None], Node]:
        def build(d: Discourse, _subject: Node | None) -> Node:
            adj = d.word_from(lx.ADJECTIVES["person"])
            core = phrase(
                "NP", determiner("a", adj), adjective_leaf(adj), noun_leaf(who.noun), head=2
            )
            core.entity = (who.eid, who.etype)
            if d.chance(0.6):
                place = self.organization() if d.chance(0.6) else self.actor("P")
                prep = "at" if place.cls == "house" else "for" if place.cls == "team" else "from"
                prep = "in" if place.name and place.etype == "place" and d.chance(0.5) else prep
                inner = prep_phrase(prep, d.mention(place, plain=True), "nmod")
                core.entity = None
                core = phrase("NP", core, inner)
                core.entity = (who.eid, who.etype)
            return core.as_rel("pred")

        return build

    def _existential(self, who: Entity) -> Sentence:
        d = self.d
        there = phrase("NP", word("there", "there", "PRON", "EX")).as_rel("expl")
        be = g.inflect(events.BE, "past" if d.past else "pres", "3s", "root")
        be.sense = "be.02"
        d.indefinite = True
        noun = d.mention(who, "acc", plain=d.chance(0.7)).as_rel("nsubj").plays(be, "ARG1")
        d.indefinite = False
        where = a.place_phrase(d, front=True).plays(be, "ARGM-LOC")
        return self.finish(phrase("S", there, phrase("VP", be, noun, where), head=1))

    def write(self) -> list[Sentence]:
        """All sentences of the document."""
        d = self.d
        length = d.rng.randint(3, 8)
        sentences = []
        if d.chance(0.7):
            sentences.append(self.introduce())
        while len(sentences) < length and self.steps:
            d.sentence += 1
            step = self.steps.pop(0)
            if step.startswith("(") and d.chance(0.5):
                continue
            sentences.append(self.tell(step))
            if d.chance(0.15) and len(sentences) < length:
                d.sentence += 1
                who = d.rng.choice([self.cast["A"], self.cast["B"], self.actor("X")])
                sentences.append(self.finish(g.clause(d, self.state(who), self.aspectless())))
        return sentences
