"""Clauses: from a verb and its participants to an annotated phrase.

Everything is built left to right, since the form of a mention depends on what was said before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tools.sample import verbs as vb
from tools.sample.discourse import Discourse, Entity
from tools.sample.events import BE, Aux, Complement, Event
from tools.sample.tree import Node, phrase, punct, word

AGREEMENT = {
    "1s": "Number=Sing|Person=1",
    "2": "Number=Sing|Person=2",
    "3s": "Number=Sing|Person=3",
    "3p": "Number=Plur|Person=3",
}
ADDRESSEE = {"ask": ("ARG2", "ARG1"), "tell": ("ARG2", "ARG1"), "order": ("ARG2", "ARG1"),
             "teach": ("ARG2", "ARG1"), "want": ("", "ARG1"), "need": ("", "ARG1")}  # fmt: skip


def clausal(d: Discourse, group: str, subject: Entity, inner: Event, hearer: Entity | None = None,
            aux: Aux | None = None) -> Event:  # fmt: skip
    """A verb of saying, telling, wanting or asking, with its clause."""
    out = Event(d.verb(group), subject, group=group)
    frame, lemma = vb.GROUPS[group].frame, out.verb.lemma
    if frame in ("that", "tellthat"):
        silent = d.chance(0.3) and lemma in (
            "say",
            "think",
            "know",
            "believe",
            "hope",
            "tell",
            "see",
            "hear",
        )
        told = Complement(
            "clause", "ARG1", lambda dd, _s: that_clause(dd, inner, aux or Aux(dd.past), silent)
        )
        out.complements = [told]
        if hearer:
            out.complements.insert(0, Complement("iobj", "ARG2", hearer))
    elif frame == "inf":
        out.complements = [Complement("clause", "ARG1", lambda dd, s: infinitive(dd, inner, s))]
    elif hearer:
        hears, said = ADDRESSEE.get(lemma, ("ARG1", "ARG2"))
        target = Complement("obj", hears, hearer)
        held: list[Node] = []
        target.filler = lambda dd, _s: _keep(held, dd.mention(hearer))
        wish = Complement("clause", said, lambda dd, _s: infinitive(dd, inner, held[0]))
        out.complements = [target, wish]
    return out


def _keep(store: list[Node], node: Node) -> Node:
    store.append(node)
    return node


def copular(subject: Entity, build: Callable[[Discourse, Node | None], Node]) -> Event:
    """A clause with `be` and a predicate phrase."""
    return Event(BE, subject, [Complement("pred", "ARG2", build)], "ARG1")


# -- verbs
# -------------------------------------------------------------------------------------------


def inflect(verb: vb.Verb, form: str, agr: str = "3s", rel: str = "aux") -> Node:
    """One verb word: form is past, pres, VB, VBG, VBN or pass."""
    upos = "AUX" if rel.startswith(("aux", "cop")) else "VERB"
    lemma = verb.lemma
    if form == "past":
        shape = {"3s": "was", "1s": "was"}.get(agr, "were") if lemma == "be" else verb.past
        return word(
            shape, lemma, upos, "VBD", f"Mood=Ind|{AGREEMENT[agr]}|Tense=Past|VerbForm=Fin", rel
        )
    if form == "pres":
        shape = vb.s_form(lemma) if agr == "3s" else lemma
        if lemma == "be":
            shape = {"3s": "is", "1s": "am"}.get(agr, "are")
        tag = "VBZ" if agr == "3s" else "VBP"
        return word(
            shape, lemma, upos, tag, f"Mood=Ind|{AGREEMENT[agr]}|Tense=Pres|VerbForm=Fin", rel
        )
    if form == "VBG":
        return word(vb.ing_form(lemma), lemma, upos, "VBG", "Tense=Pres|VerbForm=Part", rel)
    if form in ("VBN", "pass"):
        voice = "|Voice=Pass" if form == "pass" else ""
        return word(verb.participle, lemma, upos, "VBN", f"Tense=Past|VerbForm=Part{voice}", rel)
    return word(lemma, lemma, upos, "VB", "VerbForm=Inf", rel)


HAVE, DO = vb.Verb("have", "had", "had", "_"), vb.Verb("do", "did", "done", "_")


def verb_chain(ev: Event, aux: Aux, form: str, agr: str, support: bool = False) -> list[Node]:
    """The auxiliaries and the verb, each in the form the one before it asks for."""
    steps: list[tuple[vb.Verb | str, str, str]] = []
    if aux.modal and form == "fin":
        steps.append((aux.modal, "aux", "VB"))
    if aux.perfect:
        steps.append((HAVE, "aux", "VBN"))
    if aux.progressive and ev.verb.lemma not in vb.STATIVE:
        steps.append((BE, "aux", "VBG"))
    if ev.passive:
        steps.append((BE, "aux:pass", "pass"))
    if form == "fin" and not steps and (aux.negative or support) and ev.verb is not BE:
        steps.append((DO, "aux", "VB"))
    main = "cop" if ev.verb is BE else "root"
    want = {"fin": "past" if aux.past else "pres", "inf": "VB"}.get(form, form)
    out = []
    for item, rel, asks in [*steps, (ev.verb, main, "")]:
        if isinstance(item, str):
            out.append(word(item, item, "AUX", "MD", "VerbForm=Fin", rel))
        else:
            out.append(inflect(item, want, agr, rel))
        want = asks
    out[-1].sense = ev.verb.sense
    if form == "VBG" and len(out) == 1:
        out[0].feats = "VerbForm=Ger"
    return out


def negation(first: Node, contracted: bool) -> Node:
    """`not`, or `n't` on the auxiliary before it."""
    node = word("not", "not", "PART", "RB", "Polarity=Neg", "advmod")
    if (contracted or first.form == "can") and first.form not in ("am", "may", "might"):
        node.form, node.glued = "n't", "token"
        first.form = {"will": "wo", "can": "ca"}.get(first.form, first.form)
    return node


def verb_phrase(d: Discourse, ev: Event, aux: Aux, form: str, subject: Node | None,
                gap: Entity | None = None, chain: list[Node] | None = None) -> Node:  # fmt: skip
    """The verb phrase; `chain` is given where the first auxiliary already stands before the
    subject."""
    chain = chain or verb_chain(ev, aux, form, d.agreement(ev.subject))
    main = chain[-1]
    if subject is not None:
        subject.plays(main, ev.subject_role)
    kids: list[Node] = [main]
    negated: Node | None = None
    if aux.negative and form == "fin":
        negated = negation(chain[0], aux.contracted).plays(main, "ARGM-NEG")
        if chain[0] is main:
            kids.append(negated)
    before = [m.build(d, subject).plays(main, m.role) for m in ev.modifiers if m.place == "pre"]
    for c in ev.complements:
        if gap is None or c.filler is not gap:
            kids.append(complement(d, c, subject).plays(main, c.role))
    kids += [m.build(d, subject).plays(main, m.role) for m in ev.modifiers if m.place == "end"]
    heads = [i for i, k in enumerate(kids) if k.rel == "pred"]
    out = phrase("VP", *before, *kids, head=len(before) + (heads[0] if heads else 0))
    for i in range(len(chain) - 2, -1, -1):
        if chain[i].xpos == "MD":
            chain[i].plays(main, "ARGM-MOD")
        inner = [negated] if i == 0 and negated else []
        out = phrase("VP", chain[i], *inner, out, head=-1)
    return out


def complement(d: Discourse, c: Complement, subject: Node | None) -> Node:
    """One complement, built where it stands."""
    if c.kind == "prt":
        return phrase("PRT", word(c.prep, c.prep, "ADP", "RP")).as_rel("compound:prt")
    if isinstance(c.filler, Entity):
        if c.prep:
            case = word(c.prep, c.prep, "ADP", "IN", rel="case")
            inner = d.mention(c.filler)
            return phrase("PP", case, inner, head=1).as_rel(
                "obl:agent" if c.kind == "agent" else "obl"
            )
        return d.mention(c.filler, "full" if c.full else "acc").as_rel(c.kind)
    assert callable(c.filler)
    node = c.filler(d, subject)
    return node.as_rel(c.kind) if c.kind in ("obj", "pred") else node


# -- clauses
# -----------------------------------------------------------------------------------------


def clause(d: Discourse, ev: Event, aux: Aux, gap: Entity | None = None) -> Node:
    """A finite declarative clause."""
    outer, kids = d.subject, []
    fronted = []
    for m in (m for m in ev.modifiers if m.place == "front"):
        node = m.build(d, None)
        fronted.append((node, m.role))
        kids += [node, punct(",")]
    subject = d.mention(ev.subject, "nom").as_rel("nsubj:pass" if ev.passive else "nsubj")
    d.subject = ev.subject
    vp = verb_phrase(d, ev, aux, "fin", subject, gap)
    d.subject = outer
    for node, role in fronted:
        node.plays(predicate_of(vp), role)
    return phrase("S", *kids, subject, vp, head=-1)


def predicate_of(vp: Node) -> Node:
    """The word with the sense: the head, or the copula beside it."""
    inner = vp
    while inner.kids and inner.kids[inner.head].label == "VP":
        inner = inner.kids[inner.head]
    return next(w for w in inner.kids if w.sense)


def that_clause(d: Discourse, ev: Event, aux: Aux, silent: bool) -> Node:
    """`that` and a clause, or the clause alone."""
    if silent:
        return phrase("SBAR", clause(d, ev, aux)).as_rel("ccomp")
    that = word("that", "that", "SCONJ", "IN", rel="mark")
    return phrase("SBAR", that, clause(d, ev, aux), head=1).as_rel("ccomp")


def infinitive(d: Discourse, ev: Event, subject: Node | None, rel: str = "xcomp") -> Node:
    """`to` and a verb phrase, understood with the given subject."""
    outer, d.subject = d.subject, ev.subject
    to = word("to", "to", "PART", "TO", rel="mark")
    vp = verb_phrase(d, ev, Aux(), "inf", subject)
    d.subject = outer
    return phrase("S", phrase("VP", to, vp, head=1)).as_rel(rel)


def gerund(d: Discourse, ev: Event, subject: Node | None, prep: str) -> Node:
    """A preposition and an -ing phrase: `before opening the box`."""
    outer, d.subject = d.subject, ev.subject
    mark = word(prep, prep, "SCONJ", "IN", rel="mark")
    inner = phrase("S", verb_phrase(d, ev, Aux(), "VBG", subject))
    d.subject = outer
    return phrase("PP", mark, inner, head=1).as_rel("advcl")


def adverbial(d: Discourse, mark: str, ev: Event, aux: Aux) -> Node:
    """A subordinate clause with its conjunction."""
    if mark in ("when", "where"):
        leaf = word(mark, mark, "ADV", "WRB", "PronType=Int", "advmod")
        inner = clause(d, ev, aux)
        at = phrase("WHADVP", leaf).as_rel("advmod").plays(predicate_of(inner.kids[-1]), "ARGM-TMP")
        return phrase("SBAR", at, inner, head=1).as_rel("advcl")
    leaf = word(mark, mark, "SCONJ", "IN", rel="mark")
    return phrase("SBAR", leaf, clause(d, ev, aux), head=1).as_rel("advcl")


def question(d: Discourse, ev: Event, aux: Aux, wh: str) -> Node:
    """A question: `yes` for a polar one, else the wh-word (who, what, when, where, why, how)."""
    outer = d.subject
    if wh == "who":
        vp = verb_phrase(d, replace_agreement(d, ev), replace(aux, negative=False), "fin", None)
        who = phrase("WHNP", word("who", "who", "PRON", "WP", "PronType=Int"))
        who.as_rel("nsubj:pass" if ev.passive else "nsubj").plays(predicate_of(vp), ev.subject_role)
        return phrase("SBARQ", who, phrase("SQ", vp), punct("?"), head=1)
    chain = verb_chain(ev, aux, "fin", d.agreement(ev.subject), support=True)
    front: list[Node] = []
    role, obj = "", None
    if wh == "what":
        obj = ev.object()
        front = [phrase("WHNP", word("what", "what", "PRON", "WP", "PronType=Int")).as_rel("obj")]
        role = "ARG1"
    elif wh != "yes":
        front = [phrase("WHADVP", word(wh, wh, "ADV", "WRB", "PronType=Int")).as_rel("advmod")]
        role = {"when": "ARGM-TMP", "where": "ARGM-LOC", "why": "ARGM-CAU", "how": "ARGM-MNR"}[wh]
    first = chain[0]
    subject = d.mention(ev.subject, "nom").as_rel("nsubj:pass" if ev.passive else "nsubj")
    d.subject = ev.subject
    vp = verb_phrase(d, ev, replace(aux, negative=False), "fin", subject, obj, chain[1:])
    d.subject = outer
    if first.xpos == "MD":
        first.plays(predicate_of(vp), "ARGM-MOD")
    if not front:
        return phrase("SQ", first, subject, vp, punct("?"), head=2)
    front[0].plays(predicate_of(vp), role)
    return phrase("SBARQ", front[0], phrase("SQ", first, subject, vp, head=2), punct("?"), head=1)


def replace_agreement(d: Discourse, ev: Event) -> Event:
    """The same event seen from an unknown subject, which takes the singular."""
    unknown = Entity("", "", "person", "")
    return Event(
        ev.verb, unknown, ev.complements, ev.subject_role, ev.passive, ev.modifiers, ev.group
    )


def relative(d: Discourse, e: Entity, core: Node, ev: Event, aux: Aux) -> Node:
    """A noun phrase with a relative clause, whose subject or object is the entity."""
    person = e.etype == "person"
    leaf = word("that", "that", "PRON", "WDT", "PronType=Rel")
    if d.chance(0.6 if person else 0.3):
        leaf = word("who", "who", "PRON", "WP", "PronType=Rel") if person else leaf
        leaf = leaf if person else word("which", "which", "PRON", "WDT", "PronType=Rel")
    wh = phrase("WHNP", leaf)
    if ev.subject is e:
        outer, d.subject = d.subject, e
        vp = verb_phrase(d, ev, aux, "fin", None)
        d.subject = outer
        inner, role = phrase("S", vp), ev.subject_role
        wh.as_rel("nsubj:pass" if ev.passive else "nsubj")
    else:
        inner, role = clause(d, ev, aux, gap=e), "ARG1"
        vp = inner.kids[-1]
        wh.as_rel("obj")
    pred = predicate_of(vp)
    core.plays(pred, role)
    kids = [inner]
    if ev.subject is e or d.chance(0.6):
        kids.insert(0, wh.plays(pred, f"R-{role}"))
    return phrase("NP", core, phrase("SBAR", *kids, head=-1).as_rel("acl:relcl"))


def participial(d: Discourse, e: Entity, core: Node, ev: Event) -> Node:
    """A noun phrase with a reduced clause: `the box sent by Mara`, `a man pulling a cart`."""
    outer, d.subject = d.subject, e
    form = "VBN" if ev.passive else "VBG"
    ev_plain = Event(
        ev.verb, ev.subject, ev.complements, ev.subject_role, False, ev.modifiers, ev.group
    )
    vp = verb_phrase(d, ev_plain, Aux(), form, None)
    if ev.passive:
        vp.top().feats = "Tense=Past|VerbForm=Part|Voice=Pass"
    d.subject = outer
    core.plays(vp.top(), ev.subject_role)
    return phrase("NP", core, vp.as_rel("acl"))
