"""Tree evidence: what structural probes are measured without, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probekit.tasks.tree_control import SHAPE
from probekit.tasks.trees import TreeQuestion

MEASURED = ("seen", "resample_train", "capacity")
"""What all of them have; `seen` is asked for by nobody, and tells instances apart."""
OF_HEADS = ("control", "codelength")
"""What the task of heads has too."""
REASONS = {
    "control": "distances or depths that follow from words' types are those of no tree",
    "codelength": "their losses are no probabilities of distances or depths, so have no bits",
}
NOT_BUILT = "probekit has it for probes of labels only"


def without(questions: Sequence[TreeQuestion], evidence: Mapping[str, Any]) -> Iterator[str]:
    """A warning for each kind of evidence that is wanted and not measured."""
    for name in evidence:
        if name in MEASURED:
            continue
        lacking = [one.task.name for one in questions if not _has(one, name)]
        if lacking:
            reason = REASONS.get(name, NOT_BUILT)
            yield f"{', '.join(lacking)}: structural probes are measured without {name}: {reason}"


def _has(question: TreeQuestion, name: str) -> bool:
    return name in OF_HEADS and question.task.shape == SHAPE
