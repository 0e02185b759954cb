"""Run: where results come from (command, versions, settings, what was read, counts, seconds)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON has it: tuples become lists, and values that JSON lacks become text."""
    return json.loads(json.dumps(value, default=str))


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One checkpoint that read one corpus in one context, or was trained on it.

    Attributes:
        model: as the user named it.
        step: of training, in a trajectory.
        corpus: its name.
        source: the name or path that the corpus was loaded by; empty for one made in Python.
        modified_files: files of the corpus that differ from their checksum.
        context: what was read in one pass; `training` where the model was trained on the corpus.
        fingerprints: the store's manifest: of the weights, the tokenizer, the text and how it was
            read.
        store: the folder of the hidden states; empty where they were in memory.
        shards_computed, shards_reused: files of states that were made, and that were there already.
        words, passages: their numbers, by split; of tables the texts alone.
        tasks: of each the classes, and the number of instances by split.
        seconds: by stage.
    """

    model: str
    step: int | None = None
    corpus: str
    source: str = ""
    modified_files: tuple[str, ...] = ()
    context: str
    fingerprints: Mapping[str, Any] = field(default_factory=dict)
    store: str = ""
    shards_computed: int = 0
    shards_reused: int = 0
    words: Mapping[str, int] = field(default_factory=dict)
    passages: Mapping[str, int] = field(default_factory=dict)
    tasks: Mapping[str, Any] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "modified_files", tuple(self.modified_files))
        _put_plain(self, ("fingerprints", "words", "passages", "tasks", "seconds"))

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> Measurement:
        """The one that `to_json` described. Raises TypeError for another."""
        return cls(**known)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What made some results.

    Attributes:
        command: the arguments, if it was the command line.
        versions: of probekit-nlp and of the packages that numbers depend on.
        settings: kinds of probe, seeds, the settings of fitting, and the parameters of the verb.
        counts: counts over the whole run.
        seconds: of the whole run (`all`), and by stage.
        measurements: one for each checkpoint, corpus and context.
    """

    command: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", tuple(self.command))
        _put_plain(self, ("versions", "settings", "counts", "seconds"))

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "measurements": [one.to_json() for one in self.measurements]}

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> Run:
        """The run that `to_json` described. Raises TypeError for another."""
        measurements = tuple(Measurement.from_json(one) for one in known.get("measurements", ()))
        return cls(**{**known, "measurements": measurements})


def _put_plain(described: Run | Measurement, names: tuple[str, ...]) -> None:
    """Put these fields into the form that a file gives back.

    Raises TypeError or ValueError for fields that are not mappings.
    """
    for name in names:
        object.__setattr__(described, name, plain(dict(getattr(described, name))))
