"""Display: names that tell apart different things of one name.

Two folders `en/data` and `de/data` are both the corpus `data`, and one model read at two sites has
one name. In such cases, and only in them, what differs is added to the name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath

Facts = Mapping[str, str]
SHOWN_DIGITS = 6


def told_apart(names: Sequence[str], facts: Sequence[Facts]) -> list[str]:
    """One display name for each of `names`, the same only for the same name and facts.

    Args:
        names: of things.
        facts: about each thing, with the same keys for all. A key that ends in `fingerprint` stands
            for everything, and is shown only where nothing else differs. One that ends in `source`
            is the name or path that the thing came from: it describes the thing, but the same thing
            from two places is one.

    Returns the names in order, with what differs added where one name means several things:
    `en/data`, `minilm (site attn)`, `pos (#3fa2c1)`.
    """
    keys = [(name, *_identifying(of_one)) for name, of_one in zip(names, facts, strict=True)]
    things: dict[tuple[str, ...], Facts] = {}
    for key, of_one in zip(keys, facts, strict=True):
        things.setdefault(key, of_one)
    shown: dict[tuple[str, ...], str] = {}
    for name in dict.fromkeys(names):
        alike = [key for key in things if key[0] == name]
        labels = _with_differences(name, [things[key] for key in alike])
        shown.update(zip(alike, labels, strict=True))
    # An added part may make the name of something else.
    times = Counter(shown.values())
    for key, label in shown.items():
        if times[label] > 1:
            shown[key] = _joined(label, [f"#{_fingerprint(things[key])}"])
    return [shown[key] for key in keys]


def _identifying(facts: Facts) -> list[str]:
    return [value for key, value in facts.items() if not key.endswith("source")]


def _with_differences(name: str, alike: list[Facts]) -> list[str]:
    """Display names of different things called `name`."""
    if len(alike) == 1:
        return [name]
    known = [facts for facts in alike if _fingerprint(facts)]
    if known and len(known) < len(alike):
        labels_of_known = iter(_with_differences(name, known))
        labels = []
        for facts in alike:
            is_known = _fingerprint(facts)
            labels.append(next(labels_of_known) if is_known else f"{name} (older version)")
        return labels
    differing = _differing(alike)
    sources = [key for key in differing if key.endswith("source")]
    bases = [name] * len(alike)
    if sources:
        bases = _sources(name, [facts[sources[0]] for facts in alike])
    readable = [key for key in differing if not key.endswith(("source", "fingerprint"))]
    added = []
    for facts in alike:
        added.append([f"{key.replace('_', ' ')} {facts[key] or 'none'}" for key in readable])
    labels = [_joined(base, parts) for base, parts in zip(bases, added, strict=True)]
    times = Counter(labels)
    for i, facts in enumerate(alike):
        if times[labels[i]] > 1:
            labels[i] = _joined(bases[i], [*added[i], f"#{_fingerprint(facts)}"])
    return labels


def _differing(alike: list[Facts]) -> list[str]:
    """The keys that have several values."""
    found = []
    for key in alike[0]:
        values = {facts[key] for facts in alike}
        if len(values) > 1:
            found.append(key)
    return found


def _fingerprint(facts: Facts) -> str:
    found = next((value for key, value in facts.items() if key.endswith("fingerprint")), "")
    return found[:SHOWN_DIGITS]


def _sources(name: str, sources: list[str]) -> list[str]:
    """The shortest ends of the paths that differ, or the paths; a `*` after the name stays."""
    mark = "*" if name.endswith("*") else ""
    parts = [PurePath(source).parts for source in sources]
    for length in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(own[-length:]) for own in parts]
        if len(set(ends)) == len(set(sources)):
            break
    else:
        ends = sources  # `sample` and `./sample`
    return [f"{end}{mark}" if end else name for end in ends]


def _joined(name: str, parts: list[str]) -> str:
    return f"{name} ({', '.join(parts)})" if parts else name
