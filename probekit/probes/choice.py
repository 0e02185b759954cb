"""Choice: rows of scores by model, task, corpus, probe, layer and seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from probekit import doors
from probekit.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd

Names = str | list[str] | tuple[str, ...]
Numbers = int | list[int] | tuple[int, ...]
_NUMBERS = ("layer", "seed")
_NAMES = ("model", "task", "corpus", "probe")


def chosen(shown: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that have, in each column of `wanted`, its value or one of its values.

    None stands for any value. Raises InputError for values that no row has, and where no row has
    all of them.
    """
    found = shown
    given_values = {name: given for name, given in wanted.items() if given is not None}
    for parameter, given in given_values.items():
        values: Any = doors.whole_numbers if parameter in _NUMBERS else _texts
        known = shown[parameter].dropna().unique().tolist()
        for value in values(parameter, given):
            if value not in known:
                raise InputError(unknown(f"value of {parameter}", str(value), map(str, known)))
        found = found[found[parameter].isin(values(parameter, given)).fillna(False)]
    if found.empty:
        what = ", ".join(f"{name}={given!r}" for name, given in given_values.items())
        raise InputError(f"the scores have no row with {what}" if what else "there are no scores")
    return found


def _texts(parameter: str, given: Any) -> list[str]:
    return doors.several(parameter, given, (str,))


def one_probe(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one probe, of all seeds: of several layers, those of the best one on dev.

    Raises InputError where there are several models, tasks, corpora or kinds of probe; baselines
    count only where there is nothing else.
    """
    trained = rows[rows["layer"].notna()]
    rows = rows if trained.empty else trained
    for noun in _NAMES:
        names = rows[noun].unique().tolist()
        if len(names) > 1:
            raise InputError(
                f"the run has several values of {noun} ({', '.join(names)}): "
                f"choose one, such as {noun}='{names[0]}'"
            )
    if rows["layer"].nunique() > 1:
        best = rows.groupby("layer")["dev_score"].mean().idxmax()
        rows = rows[rows["layer"] == best]
    return rows
