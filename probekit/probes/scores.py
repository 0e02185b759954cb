"""Scores: a tidy table, one row a trained probe or baseline, with what is needed to defend it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit import doors
from probekit.errors import InputError, suggestion
from probekit.probes.display import told_apart
from probekit.results import folder as kept
from probekit.whole import reason

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "model",
    "task",
    "corpus",
    "probe",
    "layer",
    "metric",
    "score",
    "ci_low",
    "ci_high",
    "n_train",
    "n_test",
    "seed",
)
MORE_COLUMNS = ("dev_score", "dev_loss", "epoch")

IDENTITY = {
    "model": ("site", "stack", "pooling", "adapter", "dtype", "store_dtype", "model_fingerprint"),
    "corpus": ("corpus_source", "corpus_fingerprint"),
    "task": ("span", "context", "task_fingerprint"),
    "probe": ("fit_fingerprint",),
}
"""What tells apart models, corpora, tasks and probes that are called alike: the columns after MORE_COLUMNS."""
IDENTITY_COLUMNS = tuple(column for columns in IDENTITY.values() for column in columns)

KEYS = ["model", "task", "corpus", "probe"]
# Rows with the same of these are one experiment. A source only describes.
_EXPERIMENT = [*KEYS, "layer", "seed", *(column for column in IDENTITY_COLUMNS if not column.endswith("source"))]
DECIMALS = 6
_NUMBERS = {
    "layer": "Int64",
    "score": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "n_train": "int64",
    "n_test": "int64",
    "seed": "int64",
    "dev_score": "float64",
    "dev_loss": "float64",
    "epoch": "Int64",
}
_EVERY = (*COLUMNS, *MORE_COLUMNS, *IDENTITY_COLUMNS)
TYPES = {column: _NUMBERS.get(column, "str") for column in _EVERY}


@dataclass(frozen=True)
class Scores:
    """What was measured.

    Attributes:
        table: a row a probe: the columns COLUMNS first, then MORE_COLUMNS, then IDENTITY_COLUMNS. `layer` is missing
            for baselines; `score`, `ci_low` and `ci_high` (a 95% bootstrap interval over sentences, or documents) are
            in [0, 1].
        run: versions, fingerprints, arguments, counts and timings, as JSON has them.
        notices: what a reader must know, one sentence each.
    """

    table: pd.DataFrame
    run: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def displayed(self) -> pd.DataFrame:
        """The table with `model`, `task`, `corpus` and `probe` as display names: where two of them are called alike,
        the names say what differs, so that rows with the same four names differ in layer and seed only.

        Raises InputError where a probe has two different scores.
        """
        shown = self.table.drop_duplicates([column for column in self.table if not column.endswith("source")])
        for noun, columns in IDENTITY.items():
            facts = shown.reindex(columns=list(columns), fill_value="").to_dict("records")
            shown = shown.assign(**{noun: told_apart(shown[noun].tolist(), facts)})
        _require_once(shown)
        return shown

    def best(self) -> pd.DataFrame:
        """The best layer of each model, task, corpus and probe, by their display names, with means over seeds;
        baselines are left out.

        It is the layer with the best dev score (at a tie the lowest): chosen on test, its test score would be too
        good.
        """
        layers = self.displayed().dropna(subset=["layer"])
        values = ["score", "ci_low", "ci_high", "dev_score"]
        means = layers.groupby([*KEYS, "layer"], sort=False)[values].mean().reset_index()
        return means.loc[means.groupby(KEYS, sort=False)["dev_score"].idxmax()].reset_index(drop=True)

    def write(self, folder: str | Path) -> None:
        """Write `scores.csv` and `run.json` into `folder`; `read_scores` gives back the same.

        Raises StoreError where that fails.
        """
        kept.write(folder, {"scores": self.table}, {**self.run, "notices": self.notices})


def make_scores(rows: Sequence[Mapping[str, Any]], run: Mapping[str, Any], notices: Sequence[str]) -> Scores:
    """Scores of rows, in the form in which files keep them: six decimals, and a record that JSON can hold.

    An experiment that was asked for twice stands there once. Its two measurements differ by rounding, since what is
    fitted along with a probe changes the order of sums.
    """
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(_EVERY)).fillna(dict.fromkeys(IDENTITY_COLUMNS, ""))
    table = table.drop_duplicates(_EXPERIMENT, ignore_index=True)
    plain = json.loads(json.dumps(dict(run), default=str))
    return Scores(table.astype(TYPES).round(DECIMALS), plain, tuple(dict.fromkeys(notices)))


def joined(several: Sequence[Scores]) -> Scores:
    """The rows of several runs as one table. Records are left out.

    An experiment that two runs measured stands there once, as the first has it, and a notice says how far their scores
    differ. Rows of an older version, without fingerprints, are one only where they are equal.
    """
    import pandas as pd

    table = pd.concat([scores.table for scores in several], ignore_index=True).drop_duplicates(ignore_index=True)
    notices = [notice for scores in several for notice in scores.notices]
    twice = table[table.duplicated(_EXPERIMENT, keep=False) & (table["model_fingerprint"] != "")]
    ranges = twice.groupby(_EXPERIMENT, dropna=False)["score"].agg(np.ptp)
    if ranges.max() > 0:
        notices.append(
            f"{len(ranges)} probes were measured more than once, and their scores differ by up to {ranges.max():.3f}: "
            "the first run's are taken"
        )
    repeated = twice.index[twice.duplicated(_EXPERIMENT)]
    return Scores(table.drop(index=repeated).reset_index(drop=True), notices=tuple(dict.fromkeys(notices)))


def read_scores(folder: str | Path) -> Scores:
    """The scores of a run's folder, or of a `scores.csv`, with the record beside it.

    Raises InputError where there is none, it lacks a column, or it is not the one its `run.json` was written with.
    """
    import pandas as pd

    path = Path(doors.of_type("folder", folder, (str, Path)))
    path = path / "scores.csv" if path.is_dir() else path
    try:
        content = BytesIO(kept.read_table(path))
        table = pd.read_csv(content, dtype=str, keep_default_na=False)
        table = table.assign(**{column: "" for column in IDENTITY_COLUMNS if column not in table})
        missing = [column for column in _EVERY if column not in table]
        if missing:
            raise InputError(f"{path} is no table of scores: it lacks the column '{missing[0]}'")
        table = table.assign(**{column: _numbers(table[column], kind) for column, kind in _NUMBERS.items()})
    except (OSError, ValueError) as error:
        said = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(
            f"no scores in {folder}: expected a folder that 'probekit probe' wrote ({said}){suggestion(Path(folder))}"
        ) from error
    record = kept.read_record(path.parent) if path.name == "scores.csv" else {}
    notices = tuple(record.pop("notices", ()))
    return Scores(table.astype(TYPES), record, notices)


def _numbers(texts: pd.Series, kind: str) -> pd.Series:
    """Texts as numbers, empty ones missing. Raises ValueError for another text."""
    found = texts.map(lambda text: float(text) if text else float("nan"))
    return found.astype(kind)


def _require_once(shown: pd.DataFrame) -> None:
    """Raise InputError where rows differ in nothing that identifies them and yet are different rows."""
    twice = shown[shown.duplicated([*KEYS, "layer", "seed"], keep=False)]
    if twice.empty:
        return
    row = twice.iloc[0]
    what = f"{row['model']}, {row['task']} on {row['corpus']}, {row['probe']}, seed {row['seed']}"
    if not row.get("model_fingerprint"):
        raise InputError(
            f"two different scores of one probe ({what}): a table of an older version does not say what tells its "
            "experiments apart, so it cannot be averaged or drawn: run 'probekit probe' again"
        )
    raise InputError(
        f"two different scores of one probe ({what}): the same experiment was measured twice; read one of the runs"
    )
