"""One tree per sentence carries every annotation; this module turns it into CoNLL-U Plus rows.

A node is a word or a phrase. A phrase names the child that heads it in the sense of Universal
Dependencies, and every other child carries its relation to that head, so the dependency tree
follows from the phrase tree. Semantic roles point from a node to a predicate word, entities sit on
the node that mentions them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

COLUMNS = (
    "ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC "
    "PROBEKIT:CONST PROBEKIT:PRED PROBEKIT:ROLES"
)


@dataclass(eq=False)
class Node:
    """A word (no kids) or a phrase; `label` is its bracket, empty without one.

    `glued` is "token" for a part of the same orthographic token as the word before, and "tight" for
    a token without a space before it.
    """

    label: str = ""
    kids: list[Node] = field(default_factory=list)
    head: int = 0
    rel: str = "dep"
    form: str = ""
    lemma: str = ""
    upos: str = ""
    xpos: str = ""
    feats: str = "_"
    sense: str = ""
    glued: str = ""
    roles: list[tuple[Node, str]] = field(default_factory=list)
    entity: tuple[str, str] | None = None

    def words(self) -> Iterator[Node]:
        """The words under this node, left to right."""
        if not self.kids:
            yield self
        for kid in self.kids:
            yield from kid.words()

    def phrases(self) -> Iterator[Node]:
        """This node and all under it, parents before children."""
        yield self
        for kid in self.kids:
            yield from kid.phrases()

    def top(self) -> Node:
        """The head word."""
        return self.kids[self.head].top() if self.kids else self

    def as_rel(self, rel: str) -> Node:
        """Set the relation to the head of the parent; returns the node itself."""
        self.rel = rel
        return self

    def plays(self, predicate: Node, role: str) -> Node:
        """Make this node an argument of a predicate word; returns the node itself."""
        if role:
            self.roles.append((predicate, role))
        return self


def word(form: str, lemma: str, upos: str, xpos: str, feats: str = "_", rel: str = "dep") -> Node:
    """A word node."""
    return Node(form=form, lemma=lemma, upos=upos, xpos=xpos, feats=feats, rel=rel)


def phrase(label: str, *kids: Node, head: int = 0) -> Node:
    """A phrase over `kids`, headed by the one numbered `head` (from the end if negative)."""
    return Node(label=label, kids=list(kids), head=head % len(kids))


def punct(mark: str, tight: bool = True) -> Node:
    """A punctuation mark; `tight` marks have no space before them."""
    tag = {"?": ".", "!": "."}.get(mark, mark)
    form = '"' if mark in ("``", "''") else mark
    node = word(form, form, "PUNCT", tag)
    node.glued = "tight" if tight else ""
    return node.as_rel("punct")


class Sentence:
    """A finished tree with its words numbered; gives each annotation and the rows of the file."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.words = list(root.words())
        first = self.words[0]
        if first.form == '"':
            first = self.words[1]
            first.glued = "tight"
        first.form = first.form[0].upper() + first.form[1:]
        self.place = {id(w): i for i, w in enumerate(self.words)}
        self.heads = [0] * len(self.words)
        self._link(root, 0)

    def _link(self, node: Node, governor: int) -> None:
        """Number the heads: the head child has the same governor, the others depend on its word."""
        own = self.place[id(node.top())] + 1
        if not node.kids:
            self.heads[own - 1] = governor
        for i, kid in enumerate(node.kids):
            self._link(kid, governor if i == node.head else own)
            if i == node.head:
                kid.top().rel = node.rel

    def span(self, node: Node) -> tuple[int, int]:
        """First and last word of a node, inclusive."""
        words = list(node.words())
        return self.place[id(words[0])], self.place[id(words[-1])]

    def constituents(self) -> list[str]:
        """Bracket bits, one per word."""
        opened, closed = [""] * len(self.words), [""] * len(self.words)
        for node in self.root.phrases():
            if node.label:
                start, end = self.span(node)
                opened[start] += f"({node.label}"
                closed[end] += ")"
        return [f"{o}*{c}" for o, c in zip(opened, closed, strict=True)]

    def roles(self) -> list[str]:
        """Role bits of each word: one per predicate of the sentence, joined by a bar."""
        columns = [self._roles_of(word) for word in self.words if word.sense]
        if not columns:
            return ["_"] * len(self.words)
        return ["|".join(bits) for bits in zip(*columns, strict=True)]

    def _roles_of(self, predicate: Node) -> list[str]:
        """Role bits of one predicate, one per word."""
        bits = ["*"] * len(self.words)
        bits[self.place[id(predicate)]] = "(V*)"
        for node in self.root.phrases():
            start, end = self.span(node)
            for other, role in node.roles:
                if other is predicate:
                    bits[start] = f"({role}{bits[start]}"
                    bits[end] += ")"
        return bits

    def entities(self) -> list[str]:
        """Entity marks as in GUM: openings outermost first, then whole words, then closings."""
        opened, whole, closed = ([""] * len(self.words) for _ in range(3))
        for node in self.root.phrases():
            if node.entity:
                (eid, kind), (start, end) = node.entity, self.span(node)
                if start == end:
                    whole[start] += f"({eid}-{kind})"
                else:
                    opened[start] += f"({eid}-{kind}"
                    closed[end] = f"{eid})" + closed[end]
        return ["".join(parts) for parts in zip(opened, whole, closed, strict=True)]

    def repeats(self) -> bool:
        """Whether one thing is described twice in the same words, which no writer would do."""
        found = set()
        for node in self.root.phrases():
            if node.entity and node.top().upos != "PRON":
                key = (node.entity[0], " ".join(w.form.lower() for w in node.words()))
                if key in found:
                    return True
                found.add(key)
        return False

    def tokens(self) -> list[tuple[int, int, bool]]:
        """Orthographic tokens as (first word, last word, space after)."""
        out: list[tuple[int, int, bool]] = []
        for i, w in enumerate(self.words):
            if w.glued and out:
                first, last, _ = out.pop()
                out.append((first, i if w.glued == "token" else last, w.glued == "token"))
            if w.glued != "token":
                out.append((i, i, True))
        return out

    def text(self) -> str:
        """The sentence as written."""
        parts = []
        for first, last, space in self.tokens():
            forms = [w.form for w in self.words[first : last + 1]]
            parts.append("".join(forms) + (" " if space else ""))
        return "".join(parts).rstrip()

    def rows(self) -> list[str]:
        """The lines of the sentence without its comments."""
        tokens = {first: (last, space) for first, last, space in self.tokens()}
        annotations = zip(
            self.words, self.heads, self.constituents(), self.roles(), self.entities(), strict=True
        )
        lines = []
        for i, (w, head, bracket, roles, entity) in enumerate(annotations):
            last, space = tokens.get(i, (i, True))
            tight = "_" if space else "SpaceAfter=No"
            if last > i:
                form = "".join(x.form for x in self.words[i : last + 1])
                token = [f"{i + 1}-{last + 1}", form, *["_"] * 7, tight, "_", "_", "_"]
                lines.append("\t".join(token))
                tight = "_"
            marks = [f"Entity={entity}"] * bool(entity) + [tight] * (tight != "_")
            row = [str(i + 1), w.form, w.lemma, w.upos, w.xpos, w.feats, str(head), w.rel, "_"]
            lines.append("\t".join([*row, "|".join(marks) or "_", bracket, w.sense or "_", roles]))
        return lines
