"""Erasure: what a model loses when a task's subspace is erased from a layer while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Annotated, ClassVar

from probekit.results import columns
from probekit.results.columns import COUNT, OR_BITS, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

RANDOM, CONTROL = "random", "control:"
HEAD = "head"
CLEAN, RETRAINED = "clean", "retrained"
BITS = "bits"  # the metric of which less is better
LEVEL = 0.05
CHANGE_OR_BITS = "−1 to 1, or bits"


@dataclass(frozen=True, kw_only=True)
class ErasureRow:
    """One erasure, and one thing that was measured after it."""

    model: Annotated[str, Means("the checkpoint, as the user named it")]
    corpus: columns.CorpusName
    layer: Annotated[int, Means("the layer that was changed while the model ran", "from 0")]
    erased: Annotated[
        str,
        Means(
            "whose subspace was erased: the task's; `random`, as many dimensions at random; or "
            "`control:TASK`, that of the task's control labels"
        ),
    ]
    rank: Annotated[int, Means("dimensions that were erased", COUNT)]
    affected: Annotated[
        str,
        Means(
            "what was measured: the task of the probes, or of behaviour; or `head`, the "
            "checkpoint's own classification head"
        ),
    ]
    read_at: Annotated[
        int | None,
        Means("the layer that the probes read; empty for the head and for behaviour", COUNT),
    ]
    probe: Annotated[
        str,
        Means(
            "`clean`, trained on the states before; `retrained`, on the erased ones; empty for the "
            "head and for behaviour"
        ),
    ]
    metric: columns.MetricName
    seeds: Annotated[int, Means("of probes, and of random subspaces", COUNT)]
    score_before: Annotated[float, Means("score without an erasure, the mean over seeds", OR_BITS)]
    score_after: Annotated[float, Means("score after it", OR_BITS)]
    change: Annotated[
        float, Means("after less before: below 0 it is worse, of `bits` above 0", CHANGE_OR_BITS)
    ]
    ci_low: Annotated[float, Means("lower end of the 95% interval", CHANGE_OR_BITS)]
    ci_high: Annotated[float, Means("upper end of the 95% interval", CHANGE_OR_BITS)]
    p_value: columns.PValue
    p_adjusted: columns.AdjustedP
    majority: Annotated[
        float,
        Means(
            "of always saying the most frequent training label; of pairs the chance level; empty "
            "for `bits`",
            UNIT,
        ),
    ]
    n_test: columns.TestInstances


ERASURE = schema_of(
    "erasure",
    "an erasure and what was measured after it",
    ErasureRow,
    ("model", "corpus", "layer", "erased", "affected", "read_at", "probe"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Erasure(Results):
    """What a model loses when something is erased from one of its layers.

    Attributes:
        table: one row for each layer, what was erased, and what was measured; see ErasureRow.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": ERASURE}
    MADE_BY: ClassVar[str] = "erase"
    TOLD_BY: ClassVar[Sequence[str]] = ("model", "corpus")

    table: pd.DataFrame

    @property
    def task(self) -> str:
        """The task whose subspace was erased."""
        names = self.table["erased"]
        is_null = (names == RANDOM) | names.str.startswith(CONTROL)
        return str(names[~is_null].iloc[0]) if (~is_null).any() else ""

    def summary(self) -> pd.DataFrame:
        """The rows that matter most: the head and behaviour, the probes of the last layer, and of
        the task itself the ones retrained at the layer erased."""
        table = self.table
        last = table["read_at"].max()
        at_end = (table["probe"] == CLEAN) & (table["read_at"] == last)
        here = (table["probe"] == RETRAINED) & (table["affected"] == self.task)
        return table[(at_end | here | table["read_at"].isna()).fillna(False)]

    @property
    def sentences(self) -> list[str]:
        """One sentence for each thing measured above: the layer whose erasure changes it most."""
        rows = self.summary()
        rows = rows[rows["probe"] != RETRAINED]
        found = []
        for affected, each in rows.groupby("affected", sort=False):
            of_task = each[each["erased"] == self.task]
            if of_task.empty:
                continue
            worst = of_task.loc[_damage(of_task).idxmax()]
            others = each[(each["layer"] == worst["layer"]) & (each["erased"] != self.task)]
            found.append(_sentence(str(affected), worst, others))
        return found


def label_of(row: pd.Series) -> str:
    """What a row measured, in a few words."""
    if row["probe"] == RETRAINED:
        return f"{row['affected']}, retrained"
    if row["probe"] == CLEAN:
        return f"{row['affected']} at {row['read_at']}"
    return str(row["affected"])  # the head, or a task of behaviour


def change_text(value: float, metric: str) -> str:
    """A change in points, or in bits per word."""
    return f"{value:+.2f}" if metric == BITS else f"{100 * value:+.1f}"


def draws_text(draws: int) -> str:
    """How many times random dimensions were drawn, and whether intervals cover other draws."""
    return "one draw, intervals cover no other" if draws == 1 else f"{draws} draws"


def _damage(rows: pd.DataFrame) -> pd.Series:
    """How much worse a score is after an erasure."""
    return rows["change"].where(rows["metric"] == BITS, -rows["change"])


def _sentence(affected: str, row: pd.Series, others: pd.DataFrame) -> str:
    """What erasing the task's subspace does at one layer, beside what is erased for comparison."""
    what = f"{affected} of the language model itself"
    if affected == HEAD:
        what = "its head"
    elif row["probe"] == CLEAN:
        what = f"what probes read of {affected} at layer {row['read_at']}"
    said = (
        f"Erasing {row['erased']} at layer {row['layer']} changes {what} most: "
        f"{row['score_before']:.3f} before, {row['score_after']:.3f} after ({_points(row)})"
    )
    beside = [f"{other['erased']} {_points(other)}" for _, other in others.iterrows()]
    return f"{said}; {'; '.join(beside)}." if beside else f"{said}."


def _points(row: pd.Series) -> str:
    """A change in its unit, with its interval, or that none is detected."""
    metric = row["metric"]
    change, low, high = (change_text(row[name], metric) for name in ("change", "ci_low", "ci_high"))
    ends = "no interval" if isnan(row["ci_low"]) else f"{low} to {high}"
    unit = "bits per word" if metric == BITS else "points"
    note = "" if row["p_adjusted"] <= LEVEL else ", not detected"
    return f"{change} {unit}, {ends}{note}"
