"""Quantities: what papers report, each with the function that reads it off our results.

Their names are what a replication's file may call them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from probekit.forgetting.comparison import Comparison
    from probekit.probes.scores import Scores

_ENDS = ("ci_low", "ci_high")
_SCORE = ["score", *_ENDS]

Verb = Literal["probe", "compare"]
Layer = Literal["first", "best", "last"]


class Asked(NamedTuple):
    """Of what a quantity is read: a task's name, a kind of probe, and a layer.

    `first` and `last` are the lowest and the highest layer that were read, `best` is chosen on dev:
    the best one of the kind of probe `best_of`.
    """

    task: str
    probe: str
    layer: Layer
    best_of: str


class Measured(NamedTuple):
    """A quantity as measured, the ends of its 95% interval (nan where it has none), and its layer
    (None where it belongs to no single one)."""

    value: float
    low: float
    high: float
    layer: int | None


class Probed:
    """What `probe` found.

    Attributes:
        scores: its results.
        displayed, best: `scores.displayed()` and `scores.best()`, computed once for all quantities.
    """

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self.displayed = scores.displayed()
        self.best = scores.best()


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """Something that papers report.

    Attributes:
        read: reads it, in `unit`, off what `verb` found: Probed, or a Comparison.
        unit: of its values: `%`, `layers`, `bits`; empty for ratios and correlations.
        meaning: in a few words.
        verb: whose results have it.
        needs: the evidence that must have been asked for.
        metric: the metric that it is, by which its task is scored; empty where it is none.
        of_task: whether it belongs to a task.
        digits: how many decimals are shown.
    """

    read: Callable[[Any, Asked], Measured]
    unit: str
    meaning: str
    verb: Verb = "probe"
    needs: tuple[str, ...] = ()
    metric: str = ""
    of_task: bool = True
    digits: int = 1


def _score(probed: Probed, asked: Asked, *, metric: str, scale: float = 1) -> Measured:
    """A metric at one layer, the mean over seeds."""
    shown = _of(probed.displayed, asked, metric=metric)
    layer = _layer(probed, asked, metric)
    means = scale * shown[shown["layer"] == layer][_SCORE].mean()
    return _measured(means, _SCORE, layer)


def _selectivity(probed: Probed, asked: Asked) -> Measured:
    """Score less that of the control task."""
    row = _evidence(probed, probed.scores.selectivity, asked)
    layer = _layer(probed, asked)
    return _measured(100 * row, ("selectivity", *_ENDS), layer)


def _control_accuracy(probed: Probed, asked: Asked) -> Measured:
    """The score on the control task."""
    row = _evidence(probed, probed.scores.selectivity, asked)
    return Measured(100 * row["control_score"], nan, nan, _layer(probed, asked))


def _compression(probed: Probed, asked: Asked, *, labels: str) -> Measured:
    """The uniform code over the code; the interval is that of the code."""
    codes = probed.scores.codelengths[probed.scores.codelengths["labels"] == labels]
    row = _evidence(probed, codes, asked)
    low, high = (row["uniform_bits"] / row[end] for end in ("ci_high", "ci_low"))
    return Measured(row["compression"], low, high, _layer(probed, asked))


def _bits(probed: Probed, asked: Asked, *, labels: str) -> Measured:
    """Codelength per training instance."""
    codes = probed.scores.codelengths[probed.scores.codelengths["labels"] == labels]
    row = _evidence(probed, codes, asked)
    low, high = (row[end] / row["n_train"] for end in _ENDS)
    return Measured(row["bits_per_instance"], low, high, _layer(probed, asked))


def _expected_layer(probed: Probed, asked: Asked) -> Measured:
    """Where cumulative mixes win the score."""
    names = ["expected_layer", "expected_low", "expected_high"]
    return _measured(_of(probed.scores.mixes, asked)[names].mean(), names, None)


def _mix_score(probed: Probed, asked: Asked) -> Measured:
    """The score of the mix of all layers, the mean over seeds."""
    mixes = _of(probed.scores.table, asked, labels="gold", view="mix", weights="trained")
    mixes = mixes[mixes["test_fingerprint"] == ""]
    of_all = mixes[mixes["layer"] == mixes["layer"].max()]
    return _measured(100 * of_all[_SCORE].mean(), _SCORE, None)


def _change(comparison: Comparison, asked: Asked) -> Measured:
    """The score after, less the score before."""
    if asked.layer == "best":
        row = _of(comparison.best, asked).iloc[0]
        layer = row["layer_before"]
    else:
        rows = _of(comparison.comparison, asked).sort_values("layer")
        row = rows.iloc[0 if asked.layer == "first" else -1]
        layer = row["layer"]
    names = ["delta", *_ENDS]
    return _measured(100 * row[names], names, int(layer))


def _similarity(comparison: Comparison, asked: Asked, *, column: str) -> Measured:
    """How similar a layer is before and after."""
    table = comparison.similarity
    same = table[table["layer_before"] == table["layer_after"]]
    layer = same["layer_before"].min() if asked.layer == "first" else same["layer_before"].max()
    value = same[same["layer_before"] == layer][column].mean()
    return Measured(float(value), nan, nan, int(layer))


def _measured(row: pd.Series, names: Sequence[str], layer: int | None) -> Measured:
    """A value and the ends of its interval, from columns of these names."""
    value, low, high = (float(row[name]) for name in names)
    return Measured(value, low, high, layer)


def _of(table: pd.DataFrame, asked: Asked, **more: str) -> pd.DataFrame:
    """The rows of a task and a kind of probe, and of further values of columns."""
    found = table
    for column, value in {"task": asked.task, "probe": asked.probe, **more}.items():
        found = found[found[column] == value]
    return found


def _layer(probed: Probed, asked: Asked, metric: str | None = None) -> int:
    """The number of the layer."""
    named = {"metric": metric} if metric else {}
    row = _of(probed.best, asked._replace(probe=asked.best_of), **named).iloc[0]
    columns = {"first": "first_layer", "best": "layer", "last": "last_layer"}
    return int(row[columns[asked.layer]])


def _evidence(probed: Probed, table: pd.DataFrame, asked: Asked) -> pd.Series:
    """The numbers of a table at one layer, the mean over its rows, which are of several seeds."""
    rows = _of(table, asked)
    return rows[rows["layer"] == _layer(probed, asked)].mean(numeric_only=True)


QUANTITIES: Mapping[str, Quantity] = {
    "accuracy": Quantity(
        read=partial(_score, metric="accuracy", scale=100),
        metric="accuracy",
        unit="%",
        meaning="accuracy on test",
    ),
    "control_accuracy": Quantity(
        read=_control_accuracy,
        unit="%",
        meaning="accuracy on the control task",
        needs=("control",),
    ),
    "selectivity": Quantity(
        read=_selectivity,
        unit="points",
        meaning="accuracy less that on the control task",
        needs=("control",),
    ),
    "compression": Quantity(
        read=partial(_compression, labels="gold"),
        unit="",
        meaning="uniform code over online code",
        needs=("codelength",),
    ),
    "control_compression": Quantity(
        read=partial(_compression, labels="control"),
        unit="",
        meaning="the same of control labels",
        needs=("control", "codelength"),
    ),
    "bits": Quantity(
        read=partial(_bits, labels="gold"),
        unit="bits",
        meaning="online code per training instance",
        needs=("codelength",),
        digits=3,
    ),
    "mix_accuracy": Quantity(
        read=_mix_score,
        unit="%",
        meaning="accuracy of the mix of all layers",
        needs=("mix",),
    ),
    "expected_layer": Quantity(
        read=_expected_layer,
        unit="layers",
        meaning="where mixes of layers 0 to k gain",
        needs=("mix",),
        digits=2,
    ),
    "uuas": Quantity(
        read=partial(_score, metric="uuas", scale=100),
        metric="uuas",
        unit="%",
        meaning="edges of the tree found, undirected",
    ),
    "dspearman": Quantity(
        read=partial(_score, metric="dspearman"),
        metric="dspearman",
        unit="",
        meaning="rank correlation of distances",
        digits=2,
    ),
    "root_accuracy": Quantity(
        read=partial(_score, metric="root_accuracy", scale=100),
        metric="root_accuracy",
        unit="%",
        meaning="sentences whose root is found",
    ),
    "nspearman": Quantity(
        read=partial(_score, metric="nspearman"),
        metric="nspearman",
        unit="",
        meaning="rank correlation of depths",
        digits=2,
    ),
    "change": Quantity(
        read=_change,
        unit="points",
        meaning="score after less score before",
        verb="compare",
    ),
    "rsa": Quantity(
        read=partial(_similarity, column="rsa"),
        unit="",
        meaning="similarity of the layer before and after (RSA)",
        verb="compare",
        of_task=False,
        digits=2,
    ),
}
