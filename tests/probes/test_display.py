"""Display names: what is called alike and is not the same is told apart, and nothing else is
touched."""

from __future__ import annotations

import pytest

from probekit.probes.display import told_apart


def corpus(name: str, source: str, fingerprint: str) -> tuple[str, dict[str, str]]:
    return name, {"corpus_source": source, "corpus_fingerprint": fingerprint}


def model(name: str, site: str, pooling: str, fingerprint: str) -> tuple[str, dict[str, str]]:
    return name, {"site": site, "pooling": pooling, "model_fingerprint": fingerprint}


CASES = {
    "other names": ([corpus("a", "x/a", "1"), corpus("b", "x/b", "2")], ["a", "b"]),
    "the same thing twice": ([corpus("a", "x/a", "1"), corpus("a", "x/a", "1")], ["a", "a"]),
    "the same thing from two places": (
        [corpus("a", "x/a", "1"), corpus("a", "y/a", "1")],
        ["a", "a"],
    ),
    "two folders": (
        [corpus("data", "u/en/data", "1"), corpus("data", "u/de/data", "2")],
        ["en/data", "de/data"],
    ),
    "files": (
        [corpus("d", "en/d.conllu", "1"), corpus("d", "de/d.conllu", "2")],
        ["en/d.conllu", "de/d.conllu"],
    ),
    "modified files": ([corpus("d*", "en/d", "1"), corpus("d*", "de/d", "2")], ["en/d*", "de/d*"]),
    "a shipped name and a folder": (
        [corpus("sample", "sample", "1"), corpus("sample", "./sample", "2")],
        ["sample", "./sample"],
    ),
    "made in Python": (
        [corpus("d", "", "123456789"), corpus("d", "", "abcdefghi")],
        ["d (#123456)", "d (#abcdef)"],
    ),
    "one file, changed": (
        [corpus("d", "d", "123456789"), corpus("d", "d", "abcdefghi")],
        ["d (#123456)", "d (#abcdef)"],
    ),
    "three of which two differ in no word": (
        [
            corpus("d", "en/d", "123456789"),
            corpus("d", "en/d", "abcdefghi"),
            corpus("d", "de/d", "3"),
        ],
        ["en/d (#123456)", "en/d (#abcdef)", "de/d"],
    ),
    "two sites": (
        [model("m", "residual", "mean", "1"), model("m", "attn", "mean", "2")],
        ["m (site residual)", "m (site attn)"],
    ),
    "one of an older version": (
        [model("m", "", "", ""), model("m", "attn", "mean", "2"), model("m", "mlp", "mean", "3")],
        ["m (older version)", "m (site attn)", "m (site mlp)"],
    ),
    "two settings": (
        [model("m", "mlp", "first", "1"), model("m", "attn", "mean", "2")],
        ["m (site mlp, pooling first)", "m (site attn, pooling mean)"],
    ),
    "other weights": (
        [model("m", "attn", "mean", "123456789"), model("m", "attn", "mean", "abcdefghi")],
        ["m (#123456)", "m (#abcdef)"],
    ),
    "a name that another one becomes": (
        [
            corpus("data", "en/data", "1"),
            corpus("data", "de/data", "2"),
            corpus("en/data", "x", "333333"),
        ],
        ["en/data (#1)", "de/data", "en/data (#333333)"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_names(case: str) -> None:
    things, expected = CASES[case]
    assert told_apart([name for name, _ in things], [facts for _, facts in things]) == expected
