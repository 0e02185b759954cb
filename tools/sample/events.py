"""Events: a verb with its participants in the order and the frame the verb asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tools.sample import lexicon as lx
from tools.sample import verbs as vb
from tools.sample.discourse import Discourse, Entity
from tools.sample.tree import Node

Filler = Entity | Callable[[Discourse, Node | None], Node] | None
BE = vb.Verb("be", "was", "been", "be.01")


@dataclass(eq=False)
class Complement:
    """What a verb takes beside its subject.  `full` forbids a pronoun."""

    kind: str  # obj, iobj, obl, prt, clause, pred
    role: str
    filler: Filler
    prep: str = ""
    full: bool = False


@dataclass(eq=False)
class Modifier:
    """An adjunct: its place (front, pre, end), its role and what builds it."""

    place: str
    role: str
    build: Callable[[Discourse, Node | None], Node]


@dataclass(eq=False)
class Event:
    """A verb with its participants."""

    verb: vb.Verb
    subject: Entity
    complements: list[Complement] = field(default_factory=list)
    subject_role: str = "ARG0"
    passive: bool = False
    modifiers: list[Modifier] = field(default_factory=list)
    group: str = ""

    def object(self) -> Entity | None:
        """The direct object, if it is an entity."""
        found = [
            c.filler for c in self.complements if c.kind == "obj" and isinstance(c.filler, Entity)
        ]
        return found[0] if found else None


@dataclass(frozen=True)
class Aux:
    """The finite side of a clause."""

    past: bool = True
    modal: str = ""
    perfect: bool = False
    progressive: bool = False
    negative: bool = False
    contracted: bool = False


def event(d: Discourse, group: str, subject: Entity, obj: Entity | None = None,
          third: Entity | None = None) -> Event:  # fmt: skip
    """An event of a group of verbs, with its participants in the frame of the group."""
    verb, frame = d.verb(group), vb.GROUPS[group].frame.split()
    out = Event(verb, subject, group=group)
    if frame[0] == "unacc":
        out.subject_role = "ARG1"
    if frame[0] == "obj" and obj:
        out.complements = [Complement("obj", "ARG1", obj)]
        if group == "please":
            out.subject_role = "ARG0"
        if verb.particle:
            late = d.chance(0.5)
            particle = Complement("prt", "", None, prep=verb.particle)
            out.complements.insert(1 if late else 0, particle)
            out.complements[0 if late else 1].full = not late
    if frame[0] == "dative" and obj and third:
        out.complements = dative(d, verb, obj, third)
    elif frame[0] == "put" and obj and third:
        preps = (
            [inside(third)] if third.etype == "place" else ["on", "under", "behind", "near", "by"]
        )
        where = Complement("obl", "ARG2", third, d.rng.choice(preps))
        out.complements = [Complement("obj", "ARG1", obj), where]
    elif frame[0].startswith("prep:"):
        _, prep, role = frame[0].split(":")
        out.complements = [Complement("obl", role, obj or third, prep)]
    elif (
        third is not None
        and "from:ARG2" in frame
        and verb.lemma not in ("find", "choose", "want", "need")
    ):
        out.complements.append(Complement("obl", "ARG2", third, "from"))
    elif third is not None and third.etype in ("place", "organization", "event"):
        goal = (
            "ARG4" if "goal:ARG4" in frame else "ARGM-GOL" if frame[0].startswith("go:") else "ARG2"
        )
        prep = "at" if verb.lemma == "arrive" else "to"
        if goal != "ARG2" or ("goal" in frame and verb.lemma in vb.HAULING):
            out.complements.append(Complement("obl", goal, third, prep))
    return out


def inside(place: Entity) -> str:
    """The preposition for being at a place."""
    return "by" if place.noun in lx.OUTDOORS and not place.name else "in"


def dative(d: Discourse, verb: vb.Verb, obj: Entity, goal: Entity) -> list[Complement]:
    """Either order of a transfer: `give her the box` or `give the box to her`."""
    if d.chance(0.5) and goal.etype == "person":
        return [Complement("iobj", "ARG2", goal), Complement("obj", "ARG1", obj, full=True)]
    return [Complement("obj", "ARG1", obj), Complement("obl", "ARG2", goal, "to")]


def passive(d: Discourse, ev: Event, agent: bool) -> Event:
    """The passive of a transitive event, with or without its agent."""
    obj = ev.object()
    if obj is None or ev.verb.lemma in vb.UNPASSIVE:
        return ev
    rest = [replace(c) for c in ev.complements if c.filler is not obj]
    for c in rest:
        if c.kind == "iobj":
            c.kind, c.prep = "obl", "to"
    if agent:
        rest.append(Complement("agent", ev.subject_role, ev.subject, "by"))
    return Event(ev.verb, obj, rest, "ARG1", True, ev.modifiers, ev.group)
