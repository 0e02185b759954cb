"""Unmeasured: evidence that is wanted and that some tasks do not have, said before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probekit.tasks.minimal_pairs import BehaviourQuestion
from probekit.tasks.tree_control import SHAPE
from probekit.tasks.trees import TreeQuestion

OF_TREES = ("resample_train", "capacity")
"""What all structural tasks have."""
OF_HEADS = ("control", "codelength")
"""What the task of heads has too."""
NAMES = {
    "control": "control tasks",
    "codelength": "codelength",
    "mix": "mixes of layers",
    "beyond": "bits beyond a layer",
    "capacity": "a sweep of sizes",
    "resample_train": "refits on resamples",
    "random_control": "scores with random weights",
    "test_corpus": "scores on other corpora",
    "save_probes": "saved probes",
}
OF_PROBES = {
    "control": "have no control task",
    "codelength": "have no codelength",
    "mix": "are not trained on mixes of layers",
    "beyond": "are not compared with those of another layer",
    "random_control": "are not trained with random weights",
    "test_corpus": "are not tested on other corpora",
    "save_probes": "are not saved",
}
"""What structural probes do not have, or what is not done with them."""
REASONS = {
    "control": "distances or depths that are assigned by word type do not form a tree",
    "codelength": "their losses are not probabilities of distances or depths, so they have no bits",
}
NOT_BUILT = "only probes of labels are"


def unmeasured(
    trees: Sequence[TreeQuestion], behaviour: Sequence[BehaviourQuestion], wanted: Sequence[str]
) -> Iterator[str]:
    """Warnings about evidence that structural tasks, and tasks of behaviour, do not have.

    Args:
        trees: the structural tasks.
        behaviour: the tasks of behaviour, which train no probes.
        wanted: names in NAMES.
    """
    for name in wanted:
        lacking = [one.task.name for one in trees if not _has(one, name)]
        if lacking:
            yield (
                f"{', '.join(lacking)}: structural probes {OF_PROBES[name]}: "
                f"{REASONS.get(name, NOT_BUILT)}"
            )
    if behaviour and wanted:
        tasks = ", ".join(one.task.name for one in behaviour)
        names = ", ".join(NAMES[name] for name in wanted)
        yield f"{tasks}: behaviour trains no probes, so these are not measured: {names}"


def wanted_of(evidence: Mapping[str, object], **further: object) -> list[str]:
    """The names of the evidence that is wanted: by a flag, a number (layer 0 too), or names."""
    given = {**evidence, **further}
    return [name for name in NAMES if _is_given(given.get(name))]


def _is_given(value: object) -> bool:
    return bool(value) or (value == 0 and value is not False)


def _has(question: TreeQuestion, name: str) -> bool:
    return name in OF_TREES or (name in OF_HEADS and question.task.shape == SHAPE)
