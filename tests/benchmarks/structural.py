"""Structural probes of all layers, compared with linear probes of `dep` on the same sentences."""

from __future__ import annotations

import probekit as pk
from probekit.probes.fit import fit
from probekit.probes.structural.tree_fit import fit_trees
from probekit.tasks.trees import ask_trees
from tests.benchmarks.cut import cut
from tests.benchmarks.timing import figure, in_turns

SENTENCES = 3_000


def main() -> None:
    """Times without reading the corpus; both with the test split."""
    vectors = cut(pk.extract("minilm", pk.load_corpus("en_ewt")), SENTENCES)
    plain = pk.ask(pk.load_task("dep"), vectors.corpus)
    trees = [ask_trees(pk.load_task(name), vectors.corpus) for name in ("distance", "depth")]
    labels, structural = in_turns(
        3, lambda: fit(vectors, [plain]), lambda: fit_trees(vectors, trees)
    )
    print(f"  dep {labels:.1f} s, distance and depth {structural:.1f} s")
    figure("distance and depth / dep, all layers", structural / labels, "<= 2")
