"""Events: a verb with its participants in the order and the frame that it takes."""

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
    """What a verb takes besides its subject. `full` forbids a pronoun."""

    kind: str  # obj, iobj, obl, prt, clause, pred
    role: str
    filler: Filler
    prep: str = ""
    full: bool = False


@dataclass(eq=False)
class Modifier:
    """An adjunct: its place (front, pre, end), its role and the function that builds it."""

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
        for complement in self.complements:
            if complement.kind == "obj" and isinstance(complement.filler, Entity):
                return complement.filler
        return None


@dataclass(frozen=True)
class Aux:
    """The finite side of a clause."""

    past: bool = True
    modal: str = ""
    perfect: bool = False
    progressive: bool = False
    negative: bool = False
    contracted: bool = False


def event(
    d: Discourse,
    group: str,
    subject: Entity,
    obj: Entity | None = None,
    third: Entity | None = None,
) -> Event:
    """An event of a group of verbs, with its participants in the frame of the group."""
    verb, frame = d.verb(group), vb.GROUPS[group].frame.split()
    out = Event(verb, subject, group=group)
    if frame[0] == "unacc":
        out.subject_role = "ARG1"
    if frame[0] == "obj" and obj:
        out.complements = transitive(d, verb, obj)
    if frame[0] == "dative" and obj and third:
        out.complements = dative(d, verb, obj, third)
    elif frame[0] == "put" and obj and third:
        out.complements = put(d, obj, third)
    elif frame[0].startswith("prep:"):
        _, prep, role = frame[0].split(":")
        out.complements = [Complement("obl", role, obj or third, prep)]
    elif third is not None:
        out.complements += source_or_goal(verb, frame, third)
    return out


def transitive(d: Discourse, verb: vb.Verb, obj: Entity) -> list[Complement]:
    """An object, with a particle before or after it if the verb has one."""
    found = Complement("obj", "ARG1", obj)
    if not verb.particle:
        return [found]
    late = d.chance(0.5)
    found.full = not late
    particle = Complement("prt", "", None, prep=verb.particle)
    return [found, particle] if late else [particle, found]


def put(d: Discourse, obj: Entity, place: Entity) -> list[Complement]:
    """An object and where it is put."""
    preps = ["on", "under", "behind", "near", "by"]
    if place.etype == "place":
        preps = [inside(place)]
    where = Complement("obl", "ARG2", place, d.rng.choice(preps))
    return [Complement("obj", "ARG1", obj), where]


def source_or_goal(verb: vb.Verb, frame: list[str], third: Entity) -> list[Complement]:
    """Where something comes from or goes to, if the frame has a slot for it."""
    if "from:ARG2" in frame and verb.lemma not in ("find", "choose", "want", "need"):
        return [Complement("obl", "ARG2", third, "from")]
    if third.etype not in ("place", "organization", "event"):
        return []
    prep = "at" if verb.lemma == "arrive" else "to"
    if "goal:ARG4" in frame:
        return [Complement("obl", "ARG4", third, prep)]
    if frame[0].startswith("go:"):
        return [Complement("obl", "ARGM-GOL", third, prep)]
    if "goal" in frame and verb.lemma in vb.HAULING:
        return [Complement("obl", "ARG2", third, prep)]
    return []


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
