"""What may be added: adjuncts of time, place, manner, cause and company, and modifiers of nouns."""

from __future__ import annotations

from tools.sample import events
from tools.sample import grammar as g
from tools.sample import lexicon as lx
from tools.sample import verbs as vb
from tools.sample.discourse import Discourse, Entity
from tools.sample.events import Aux, Event, Modifier
from tools.sample.tree import Node, phrase, word
from tools.sample.words import adjective_leaf, determiner, name_leaf, noun_leaf, prep_phrase


def adverb(d: Discourse, kind: str) -> Node:
    """An adverb phrase."""
    adv = d.word_from(lx.ADVERBS[kind])
    return phrase("ADVP", word(adv, adv, "ADV", "RB")).as_rel("advmod")


def bare(d: Discourse, cls: str) -> Node:
    """A noun without article: `silence`, `noon`, `Monday`; a mention where its kind has a type."""
    etype, words = lx.NOUNS[cls]
    noun = d.fresh_word(words)
    leaf = name_leaf(noun) if cls == "day" else noun_leaf(noun)
    if noun == "tears":
        leaf = word("tears", "tear", "NOUN", "NNS", "Number=Plur")
    node = phrase("NP", leaf)
    if etype:
        d.touch(d.add(cls, noun=noun), node)
    return node


TIME_PREPOSITIONS = {
    "clock": "at by before after until",
    "day": "on on by before",
    "event": "during before after",
    "length": "for for in after",
    "daytime": "in in during by",
    "unmarked": "",
}


def time_phrase(d: Discourse, front: bool = False) -> Node:
    """When: an adverb, a prepositional phrase or a bare noun phrase."""
    kind = d.rng.choice(["adv", "event", "clock", "daytime", "day", "event", *TIME_PREPOSITIONS])
    if kind == "adv":
        return adverb(d, "opening" if front else "time")
    if kind == "unmarked":
        leaf = noun_leaf(d.fresh_word(lx.NOUNS["daytime"][1]))
        det = determiner(d.rng.choice(["that" if d.past else "this", "every"]), "")
        node = phrase("NP", det, leaf, head=1).as_rel("obl:unmarked")
        return d.touch(d.add("daytime", noun=leaf.form), node)
    prep = d.rng.choice(TIME_PREPOSITIONS[kind].split())
    if kind == "event":
        event = next((e for e in d.entities if e.cls == "event" and e.seen), None) or d.add("event")
        return prep_phrase(prep, d.mention(event, plain=True))
    return prep_phrase(prep, bare(d, kind) if kind in ("clock", "day") else _measured(d, kind))


def _measured(d: Discourse, cls: str) -> Node:
    """`the morning`, `an hour`."""
    noun = d.fresh_word(lx.NOUNS[cls][1])
    det = determiner("a" if cls == "length" else "the", noun)
    if noun == "hour":
        det.form = "an"
    node = phrase("NP", det, noun_leaf(noun), head=1)
    return d.touch(d.add(cls, noun=noun), node)


def place_phrase(d: Discourse, front: bool = False) -> Node:
    """Where: near or in a place, mostly one that the document knows."""
    if d.chance(0.12) and not front:
        return adverb(d, "place")
    known = [e for e in d.entities if e.etype == "place" and e.seen]
    if known and d.chance(0.6):
        spot = d.rng.choice(known)
    else:
        spot = d.add(d.rng.choice(["spot", "spot", "house"]))
    if spot.cls == "house":
        spot.etype = "place" if not spot.seen else spot.etype
    preps = ["in"] if spot.name else ["in", "in", "near", "by", "at", "outside", "behind"]
    if spot.noun in lx.OUTDOORS and not spot.name:
        preps = ["by", "near", "on", "at"]
    return prep_phrase(d.rng.choice(preps), d.mention(spot, "full", plain=True))


def manner_phrase(d: Discourse) -> Node:
    """How: an adverb, or `in silence`, `with care`."""
    kind = d.rng.choice(["adv", "in", "with", "with", "like"])
    if kind == "adv":
        return adverb(d, "manner")
    if kind == "with":
        return prep_phrase("with", bare(d, "care"))
    if kind == "like":
        noun = d.fresh_word(lx.LIKENESSES)
        return prep_phrase("like", phrase("NP", determiner("a", noun), noun_leaf(noun), head=1))
    return prep_phrase("in", bare(d, "manner"))


def tool_phrase(d: Discourse, lemma: str) -> Node:
    """With what: a tool that fits the verb, or cutlery."""
    fitting = [tools for verbs, tools in vb.TOOLS.values() if lemma in verbs.split()]
    words = fitting[0] if fitting else vb.TOOLS["knife"][1] if lemma else lx.NOUNS["utensil"][1]
    noun = d.fresh_word(words)
    node = phrase("NP", determiner("a", noun), noun_leaf(noun), head=1)
    return prep_phrase("with", d.touch(d.add("utensil", noun=noun, etype="object"), node))


def people(d: Discourse, *but: Entity | None) -> list[Entity]:
    """The single persons mentioned so far, without some."""
    return [
        e for e in d.entities if e.etype == "person" and e.seen and not e.members and e not in but
    ]


def company_phrase(d: Discourse, subject: Entity) -> Node:
    """With whom."""
    others = people(d, subject)
    other = d.rng.choice(others) if others and d.chance(0.7) else d.kin(subject)
    return prep_phrase("with", d.mention(other, plain=True))


def decorate(d: Discourse, ev: Event, amount: float = 0.75) -> Event:
    """Add up to two adjuncts that fit the event."""
    if d.chance(amount * 0.8):
        place = "front" if d.chance(0.5) else "end"
        options = [("ARGM-TMP", time_phrase), ("ARGM-LOC", place_phrase)]
        first = d.chance(0.55) or ev.group in ("walk", "go", "put")
        role, build = options[0] if first else options[1]
        ev.modifiers.append(Modifier(place, role, lambda dd, _s: build(dd, place == "front")))
    if d.chance(amount * 0.8) and not any(m.place == "end" for m in ev.modifiers):
        ev.modifiers.append(_inner_modifier(d, ev))
    return ev


def _inner_modifier(d: Discourse, ev: Event) -> Modifier:
    hint = vb.GROUPS[ev.group].modifiers if ev.group in vb.GROUPS else ""
    person = ev.subject.etype == "person" and not ev.passive
    if ev.verb.lemma in vb.STATIVE or (not person and d.chance(0.5)):
        return Modifier("end", "ARGM-TMP", lambda dd, _s: time_phrase(dd))
    if d.chance(0.25):
        kind = "before" if person else "event"
        return Modifier("pre", "ARGM-MNR", lambda dd, _s: adverb(dd, kind))
    if (hint == "tool" and d.chance(0.6)) or (hint == "meal" and d.chance(0.4)):
        role, lemma = ("ARG2", ev.verb.lemma) if hint == "tool" else ("ARGM-MNR", "")
        return Modifier("end", role, lambda dd, _s: tool_phrase(dd, lemma))
    return _way(d, ev, person)


def _way(d: Discourse, ev: Event, person: bool) -> Modifier:
    """With whom, by what means, what for, or how."""
    if person and d.chance(0.25):
        return Modifier("end", "ARGM-COM", lambda dd, _s: company_phrase(dd, ev.subject))
    if ev.group in ("walk", "go", "carry", "transfer", "obtain") and d.chance(0.4):
        return Modifier("end", "ARGM-MNR", lambda dd, _s: prep_phrase("by", bare(dd, "means")))
    if person and d.chance(0.2):
        return Modifier("end", "ARGM-PRP", purpose)
    if not person:
        return Modifier("end", "ARGM-MNR", lambda dd, _s: adverb(dd, "event"))
    return Modifier("end", "ARGM-MNR", lambda dd, _s: manner_phrase(dd))


def purpose(d: Discourse, subject: Node | None) -> Node:
    """`to help Sami`: what for."""
    who = d.subject or people(d)[0]
    others = people(d, who)
    if others and d.chance(0.6):
        inner = events.event(d, "social", who, d.rng.choice(others))
    else:
        inner = events.event(
            d, d.rng.choice(["stay", "stay", "wait"]), who, others[0] if others else d.add("text")
        )
    return g.infinitive(d, inner, subject, "advcl")


# -- modifiers of nouns
# ------------------------------------------------------------------------------

AFFORDS = {
    "text": ["read", "obtain", "transfer", "put"],
    "thing": ["obtain", "inspect", "damage", "repair", "transfer", "put"],
    "opening": ["repair", "harm", "open", "inspect"],
    "surface": ["repair", "harm", "inspect"],
    "vehicle": ["drive", "repair", "obtain", "harm"],
    "food": ["cook", "eat", "obtain"],
    "art": ["inspect", "obtain", "transfer"],
    "building": ["inspect", "repair", "harm"],
    "plant": ["garden", "inspect"],
    "event": ["attend"],
    "idea": ["weigh"],
    "animal": ["tend", "inspect"],
    "person": ["social"],
}


def use_of(d: Discourse, e: Entity, user: Entity) -> Event | None:
    """Some event in which a person has to do with a thing."""
    if e.cls not in AFFORDS:
        return None
    group, third = d.rng.choice(AFFORDS[e.cls]), None
    others = people(d, user, e)
    if group == "transfer":
        if not others:
            return None
        third = d.rng.choice(others)
    if group == "put":
        third = d.add("surface")
    return events.event(d, group, user, e, third)


def own_act(d: Discourse, e: Entity) -> Event | None:
    """Some event of which the entity itself is the subject."""
    others = people(d, e)
    if e.etype == "person":
        known = [
            o for o in d.entities if o.cls in AFFORDS and o.etype in ("object", "event") and o.seen
        ]
        kind = d.rng.choice(["social", "stay", "own", "walk", "social"])
        if kind == "own" and known:
            return use_of(d, d.rng.choice(known), e)
        if kind == "social" and others:
            return events.event(d, "social", e, d.rng.choice(others))
        spot = d.add("spot") if kind == "walk" else None
        return events.event(d, "walk" if spot else "stay", e, None, spot)
    return _thing_act(d, e, others)


def _thing_act(d: Discourse, e: Entity, others: list[Entity]) -> Event | None:
    """What an animal or a thing may do by itself or to someone."""
    if e.etype == "animal" and not (others and d.chance(0.6)):
        return events.event(d, "animal", e)
    if e.cls in ("opening", "vehicle", "food"):
        return events.event(
            d, {"opening": "happen", "vehicle": "driving", "food": "cooking"}[e.cls], e
        )
    if e.etype in ("animal", "object", "event", "abstract") and others:
        return events.event(d, "bite" if e.etype == "animal" else "please", e, d.rng.choice(others))
    return None


def postmodify(d: Discourse, e: Entity, core: Node) -> Node:
    """Perhaps a prepositional phrase or a relative clause after the noun."""
    if not d.chance(0.45 if not e.seen else 0.12):
        return core
    d.depth += 1
    clausal = d.chance(0.55) and d.depth < 3
    node = (_clausal(d, e, core) if clausal else None) or (
        _phrasal(d, e, core) if not e.seen else None
    )
    d.depth -= 1
    return node or core


def _clausal(d: Discourse, e: Entity, core: Node) -> Node | None:
    users = people(d, e, d.subject)
    aux = Aux(
        d.past,
        perfect=d.chance(0.35),
        modal="" if d.chance(0.8) else d.rng.choice(["would", "could"]),
    )
    if d.chance(0.35) or not users:
        ev = own_act(d, e)
        if ev is None:
            return None
        if d.chance(0.5) and not e.seen and ev.complements and ev.group != "please":
            return g.participial(d, e, core, ev)
        return g.relative(d, e, core, ev, aux)
    ev = use_of(d, e, d.rng.choice(users))
    if ev is None or any(c.kind in ("prt", "iobj") for c in ev.complements):
        return None
    if d.chance(0.5) and ev.verb.lemma not in vb.UNPASSIVE:
        ev = events.passive(d, ev, d.chance(0.7))
        if d.chance(0.7):
            return g.participial(d, e, core, ev)
    return g.relative(d, e, core, ev, aux)


def _phrasal(d: Discourse, e: Entity, core: Node) -> Node | None:
    """`with a red lid`, `from her aunt`, `about horses`, `of the house`, `in the garden`."""
    others = people(d, e, d.subject)
    inner: Node | None = None
    if e.etype == "person":
        prep = d.rng.choice(["in", "from", "at"])
        place = d.chance(0.5)
        if place:
            inner = prep_phrase(prep, d.mention(d.add("spot"), plain=True), "nmod")
        else:
            inner = _with(d, "wear")
    elif e.cls == "food":
        extra = word(w := d.fresh_word(lx.NOUNS["extra"][1]), w[:-1], "NOUN", "NNS", "Number=Plur")
        inner = prep_phrase("with", d.touch(d.add("extra", noun=w), phrase("NP", extra)), "nmod")
    elif e.cls in ("text", "art", "idea") and d.chance(0.7):
        source = others and d.chance(0.6)
        prep = "of" if e.cls == "art" else "from" if source and d.chance(0.6) else "about"
        node = d.mention(d.rng.choice(others), plain=True) if source else _topic(d)
        inner = prep_phrase(prep, node, "nmod")
    elif e.cls in ("thing", "opening", "vehicle", "surface") and d.chance(0.5):
        inner = _with(d, "part")
    elif e.cls in ("opening", "surface", "thing", "text", "building", "animal", "plant"):
        cls = {"opening": "building", "thing": "surface", "text": "surface"}.get(e.cls, "spot")
        prep = "of" if e.cls == "opening" else d.rng.choice(["on", "by", "near", "behind"])
        inner = prep_phrase(prep, d.mention(d.add(cls), plain=True), "nmod")
    return phrase("NP", core, inner) if inner else None


def _with(d: Discourse, cls: str) -> Node:
    noun = d.fresh_word(lx.NOUNS[cls][1])
    adj = d.word_from("red blue green small long white brown gray black")
    node = phrase("NP", determiner("a", adj), adjective_leaf(adj), noun_leaf(noun), head=2)
    return prep_phrase("with", d.touch(d.add(cls, noun=noun), node), "nmod")


def _topic(d: Discourse) -> Node:
    noun = d.fresh_word(lx.NOUNS["topic"][1])
    plural = noun == "horses"
    leaf = word(noun, "horse", "NOUN", "NNS", "Number=Plur") if plural else noun_leaf(noun)
    return d.touch(
        d.add("topic", noun=noun, etype="animal" if plural else "abstract"), phrase("NP", leaf)
    )
