"""Chosen: which saved probes are judged, and on what text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from probekit import bundle, doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, unknown
from probekit.probes.identity import of_states
from probekit.probes.saved.probe_file import load_probes
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.states.states import States
from probekit.tasks.question import Question
from probekit.tasks.task import Task

OTHER_SHAPE = "no probe reads a model of another width or depth; train new ones on it"
Saved = str | Path | SavedProbe | Sequence[str | Path | SavedProbe]


def chosen_probes(given: Any, tasks: Any, layers: Sequence[int]) -> list[SavedProbe]:
    """The probes given, each once, of these tasks and layers; an empty choice means all.

    Raises InputError for anything that is not a probe or the folder of some, and for a task or a
    layer that none has.
    """
    found: list[SavedProbe] = []
    for one in doors.several("saved", given, (str, Path, SavedProbe)):
        found += [one] if isinstance(one, SavedProbe) else load_probes(one)
    names = [] if tasks is None else doors.several("tasks", tasks, (str, Path, Task))
    wanted = [one.name if isinstance(one, Task) else str(one) for one in names]
    known = sorted({probe.task.name for probe in found})
    odd = [name for name in wanted if name not in known]
    if odd:
        raise InputError(f"tasks of the saved probes: {unknown('task', odd[0], known)}")
    places = sorted({probe.layer for probe in found})
    nowhere = [layer for layer in layers if layer not in places]
    if nowhere:
        raise InputError(f"no saved probe reads layer {nowhere[0]}; they read {places}")
    once: dict[str, SavedProbe] = {}
    for probe in found:
        if (not wanted or probe.task.name in wanted) and (not layers or probe.layer in layers):
            once.setdefault(probe.fingerprint, probe)
    if not once:
        raise InputError("no saved probe is of these tasks and these layers")
    return list(once.values())


def corpus_of(probes: Sequence[SavedProbe], given: Any) -> str | Path | Corpus:
    """The corpus given, or the shipped one that the probes were trained on.

    Raises InputError where there is none, or several: a file is not trusted to name a path.
    """
    if given is not None:
        found: str | Path | Corpus = doors.of_type("corpus", given, (str, Path, Corpus))
        return found
    names = {probe.origin.corpus for probe in probes}
    name = names.pop()
    if names or name not in bundle.names("corpora"):
        raise InputError(
            "there is no value of corpus, and the saved probes name no single corpus that "
            "'probekit corpora' lists: give the text and labels to judge them by"
        )
    return name


def require_fitting(probe: SavedProbe, question: Question, checkpoints: Sequence[States]) -> None:
    """Raise InputError for a probe of other classes, or of states that these are not: of another
    width, number of layers, or checkpoint."""
    before = checkpoints[0]
    missing, further = (
        set(probe.classes) - set(question.classes),
        set(question.classes) - set(probe.classes),
    )
    if missing or further:
        odd = sorted(missing)[0] if missing else sorted(further)[0]
        who = "the corpus" if missing else "the saved probe"
        raise InputError(
            f"{probe.name}: {who} does not have the label '{odd}': it takes a corpus whose "
            f"training split has the probe's {len(probe.classes)} labels, and no others"
        )
    for states in checkpoints:
        n_layers = probe.origin.n_layers or before.n_layers
        wrong, instead = "", OTHER_SHAPE
        if states.dim != probe.dim:
            wrong = f"vectors of width {probe.dim}, and those of '{states.model}' have {states.dim}"
        elif states.n_layers != n_layers:
            wrong = f"a model of {n_layers} layers, and '{states.model}' has {states.n_layers}"
        elif probe.layer not in states.layers:
            wrong = f"layer {probe.layer}, and '{states.model}' was read at {list(states.layers)}"
            instead = "read that layer too"
        if wrong:
            raise InputError(f"{probe.name}: the saved probe reads {wrong}: {instead}")
    trained, read = probe.origin.model_fingerprint, of_states(before)["model_fingerprint"]
    if trained and trained != read:
        raise InputError(
            f"{probe.name}: it was trained on other states than those of before, '{before.model}' "
            f"(#{read[:6]}): give the checkpoint it was trained on, '{probe.origin.model}' "
            f"(#{trained[:6]}), read in the same way ({_reading(probe)})"
        )


def _reading(probe: SavedProbe) -> str:
    """How the states were read that the probe was trained on."""
    parts = [f"{name} {value}" for name, value in probe.origin.reading.items() if value]
    return ", ".join(parts)
