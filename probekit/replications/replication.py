"""Replication: a paper's settings and figures, read from a TOML file in `probes/replications/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from probekit import bundle, doors, schema
from probekit.errors import InputError, unknown
from probekit.foreign import toml_table
from probekit.paths import path_of
from probekit.replications.quantities import QUANTITIES, Layer, Quantity, Verb
from probekit.stats.tree_metrics import OF_SHAPES
from probekit.tasks.task import load_task

FOLDER: bundle.Folder = "probes/replications"
EVIDENCE = ("control", "codelength", "mix", "capacity")
"""Parameters of `probe` that a file may set."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One figure or finding of a paper, and what is measured beside it.

    Attributes:
        quantity: what it is, a name in QUANTITIES.
        task: the task that is measured; empty for quantities of none.
        probe: the kind of probe that is measured.
        layer: the layer that is measured: the `first`, the `best` on dev, or the `last`.
        best_of: the kind of probe whose best layer that is, so that several kinds are measured at
            one layer; empty for that of `probe` itself.
        value: the published figure, in the unit of the quantity; None where there is a finding
            only.
        finding: what the paper says of it, where it gives no figure.
        model: the paper's model; an alias of probekit where it has one.
        corpus: the paper's data.
        comparable_on: the corpus on which the number itself can be compared; empty where only the
            pattern can.
        setting: the paper's own layer, probe or split, in a few words.
        source: the table, figure or file.
    """

    quantity: str
    task: str = ""
    probe: str = "linear"
    layer: str = "best"
    best_of: str = ""
    value: float | None = None
    finding: str = ""
    model: str
    corpus: str
    comparable_on: str = ""
    setting: str = ""
    source: str


@dataclass(frozen=True, kw_only=True)
class Replication:
    """A paper, and how it is run again.

    Attributes:
        name: the file's stem.
        title: of the paper.
        citation: authors, year and place.
        url: of the paper.
        question: what the paper asked, in one sentence.
        verb: what is run: `probe`, or `compare`.
        model: the default model; before fine-tuning, where two are compared.
        tasks: names of tasks.
        corpus: the default corpus.
        probes: kinds of probe.
        seeds: how many probes of each kind and layer.
        evidence: parameters of `probe` that are set, of EVIDENCE.
        differences: between the paper and this replication, one sentence each.
        published: the paper's figures.
    """

    name: str
    title: str
    citation: str
    url: str
    question: str
    verb: str = "probe"
    model: str
    tasks: tuple[str, ...]
    corpus: str = "en_ewt"
    probes: tuple[str, ...] = ("linear",)
    seeds: int = 1
    evidence: tuple[str, ...] = ()
    differences: tuple[str, ...]
    published: tuple[Published, ...]

    def __post_init__(self) -> None:
        where = f"replication '{self.name}'"
        _require_known(where, {"verb": [self.verb]}, get_args(Verb))
        _require_known(where, {"evidence": self.evidence}, EVIDENCE)
        _require_known(where, {"corpus": [self.corpus]}, bundle.names("corpora"))
        _require_known(where, {"tasks": self.tasks}, bundle.names("probes"))
        if self.verb == "compare" and (len(self.probes) != 1 or self.evidence):
            raise InputError(f"{where}: compare takes one kind of probe, and no evidence")
        for number, figure in enumerate(self.published, 1):
            self._check(figure, f"{where}, published {number}")

    def _check(self, figure: Published, where: str) -> None:
        """Raise InputError where a figure asks for what is not measured."""
        quantities = [name for name, known in QUANTITIES.items() if known.verb == self.verb]
        _require_known(where, {"quantity": [figure.quantity]}, quantities)
        _require_known(where, {"layer": [figure.layer]}, get_args(Layer))
        _require_known(where, {"probe": [figure.probe]}, self.probes)
        _require_known(where, {"best_of": [figure.best_of]}, ("", *self.probes))
        if figure.comparable_on:
            corpora = bundle.names("corpora")
            _require_known(where, {"comparable_on": [figure.comparable_on]}, corpora)
        quantity = QUANTITIES[figure.quantity]
        if quantity.of_task:
            _require_known(where, {"task": [figure.task]}, self.tasks)
            _require_measured(where, figure, quantity)
        elif figure.layer == "best":
            raise InputError(f"{where}: {figure.quantity} is of layer = 'first' or 'last'")
        if not set(quantity.needs) <= set(self.evidence):
            raise InputError(f"{where}: {figure.quantity} needs evidence = {list(quantity.needs)}")
        if (figure.value is None) == (not figure.finding):
            raise InputError(f"{where}: give either 'value' or 'finding'")


def _require_known(
    where: str, values: Mapping[str, Collection[str]], valid: Collection[str]
) -> None:
    """Raise InputError for a value of a key that is not one of the valid ones."""
    for key, given in values.items():
        for value in given:
            if value not in valid:
                raise InputError(f"{where}: {unknown(key, value, valid)}")


def _require_measured(where: str, figure: Published, quantity: Quantity) -> None:
    """Raise InputError where the figure's task is not scored by the quantity."""
    task = load_task(figure.task)
    metrics = OF_SHAPES.get(task.shape, (task.metric,))
    if quantity.metric and quantity.metric not in metrics:
        raise InputError(
            f"{where}: {task.name} is scored by {', '.join(metrics)}, not {figure.quantity}"
        )
    if not quantity.metric and task.is_structural and quantity.verb == "probe":
        raise InputError(f"{where}: {task.name} is structural: it has no {figure.quantity}")


def load_replication(name: str | Path) -> Replication:
    """The shipped replication of a name, or the one in a TOML file, by its path.

    Raises InputError for an unknown name, and for a file that is missing or malformed, or has an
    unknown key or value.
    """
    doors.of_type("name", name, (str, Path))
    path = path_of(name)
    if isinstance(name, str) and not name.endswith(".toml") and "/" not in name:
        # Not by bundle.find: a folder of this name may hold an earlier run's results.
        known = bundle.names(FOLDER)
        if name not in known:
            raise InputError(unknown("replication", name, known))
        path = bundle.folder(FOLDER) / f"{name}.toml"
    table = toml_table(path, "replication", InputError)
    return schema.read(Replication, table, str(path), InputError, name=path.stem)


def shipped_replications() -> list[Replication]:
    """Every replication in `probes/replications/`, by name."""
    return [load_replication(name) for name in bundle.names(FOLDER)]
