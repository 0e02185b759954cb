"""The people and things of one document, made as its plot needs them."""

from __future__ import annotations

import random

from tools.sample import adjuncts as a
from tools.sample import lexicon as lx
from tools.sample.discourse import Discourse, Entity
from tools.sample.plots import PLOTS


class Cast:
    """The entities behind the letters of a plot."""

    def __init__(self, rng: random.Random, held_out: float) -> None:
        self.d = Discourse(rng, held_out)
        self.d.past = rng.random() < 0.4
        self.d.postmodify = a.postmodify
        self.cast: dict[str, Entity] = {}
        kinds, _, steps = rng.choice(PLOTS).partition(": ")
        self.steps = [s.strip() for s in steps.split("|")]
        genders = rng.choice(["ff", "mm", "ff", "mm", "fm", "mf"])
        self.cast["A"] = self.d.person(genders[0], 0.8)
        self.cast["B"] = self.d.person(genders[1])
        self.cast["C"] = self._third(rng.random())
        self.kind = rng.choice(kinds[2:].split(","))

    def _third(self, pick: float) -> Entity:
        """The third of the cast: a relative of the first, several people of a trade, or someone
        else."""
        d = self.d
        if pick < 0.4:
            return d.kin(self.cast["A"])
        if pick < 0.6:
            return d.add("person", number="pl", etype="person")
        return d.person(d.rng.choice("fm"), 0.5)

    def actor(self, letter: str) -> Entity:
        """The entity for a letter of the plot, made when it is first needed."""
        if letter not in self.cast:
            self.cast[letter] = self._make(letter)
        return self.cast[letter]

    def _make(self, letter: str) -> Entity:
        d = self.d
        if letter == "T":
            return d.double(self.actor("X"))
        if letter == "P":
            if d.chance(0.4):
                return d.add("spot", noun="city", name=d.fresh_word(lx.PLACES), etype="place")
            return d.add("spot")
        if letter == "O":
            return self.organization()
        if letter == "S":
            return d.add(d.rng.choice(["surface", "surface", "spot"]))
        entity = d.add({"X": self.kind, "I": "idea"}[letter])
        twin = any("T" in s.split() for s in self.steps)
        if not twin and d.chance(0.3) and self.kind not in ("food", "event"):
            entity.number = "pl"
        if (
            letter == "X"
            and not twin
            and d.chance(0.35)
            and self.kind not in ("building", "event", "idea", "plant")
        ):
            entity.owner = self.cast[d.rng.choice("AB")]
        return entity

    def organization(self) -> Entity:
        """A company or a house with people in it."""
        d = self.d
        if d.chance(0.5):
            return d.add(
                "team", noun="company", name=d.fresh_word(lx.COMPANIES), etype="organization"
            )
        return d.add(d.rng.choice(["team", "house"]), etype="organization", number="sg")
