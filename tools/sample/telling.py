"""Ways to tell a step of a plot in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tools.sample import adjuncts as a
from tools.sample import events
from tools.sample import grammar as g
from tools.sample import lexicon as lx
from tools.sample import verbs as vb
from tools.sample.cast import Cast
from tools.sample.discourse import Discourse, Entity
from tools.sample.events import Aux, Event
from tools.sample.plots import REASONS, verb
from tools.sample.tree import Node, Sentence, phrase, punct, word
from tools.sample.words import prep_phrase

CONJUNCTIONS = (
    ("after", "ARGM-TMP"),
    ("before", "ARGM-TMP"),
    ("when", "ARGM-TMP"),
    ("while", "ARGM-TMP"),
    ("because", "ARGM-CAU"),
    ("although", "ARGM-ADV"),
    ("since", "ARGM-CAU"),
)


class Telling(Cast):
    """Turns events into sentences of many shapes."""

    def finish(self, *kids: Node, mark: str = ".") -> Sentence:
        """Close a sentence whose first part heads it."""
        body = kids[0]
        if mark:
            body.kids.append(punct(mark))
        top = phrase("TOP", body).as_rel("root")
        prune(top)
        return Sentence(top)

    def aux(self, free: bool = True) -> Aux:
        """Tense, aspect, modality and polarity."""
        d = self.d
        pick = d.rng.random()
        negative = d.chance(0.09)
        base = Aux(d.past, negative=negative, contracted=d.chance(0.6))
        if not free or pick < 0.5:
            return base
        if pick < 0.8:
            modals = ["will", "can", "may", "must", "should"]
            if d.past:
                modals = ["would", "could", "might", "should"]
            return replace(base, modal=d.rng.choice(modals))
        return replace(base, perfect=pick < 0.9, progressive=pick >= 0.9)

    def aspectless(self) -> Aux:
        """As `aux`, without perfect and progressive: for states."""
        return replace(self.aux(), perfect=False, progressive=False)

    def event(self, step: str) -> Event:
        """The event of a step."""
        group, *letters = step.strip("()").split()
        people = [self.actor(x) for x in letters]
        third = people[2] if len(people) > 2 else None
        if len(people) == 2 and group in ("walk", "go"):
            return events.event(self.d, group, people[0], None, people[1])
        return events.event(self.d, group, people[0], people[1] if len(people) > 1 else None, third)

    def winograd(self, first: Entity, second: Entity) -> Sentence:
        """An act of one towards the other, with a reason that the verb makes us expect of one."""
        d = self.d
        lemma, mark, about, reason = d.rng.choice(REASONS)
        who = (first, second)[about - 1]
        main = Event(
            verb(lemma),
            first,
            [events.Complement("obj", "ARG1", second, full=True)],
            group="social",
        )
        perfect = reason.startswith("+")
        words = reason.lstrip("+").split()
        if words[0] in [*lx.ADJECTIVES["mood"].split(), "honest", "clever"]:
            inner = self._predicate(who, words[0])
        else:
            thing = self.actor("X") if len(words) > 1 else None
            known = [events.Complement("obj", "ARG1", thing)] if thing else []
            if words[0] == "help":
                known = [events.Complement("obj", "ARG1", first)]
            if words[0] == "want":
                inner = g.clausal(d, "want", who, events.event(d, "stay", who))
            else:
                inner = Event(verb(words[0]), who, known, group="social")
        aux = Aux(d.past, perfect=perfect)
        body = g.clause(d, main, Aux(d.past))
        who.was_subject = d.sentence  # the verb makes the pronoun clear
        for other in (first, second):
            other.was_subject = d.sentence - (other is not who)
        part = g.adverbial(d, mark, inner, aux)
        role = {"because": "ARGM-CAU", "although": "ARGM-ADV", "until": "ARGM-TMP"}[mark]
        vp = body.kids[-1]
        vp.kids.append(part.plays(g.predicate_of(vp), role))
        return self.finish(body)

    def _predicate(self, who: Entity, adj: str) -> Event:
        leaf = word(adj, adj, "ADJ", "JJ", "Degree=Pos")
        return g.copular(who, lambda _d, _s: phrase("ADJP", leaf).as_rel("pred"))

    def state(self, who: Entity) -> Event:
        """How someone or something is, or where."""
        d = self.d
        if d.chance(0.25) and who.etype in ("person", "object", "animal"):

            def where(dd: Discourse, _s: Node | None) -> Node:
                return a.place_phrase(dd).as_rel("pred")

            return g.copular(who, where)
        kind = {
            "person": "mood",
            "animal": "animal",
            "event": "event",
            "abstract": "idea",
            "substance": "food",
        }
        if d.chance(0.3) and who.etype in ("person", "object"):
            return self._comparison(who)
        adj = d.word_from(lx.ADJECTIVES[kind.get(who.etype, "state")])
        return self._predicate(who, adj)

    def _comparison(self, who: Entity) -> Event:
        d = self.d
        alike = [
            e
            for e in d.entities
            if e is not who and e.etype == who.etype and e.seen and not e.members
        ]
        if not alike:
            return self._predicate(
                who, d.word_from(lx.ADJECTIVES["mood" if who.etype == "person" else "state"])
            )
        other = d.rng.choice(alike)
        form = d.word_from(lx.COMPARATIVES["person" if who.etype == "person" else "thing"])
        base = form[:-3] + "y" if form.endswith("ier") else form[:-2]
        leaf = word(form, {"wis": "wise"}.get(base, base), "ADJ", "JJR", "Degree=Cmp")

        def build(dd: Discourse, _s: Node | None) -> Node:
            return phrase("ADJP", leaf, prep_phrase("than", dd.mention(other, plain=True))).as_rel(
                "pred"
            )

        return g.copular(who, build)

    def tell(self, step: str) -> Sentence:
        """One sentence for a step of the plot."""
        d = self.d
        group, *letters = step.strip("()").split()
        if group == "winograd":
            return self.winograd(self.actor(letters[0]), self.actor(letters[1]))
        if group in ("say", "tell"):
            return self.report(self.actor(letters[0]), self.state(self.actor("X")))
        ev = self.event(step)
        person = ev.subject.etype == "person"
        willing = person and group not in ("damage", "harm", "have")
        ways: list[tuple[float, Callable[[Event], Sentence]]] = [
            (30, self.plain),
            (16 if ev.object() else 0, self.passive),
            (14 if willing else 0, self.control),
            (8, self.reported),
            (9, self.quoted),
            (8, self.ask),
            (10 if person else 4, self.joined),
            (14, self.subordinate),
            (7 if willing else 0, self.request),
        ]
        weights = [weight for weight, _ in ways]
        way = d.rng.choices([way for _, way in ways], weights)[0]
        return way(ev)

    def plain(self, ev: Event) -> Sentence:
        """A declarative sentence."""
        return self.finish(g.clause(self.d, a.decorate(self.d, ev), self.aux()))

    def passive(self, ev: Event) -> Sentence:
        """A passive sentence."""
        ev = events.passive(self.d, ev, self.d.chance(0.6))
        return self.finish(g.clause(self.d, a.decorate(self.d, ev, 0.5), self.aux()))

    def control(self, ev: Event) -> Sentence:
        """Someone wants or tries to do it."""
        outer = g.clausal(self.d, "want", ev.subject, without_front(a.decorate(self.d, ev, 0.5)))
        return self.finish(g.clause(self.d, outer, self.aux()))

    def request(self, ev: Event) -> Sentence:
        """Someone asks another to do it."""
        d = self.d
        others = [
            p for p in (self.cast["A"], self.cast["B"], self.cast["C"]) if p is not ev.subject
        ]
        wish = without_front(a.decorate(d, ev, 0.5))
        outer = g.clausal(d, "ask", d.rng.choice(others), wish, ev.subject)
        return self.finish(g.clause(d, outer, self.aux()))

    def report(self, who: Entity, ev: Event) -> Sentence:
        """Someone says or thinks that it is so, or tells another."""
        d = self.d
        others = [p for p in (self.cast["A"], self.cast["B"]) if p is not who]
        hearer = d.rng.choice(others) if d.chance(0.4) else None
        aux = self.aspectless() if ev.verb is events.BE else self.aux()
        outer = g.clausal(d, "tell" if hearer else "say", who, ev, hearer, aux)
        return self.finish(g.clause(d, outer, Aux(d.past)))

    def reported(self, ev: Event) -> Sentence:
        """Someone else reports the step."""
        others = [p for p in (self.cast["A"], self.cast["B"]) if p is not ev.subject]
        return self.report(self.d.rng.choice(others), without_front(a.decorate(self.d, ev, 0.5)))

    def quoted(self, ev: Event) -> Sentence:
        """Direct speech by one of the two, to the other."""
        d = self.d
        speaker, hearer = d.rng.sample([self.cast["A"], self.cast["B"]], 2)
        d.speaker, d.addressee = speaker, hearer
        past, d.past = d.past, d.chance(0.3)
        inner = g.clause(d, a.decorate(d, ev, 0.4), self.aux())
        d.past, d.speaker, d.addressee = past, None, None
        prune(inner)
        first = next(inner.words())
        first.form = first.form[0].upper() + first.form[1:]
        first.glued = "tight"
        manner = verb(
            d.rng.choice(["answer", "reply", "promise", "call", "whisper", "shout", "claim"])
        )
        said = g.inflect(manner, "past" if d.past else "pres", "3s", "root")
        said.sense = f"{said.lemma}.01"
        inner.as_rel("ccomp").plays(said, "ARG1")
        who = d.mention(speaker, "nom").as_rel("nsubj").plays(said, "ARG0")
        opening = punct("``", tight=False)
        return self.finish(
            phrase("S", opening, inner, punct(","), punct("''"), who, phrase("VP", said), head=-1)
        )

    def ask(self, ev: Event) -> Sentence:
        """A question about the step."""
        d = self.d
        kinds = ["yes", "who", "when", "where", "why", "how"] + (["what"] if ev.object() else [])
        kind = d.rng.choice(kinds)
        if kind == "what" and any(c.kind in ("prt", "iobj") for c in ev.complements):
            kind = "yes"
        if kind == "who" and ev.subject.etype != "person":
            kind = "why"
        if kind == "what" and ev.object() and ev.object().etype in ("person", "animal"):  # type: ignore[union-attr]
            kind = "when"
        aux = self.aux()
        return self.finish(g.question(d, ev, aux, kind), mark="")

    def second(self, who: Entity) -> Event:
        """Another event of the same subject."""
        d = self.d
        made = a.own_act(d, who) if who.seen else None
        return made or self.state(who)

    def joined(self, ev: Event) -> Sentence:
        """Two verb phrases or two clauses joined."""
        d = self.d
        shared = ev.subject.etype == "person" and d.chance(0.6)
        cc = "and" if shared else d.rng.choice(["and", "but"])
        leaf = word(cc, cc, "CCONJ", "CC", rel="cc")
        if shared:
            subject = d.mention(ev.subject, "nom").as_rel("nsubj")
            outer, d.subject = d.subject, ev.subject
            one = g.verb_phrase(d, ev, Aux(d.past), "fin", subject)
            two = g.verb_phrase(d, self.second(ev.subject), Aux(d.past), "fin", subject)
            d.subject = outer
            joined = phrase("VP", one, phrase("", leaf, two, head=1).as_rel("conj"))
            return self.finish(phrase("S", subject, joined, head=1))
        one = g.clause(d, a.decorate(d, ev, 0.5), self.aux())
        other = d.rng.choice(
            [p for p in (self.cast["A"], self.cast["B"], self.actor("X")) if p is not ev.subject]
        )
        two = g.clause(d, self.second(other), self.aspectless())
        rest = phrase("", punct(","), leaf, two, head=2).as_rel("conj")
        return self.finish(phrase("S", one, rest))

    def subordinate(self, ev: Event) -> Sentence:
        """The step with a second event as its time, cause or condition."""
        d = self.d
        if ev.subject.etype == "person" and d.chance(0.3):
            inner = a.own_act(d, ev.subject) if ev.subject.seen else None
            if not inner or inner.verb.lemma in vb.STATIVE:
                inner = events.event(d, "stay", ev.subject)
            prep = d.rng.choice(["before", "after", "by", "without"])
            role = {"by": "ARGM-MNR", "without": "ARGM-MNR"}.get(prep, "ARGM-TMP")
            ev.modifiers.append(
                events.Modifier("end", role, lambda dd, s: g.gerund(dd, inner, s, prep))
            )
            return self.finish(g.clause(d, ev, self.aux()))
        mark, role = d.rng.choice(CONJUNCTIONS)
        people = [p for p in (self.cast["A"], self.cast["B"]) if p.seen] or [self.cast["A"]]
        place = "front" if d.chance(0.5) else "end"
        who = d.rng.choice(people)
        ev.modifiers.append(
            events.Modifier(
                place, role, lambda dd, _s: g.adverbial(dd, mark, self.second(who), Aux(dd.past))
            )
        )
        return self.finish(g.clause(d, ev, self.aux()))


def without_front(ev: Event) -> Event:
    """Drop fronted adjuncts, which an infinitive cannot hold."""
    ev.modifiers = [m for m in ev.modifiers if m.place != "front"]
    return ev


def prune(node: Node) -> None:
    """Drop a comma that another mark follows, or that opens the sentence."""
    words = list(node.words())
    doomed = set()
    for comma, following in zip(words, [*words[1:], None], strict=True):
        if comma.form == "," and (following is None or following.form in ".,?"):
            doomed.add(id(comma))
    for part in node.phrases():
        head = part.kids[part.head] if part.kids else None
        part.kids = [k for k in part.kids if id(k) not in doomed]
        if head is not None:
            part.head = next(i for i, k in enumerate(part.kids) if k is head)
