"""Retrain: probes trained anew, with labels, as saved ones were."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.probes.fit import fit_together
from probekit.probes.identity import of_fit, of_task
from probekit.probes.saved.of_fitted import saved_probes
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.probes.view import single_layers
from probekit.progress import Progress
from probekit.states.states import States
from probekit.tasks.question import Question

Key = tuple[str, int, str, int, str]


def key_of(probe: SavedProbe) -> Key:
    """What tells probes apart that are trained on the same states and labels."""
    fit = of_fit(probe.origin.fit_settings())["fit_fingerprint"]
    task = of_task(probe.task)["task_fingerprint"]
    return (task, probe.layer, probe.head, probe.seed, fit)


def retrained(
    probes: Sequence[SavedProbe],
    questions: Sequence[Question],
    checkpoints: Sequence[States],
    progress: Progress,
) -> list[dict[Key, SavedProbe]]:
    """For each checkpoint, the probes trained on it with the head, seed and settings of the saved
    ones, by `key_of`; in the same passes over the states there may be further ones.

    Args:
        probes: the saved ones.
        questions: of their tasks.
        checkpoints: what is trained on.
        progress: called with the stage, the units done and how many there are.
    """
    kinds: dict[tuple[str, str], list[SavedProbe]] = {}
    for probe in probes:
        kinds.setdefault((probe.head, key_of(probe)[-1]), []).append(probe)
    found: list[dict[Key, SavedProbe]] = [{} for _ in checkpoints]
    for same in kinds.values():
        settings = same[0].origin.fit_settings()
        tasks = {key_of(probe)[0] for probe in same}
        asked = [one for one in questions if of_task(one.task)["task_fingerprint"] in tasks]
        fitted = fit_together(
            checkpoints,
            asked,
            probe=same[0].head,
            seeds=tuple(sorted({probe.seed for probe in same})),
            settings=settings,
            views=single_layers(sorted({probe.layer for probe in same})),
            progress=progress,
        )
        for states, of_tasks, known in zip(checkpoints, fitted, found, strict=True):
            for of_task_ in of_tasks:
                for probe in saved_probes(of_task_, states, settings):
                    known[key_of(probe)] = probe
    return found
