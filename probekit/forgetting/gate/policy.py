"""Policy: what a fine-tuned checkpoint may lose, read from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from probekit import doors, schema
from probekit.errors import InputError, ProbekitError, unknown
from probekit.foreign import shortened, toml_table
from probekit.forgetting.floor import Floor
from probekit.forgetting.gate.margin import SAY_LOSS, SAY_RETENTION, Margin, loss, retention
from probekit.models.checkpoint import EncoderSettings
from probekit.paths import path_of
from probekit.states.settings import ExtractSettings
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS
from probekit.stats.noninferiority import FamilyWise
from probekit.tasks.task import load_task

ENCODER = tuple(one.name for one in fields(EncoderSettings))
_OF_USER = ("allow_pickle", "trust_remote_code", "encoder")  # trust is not a file's to give
_ALL = (*fields(ExtractSettings), *fields(EncoderSettings))
READING = tuple(one.name for one in _ALL if one.name not in _OF_USER)
"""Options of reading that a policy may set."""
SLICES = ("seen", "frequency", "length", "distance")
_SAYS = {"lose_at_most": SAY_LOSS, "retain_at_least": SAY_RETENTION}


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One limit.

    Attributes:
        task: a name, or a path to a TOML file; empty for every task that is measured.
        layer: of a task of probes the `best` layers (chosen on dev, before and after), the `last`
            one, or the number of one.
        label: only the test instances with this gold label, by accuracy.
        slice: only those of a slice, as `seen: no` or `frequency: 1-9`, by accuracy.
        metric: of a task of behaviour, where not the task's own: `kl`.
        file: a CSV file with the columns `before` and `after` in place of a task, see `target`.
        lose_at_most: such as `1 point`; of metrics in bits `0.1 bits`.
        retain_at_least: such as `95%`, of what was known above the floor.
    """

    task: str = ""
    layer: str = "best"
    label: str = ""
    slice: str = ""
    metric: str = ""
    file: str = ""
    lose_at_most: str = ""
    retain_at_least: str = ""

    @property
    def margin(self) -> Margin:
        """How much may be lost. Raises InputError where that is not clear."""
        if bool(self.lose_at_most) == bool(self.retain_at_least):
            raise InputError(
                "a criterion has either 'lose_at_most', such as '1 point', or 'retain_at_least', "
                "such as '95%'"
            )
        return loss(self.lose_at_most) if self.lose_at_most else retention(self.retain_at_least)

    @property
    def part(self) -> tuple[str, str]:
        """The kind and value of the instances that count, as in by_label.csv; empty for all."""
        if self.label:
            return "label", self.label
        kind, _, value = self.slice.partition(":")
        return kind.strip(), value.strip()

    @property
    def task_name(self) -> str:
        """The task's name in results; empty for every task."""
        return load_task(self.task).name if self.task else ""

    def check(self) -> None:
        """Raise ProbekitError where the keys do not go together, or a value is not known."""
        found = self.margin
        about = [name for name in ("label", "slice", "metric") if getattr(self, name)]
        if self.file and (self.task or about or self.layer != "best"):
            raise InputError("'file' stands alone, without a task, layer, label, slice or metric")
        if about and (len(about) > 1 or not self.task):
            raise InputError(f"'{about[-1]}' goes with a task, and with no other such key")
        if found.unit == "retention" and (self.label or self.slice or self.file):
            raise InputError("retention is of whole tasks: say 'lose_at_most', such as '1 point'")
        if (self.label or self.slice) and (self.layer != "best" or found.unit != "points"):
            raise InputError(
                "labels and slices are scored at the best layer before, in points: leave 'layer' "
                "out, and say 'lose_at_most', such as '1 point'"
            )
        if self.slice and self.part[0] not in SLICES:
            raise InputError(unknown("slice", self.part[0], SLICES))
        if self.metric and self.metric not in BEHAVIOUR_METRICS:
            raise InputError(unknown("metric", self.metric, BEHAVIOUR_METRICS))
        if self.layer not in ("best", "last") and not self.layer.isdecimal():
            raise InputError(f"{unknown('layer', self.layer, ('best', 'last'))} (or say '6')")
        if self.task:
            load_task(self.task)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What may be lost, and how it is measured.

    Attributes:
        tasks: that are measured besides those of criteria; a criterion without a task is on each.
        corpus, probe, seeds, resample_train, floor, lm_head, reference: parameters of `compare`.
        reading: how checkpoints are read: options of READING, such as `layers` and `subwords`.
        correction: `holm` over all criteria, or `none`.
        criterion: the limits.
    """

    tasks: tuple[str, ...] = ()
    corpus: tuple[str, ...] = ()
    probe: str = "linear"
    seeds: int = 3
    resample_train: int = 10
    floor: Floor = "majority"
    lm_head: str = ""
    reference: str = ""
    correction: FamilyWise = "holm"
    reading: Mapping[str, Any] = field(default_factory=dict)
    criterion: tuple[Criterion, ...] = ()

    @property
    def task_names(self) -> list[str]:
        """The tasks that it names, each once."""
        named = [*self.tasks, *(one.task for one in self.criterion if one.task)]
        return list(dict.fromkeys(named))

    def extract_settings(self, **changes: Any) -> ExtractSettings:
        """How checkpoints are read: as `reading` says, with some options changed.

        Raises InputError for values that are not valid.
        """
        chosen = {**self.reading, **changes}
        encoder = {name: chosen.pop(name) for name in list(chosen) if name in ENCODER}
        return ExtractSettings(**chosen, encoder=EncoderSettings(**encoder))


def read_policy(path: str | Path) -> Policy:
    """The policy in a TOML file.

    Raises InputError for a file that is missing or malformed, or has an unknown key or value; the
    message has the nearest valid one.
    """
    given = path_of(doors.of_type("policy", path, (str, Path)))
    table = toml_table(given, "policy file", InputError)
    _refuse_bare_numbers(given, table)
    policy = schema.read(Policy, table, str(given), InputError)
    doors.options(f"reading in {given}", policy.reading, READING)
    policy.extract_settings()
    if not policy.criterion:
        raise InputError(
            f"{given} has no criterion: add [[criterion]] with task = 'pos' and "
            "lose_at_most = '1 point', say"
        )
    for key, value, valid in (
        ("correction", policy.correction, get_args(FamilyWise)),
        ("floor", policy.floor, get_args(Floor)),
    ):
        if value not in valid:
            raise InputError(f"{given}: {unknown(key, value, valid)}")
    for number, criterion in enumerate(policy.criterion, 1):
        try:
            criterion.check()
        except ProbekitError as error:
            raise InputError(f"{given}, criterion {number}: {error}") from error
    return policy


def _refuse_bare_numbers(path: Path, table: Mapping[str, Any]) -> None:
    """Raise InputError for a margin that is a number, which has no unit."""
    criteria = table.get("criterion")
    for number, one in enumerate(criteria if isinstance(criteria, list) else [], 1):
        for key, say in _SAYS.items():
            value = one.get(key) if isinstance(one, dict) else None
            if isinstance(value, int | float):
                raise InputError(
                    f"{path}, criterion {number}: {key} = {shortened(value)} has no unit: say {say}"
                )
