"""Unmeasured: evidence that is wanted and that some tasks do not have, said before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    "random_control": "random weights",
    "test_corpus": "other corpora",
    "save_probes": "saved probes",
}
REASONS = {
    "control": "distances or depths that follow from words' types are those of no tree",
    "codelength": "their losses are no probabilities of distances or depths, so have no bits",
}
NOT_BUILT = "probekit has it for probes of labels only"


def of_trees(questions: Sequence[TreeQuestion], wanted: Sequence[str]) -> Iterator[str]:
    """A warning for each kind of evidence that structural tasks do not have.

    Args:
        questions: the structural tasks.
        wanted: names in NAMES.
    """
    for name in wanted:
        lacking = [one.task.name for one in questions if not _has(one, name)]
        if lacking:
            yield (
                f"{', '.join(lacking)}: structural probes are measured without {NAMES[name]}: "
                f"{REASONS.get(name, NOT_BUILT)}"
            )


def of_behaviour(tasks: Sequence[str], wanted: Sequence[str]) -> Iterator[str]:
    """A warning where evidence of probes is wanted of tasks of behaviour, which train none."""
    if tasks and wanted:
        lacking = ", ".join(NAMES[name] for name in wanted)
        yield f"{', '.join(tasks)}: no probes are trained for behaviour, so without {lacking}"


def wanted_of(evidence: Mapping[str, object], **further: object) -> list[str]:
    """The names of the evidence that is wanted: by a flag, a number (layer 0 too), or names."""
    given = {**evidence, **further}
    return [name for name in NAMES if _is_given(given.get(name))]


def _is_given(value: object) -> bool:
    return bool(value) or (value == 0 and value is not False)


def _has(question: TreeQuestion, name: str) -> bool:
    return name in OF_TREES or (name in OF_HEADS and question.task.shape == SHAPE)
