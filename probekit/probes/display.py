"""Display: names for people that tell apart what differs, although it is called alike.

Two folders `en/data` and `de/data` are both the corpus `data`, and one model read at two sites has
one name. Where that happens, and only there, the name gets what differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePath

Facts = Mapping[str, str]
SHOWN_DIGITS = 6


def told_apart(names: Sequence[str], facts: Sequence[Facts]) -> list[str]:
    """One display name for each of `names`: the same for the same name and facts, and another for
    every other.

    Args:
        names: what things are called.
        facts: what each of them is, with the same keys for all. One that ends in `fingerprint`
            stands for everything, and is shown only where nothing else differs. One that ends in
            `source` is a name or path the thing came from: it describes it, but the same thing from
            two places is one.

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
        shown.update(
            zip(alike, _with_differences(name, [things[key] for key in alike]), strict=True)
        )
    # An added part may make the name of something else.
    times = Counter(shown.values())
    for key, label in shown.items():
        if times[label] > 1:
            shown[key] = _joined(label, [f"#{_fingerprint(things[key])}"])
    return [shown[key] for key in keys]


def _identifying(facts: Facts) -> list[str]:
    return [value for key, value in facts.items() if not key.endswith("source")]


def _with_differences(name: str, alike: list[Facts]) -> list[str]:
    """Display names of things that are called `name`."""
    if len(alike) == 1:
        return [name]
    known = [facts for facts in alike if _fingerprint(facts)]
    if known and len(known) < len(alike):
        labels_of_known = iter(_with_differences(name, known))
        return [
            next(labels_of_known) if _fingerprint(facts) else f"{name} (older version)"
            for facts in alike
        ]
    differing = [key for key in alike[0] if len({facts[key] for facts in alike}) > 1]
    sources = [key for key in differing if key.endswith("source")]
    bases = (
        _sources(name, [facts[sources[0]] for facts in alike]) if sources else [name] * len(alike)
    )
    readable = [key for key in differing if not key.endswith(("source", "fingerprint"))]
    added = [
        [f"{key.replace('_', ' ')} {facts[key] or 'none'}" for key in readable] for facts in alike
    ]
    labels = [_joined(base, parts) for base, parts in zip(bases, added, strict=True)]
    times = Counter(labels)
    for i, facts in enumerate(alike):
        if times[labels[i]] > 1:
            labels[i] = _joined(bases[i], [*added[i], f"#{_fingerprint(facts)}"])
    return labels


def _fingerprint(facts: Facts) -> str:
    found = next((value for key, value in facts.items() if key.endswith("fingerprint")), "")
    return found[:SHOWN_DIGITS]


def _sources(name: str, sources: list[str]) -> list[str]:
    """The shortest ends of paths that differ, or the paths; a mark `*` at the end of the name stays
    there."""
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
