"""What evidence costs beside scores: control tasks, codelengths and mixes of `pos` and `dep` on
en_ewt, against the plain linear fit."""

from __future__ import annotations

import time
from collections.abc import Callable

import probekit as pk
from probekit.probes.codelength import codelength
from probekit.probes.fit import fit
from probekit.probes.view import View, cumulative_mixes
from probekit.tasks.control import control
from tests.benchmarks.timing import figure

ROUNDS = 2


def main() -> None:
    corpus = pk.load_corpus("en_ewt")
    states = pk.extract("minilm", corpus)
    questions = [pk.ask(pk.load_task(name), corpus) for name in ("pos", "dep")]
    controls = [control(question, corpus) for question in questions]
    whole = [View(tuple(states.layers), "mix")]
    kinds: dict[str, Callable[[], object]] = {
        "plain fit": lambda: fit(states, questions),
        "fit with controls": lambda: fit(states, [*questions, *controls]),
        "mix of all layers": lambda: fit(states, questions, views=whole),
        "cumulative mixes": lambda: fit(states, questions, views=cumulative_mixes(states.layers)),
        "codelength": lambda: codelength(states, questions),
    }
    # In turns, since the machine's speed drifts; the least of each.
    seconds = dict.fromkeys(kinds, float("inf"))
    for _ in range(ROUNDS):
        for name, run in kinds.items():
            started = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
            print(f"  {name}: {seconds[name]:.1f} s", flush=True)
    plain = seconds["plain fit"]
    figure("fit with controls / plain fit", seconds["fit with controls"] / plain, "< 1.6")
    for name in ("mix of all layers", "cumulative mixes", "codelength"):
        print(f"  {name} / plain fit: {seconds[name] / plain:.2f}")
    # The cumulative mixes include the mix of all layers.
    parts = ("fit with controls", "cumulative mixes", "codelength")
    together = sum(seconds[name] for name in parts)
    figure("all of it / plain fit", together / plain, "<= 3")
