"""Evidence: what was found of a checkpoint, by which criteria are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from probekit.errors import InputError, unknown
from probekit.forgetting.comparison import Comparison, last_rows
from probekit.stats.wilson import least_share

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

QUESTION = (
    "after_fingerprint",
    "task_fingerprint",
    "corpus_fingerprint",
    "after",
    "task",
    "corpus",
)
"""The columns that tell which task on which corpus a row is of."""


@dataclass(frozen=True)
class Evidence:
    """What was found of one checkpoint, compared with the one before.

    Attributes:
        best: one row for each task of probes, as in `Comparison.best`.
        layers: one row for each of these and layer, as in `Comparison.comparison`.
        by_label, behaviour: as in a comparison.
        floor: the baseline from which retention counts.
        flipped: as in a comparison; None where instances are not known.
    """

    best: pd.DataFrame
    layers: pd.DataFrame
    by_label: pd.DataFrame
    behaviour: pd.DataFrame
    floor: str
    flipped: pa.Table | None = None

    @classmethod
    def of(cls, comparison: Comparison, after: str = "") -> Evidence:
        """That of a comparison: of the checkpoint of this name, where there are several."""
        tables = {}
        for name in ("best", "comparison", "by_label", "behaviour"):
            table = getattr(comparison, name)
            tables[name] = table[table["after"] == after] if after else table
        return cls(
            best=tables["best"],
            layers=tables["comparison"],
            by_label=tables["by_label"],
            behaviour=tables["behaviour"],
            floor=str(comparison.run.settings.get("floor", "majority")),
            flipped=comparison.flipped,
        )

    @property
    def tasks(self) -> set[str]:
        """The names of all tasks."""
        return {*self.best["task"], *self.behaviour["task"]}

    @property
    def after_fingerprints(self) -> set[str]:
        """Those of the checkpoint after."""
        return {*self.best["after_fingerprint"], *self.behaviour["after_fingerprint"]}

    def at_layer(self, best: pd.Series, layer: str) -> pd.Series:
        """The row of `best` of a task at the `best` layers, or that of `comparison` at the `last`
        one, or at a number.

        Raises InputError where that layer was not compared.
        """
        if layer == "best":
            return best
        rows = same(last_rows(self.layers) if layer == "last" else self.layers, best)
        if layer != "last":
            known = [str(one) for one in rows["layer"]]
            if layer not in known:
                raise InputError(f"{best['task']}: {unknown('layer', layer, known)}")
            rows = rows[rows["layer"] == int(layer)]
        return rows.iloc[0]

    def instances_lost_over(self, row: pd.Series) -> int:
        """Over how many instances a loss is spread: all; of F1 as many as have the rarest label, of
        macro F1 as many for each label, since there a rare label counts as much as others."""
        n, several = int(row["n_test"]), 1
        if row["metric"] == "accuracy":
            return n
        kinds = same(self.by_label, row)
        labels = kinds[kinds["kind"] == "label"]
        if labels.empty:
            return n
        if row["metric"] == "macro_f1":
            several = len(labels)
        return min(n, several * int(labels["n_test"].min()))

    def worst(self, row: pd.Series, flips: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The kind of instances that flipped most surely: its share of flips has the interval with
        the highest lower end. Empty where none flipped.

        Args:
            row: of the task.
            flips: its instances that were right before and are wrong after.
        """
        counts = Counter[str]()
        for flip in flips:
            counts.update([*flip["slices"], f"label: {flip['gold']}"])
        worst: dict[str, Any] = {}
        highest = 0.0
        for _, kind in same(self.by_label, row).iterrows():
            n = int(kind["n_test"])
            lost = counts[f"{kind['kind']}: {kind['value']}"]
            if lost and least_share(lost, n) > highest:
                highest = least_share(lost, n)
                worst = {"worst_kind": kind["kind"], "worst_value": kind["value"]}
                worst |= {"worst_lost": lost / n}
        return worst

    def flips(
        self, row: pd.Series, layers: tuple[int | None, int | None] = (None, None)
    ) -> list[dict[str, Any]]:
        """The instances of a row's task that were right before and are wrong after, at a layer
        before and one after; none for pairs."""
        return self._flips.get((*(row[name] for name in QUESTION), *layers), [])

    def flips_of_part(self, row: pd.Series) -> list[dict[str, Any]]:
        """The same at the layers of a row of `by_label`, of the instances that it is about."""
        layer = int(row["layer"])
        at = same(self.layers, row)
        after = at[at["layer"] == layer]["layer_after"]
        layers = (layer, int(after.iloc[0]) if len(after) else None)
        part, found = f"{row['kind']}: {row['value']}", []
        for flip in self.flips(row, layers):
            if part in (*flip["slices"], f"label: {flip['gold']}"):
                found.append(flip)
        return found

    @cached_property
    def _flips(self) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
        found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for flip in self.flipped.to_pylist() if self.flipped is not None else ():
            key = tuple(flip[name] for name in (*QUESTION, "layer_before", "layer_after"))
            found.setdefault(key, []).append(flip)
        return found


def named(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of a task; all for an empty name."""
    return table[table["task"] == name] if name else table


def same(table: pd.DataFrame, row: pd.Series, names: Sequence[str] = QUESTION) -> pd.DataFrame:
    """The rows of the same task and checkpoint as a row."""
    for name in names:
        table = table[table[name] == row[name]]
    return table
