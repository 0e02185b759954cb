"""Remedies: which of other measured checkpoints pass the policy where the one that is to ship does
not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from probekit.errors import InputError
from probekit.forgetting.gate.candidates import Candidate
from probekit.forgetting.gate.criteria import Judged, judged
from probekit.forgetting.gate.policy import Criterion
from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, OR_BITS, UNIT
from probekit.results.schema import Means, schema_of
from probekit.stats.noninferiority import Decision, decide

if TYPE_CHECKING:
    import pandas as pd

NOT_MEASURED = "not measured"
DIFFERS = {
    "before_fingerprint": "compared with another checkpoint before",
    "probe": "measured with another kind of probe",
    "fit_fingerprint": "measured with probes that were fitted otherwise",
    "floor": "its retention counts from another floor",
}
"""Why two measurements cannot be compared."""
_QUESTION = ("task", "task_fingerprint", "corpus_fingerprint", "metric")


@dataclass(frozen=True, kw_only=True)
class RemedyRow:
    """One criterion on another checkpoint."""

    source: Annotated[str, Means("the folder that was given")]
    results: Annotated[str, Means("the folder of the checkpoint's results")]
    candidate: Annotated[str, Means("the checkpoint")]
    step: Annotated[int | None, Means("of training; empty where not known", COUNT)]
    metric: Annotated[str, Means("of the task it was trained for; empty where not known")]
    dev: Annotated[float, Means("its score on that task, on dev; empty where not known", CHANGE)]
    target: Annotated[float, Means("the same on test", CHANGE)]
    criterion: Annotated[str, Means("what is judged, as in gate.csv")]
    limit: Annotated[str, Means("what may be lost, likewise")]
    corpus: Annotated[str, Means("the corpus' name; empty for a file")]
    verdict: Annotated[
        str, Means("`PASS`, `FAIL` or `CANNOT TELL`, as in gate.csv; or `not measured`")
    ]
    why: Annotated[str, Means("why it was not measured")]
    change: Annotated[float, Means("after minus before; of bits more is worse", OR_BITS)]
    ci_low: Annotated[float, Means("lower end of its interval at `level`", OR_BITS)]
    ci_high: Annotated[float, Means("upper end of it", OR_BITS)]
    level: Annotated[float, Means("confidence, Holm's over all rows that were measured", UNIT)]
    seeds: Annotated[
        int | None, Means("how many probes before, and as many after; empty without", COUNT)
    ]
    resamples: columns.TrainResamples


REMEDIES = schema_of(
    "gate_remedies",
    "a criterion on another checkpoint",
    RemedyRow,
    ("results", "candidate", "criterion", "limit", "corpus"),
)


def remedy_rows(
    wanted: Sequence[tuple[Criterion, Judged]], found: Sequence[Candidate]
) -> list[RemedyRow]:
    """Each criterion on each candidate: the same test of non-inferiority, on what was measured.

    A criterion that was not measured of a candidate, or otherwise than that of the gate, is not
    judged. All others are one family: with Holm's steps over all criteria of all candidates, the
    chance that any is passed for wrongly stays at 5%, however many are tried; and what passes here
    passes a gate of its own on the same results.

    Args:
        wanted: what the gate judged, each with its criterion.
        found: the candidates. The gated checkpoint itself is left out, and what came after it in
            its own run.
    """
    rows: list[tuple[Candidate, Judged, Judged | str]] = []
    for candidate in _others([one for _, one in wanted], found):
        known = {criterion: _judged(criterion, candidate) for criterion, _ in wanted}
        for criterion, one in wanted:
            rows.append((candidate, one, _counterpart(one, known[criterion])))
    measured = [one.change for _, _, one in rows if isinstance(one, Judged)]
    decisions = iter(decide(measured, "holm"))
    table = []
    for candidate, one, other in rows:
        if isinstance(other, Judged):
            table.append(_row(candidate, one, **_decided(other, next(decisions))))
        else:
            table.append(_row(candidate, one, verdict=NOT_MEASURED, why=other))
    return table


def _others(wanted: Sequence[Judged], found: Sequence[Candidate]) -> Iterator[Candidate]:
    """The candidates without the gated checkpoint, and what followed it in its run."""
    gated = {one.about["after_fingerprint"] for one in wanted} - {""}
    last: dict[str, int] = {}
    for one in found:
        if one.step is not None and one.evidence.after_fingerprints & gated:
            last[one.results] = min(one.step, last.get(one.results, one.step))
    for one in found:
        is_later = one.step is not None and one.step > last.get(one.results, one.step)
        if not is_later and not one.evidence.after_fingerprints & gated:
            yield one


def _judged(criterion: Criterion, candidate: Candidate) -> list[Judged] | str:
    """What a candidate's results say of a criterion; or why they say nothing."""
    if criterion.file:
        return "the file is about the gated checkpoint"
    if criterion.part[0] and candidate.evidence.by_label.empty:
        return "labels and slices are not in these results"
    try:
        return judged(criterion, candidate.evidence)
    except InputError as error:
        return str(error)


def _counterpart(one: Judged, known: list[Judged] | str) -> Judged | str:
    """The same criterion on a candidate; or why it was not measured."""
    if isinstance(known, str):
        return known
    for other in known:
        if all(one.about[name] == other.about[name] for name in _QUESTION):
            for name, why in DIFFERS.items():
                if one.measured[name] != other.measured[name]:
                    return why
            return other
    return "on another corpus, or another task of this name"


def _decided(one: Judged, decision: Decision) -> dict[str, Any]:
    """The columns of a criterion that was judged."""
    low, high = sorted((one.sign * decision.low, one.sign * decision.high))
    return {
        "verdict": decision.verdict,
        "change": one.sign * one.change.value,
        "ci_low": low,
        "ci_high": high,
        "level": decision.level,
        "seeds": one.change.seeds if one.about["at"] else None,
        "resamples": one.change.resamples,
    }


def _row(candidate: Candidate, one: Judged, **decided: Any) -> RemedyRow:
    blank = dict.fromkeys(("change", "ci_low", "ci_high", "level"), float("nan"))
    of_gate = {name: one.about[name] for name in ("criterion", "limit", "corpus")}
    taken = ("source", "results", "step", "metric", "dev", "target")
    return RemedyRow(
        **{name: getattr(candidate, name) for name in taken},
        **{**blank, "why": "", "seeds": None, "resamples": 0, **of_gate, **decided},
        candidate=candidate.name,
    )


def remedy_lines(table: pd.DataFrame) -> list[str]:
    """For each source, the checkpoint that passes, or how far the closest is from it."""
    lines = []
    for source, rows in table.groupby("source", sort=False):
        tried = [one for _, one in rows.groupby(["results", "candidate"], sort=False)]
        tried.sort(key=_preference, reverse=True)
        passing = [one for one in tried if (one["verdict"] == "PASS").all()]
        if passing:
            lines.append(_passes(str(source), passing, len(tried)))
        else:
            lines.append(_closest(str(source), tried))
    return lines


def _preference(rows: pd.DataFrame) -> tuple[float, float, float]:
    """By what one is preferred: criteria passed, score on dev, steps of training."""
    dev, step = rows["dev"].iloc[0], rows["step"].fillna(0).iloc[0]
    passed = float((rows["verdict"] == "PASS").sum())
    return passed, float(np.nan_to_num(dev, nan=-np.inf)), float(step)


def _passes(source: str, passing: Sequence[pd.DataFrame], tried: int) -> str:
    """What is said of a source of which some checkpoints pass."""
    best = passing[0]
    n = len(best)
    every = "the criterion" if n == 1 else f"all {n} criteria"
    line = f"remedy: {_name(best)} passes {every}"
    if len(passing) > 1:
        line += f", as {_others_do(len(passing) - 1)}"
    line += f" ({source}: {tried} tried, Holm's correction over all their criteria)"
    left_out = _left_out(best)
    if left_out:
        line += f"; its intervals leave out {left_out}"
    return f"{line}. Gate it by itself before it ships."


def _others_do(count: int) -> str:
    return "1 other does" if count == 1 else f"{count} others do"


def _closest(source: str, tried: Sequence[pd.DataFrame]) -> str:
    """What is said of a source of which none passes."""
    best = tried[0]
    passed = int((best["verdict"] == "PASS").sum())
    line = f"no remedy in {source} ({len(tried)} tried): "
    if not passed:
        line += "none passes any criterion"
    else:
        line += f"{_name(best)} comes closest and passes {passed} of {len(best)} criteria"
    rest = [f"{row['criterion']}: {_why(row)}" for _, row in best.iterrows() if _why(row)]
    more = "; …" if len(rest) > 2 else ""
    return f"{line} ({'; '.join(rest[:2])}{more})"


def _why(row: pd.Series) -> str:
    """Why a criterion does not pass; empty where it does."""
    if row["verdict"] == NOT_MEASURED:
        return f"{NOT_MEASURED}, {row['why']}"
    return "" if row["verdict"] == "PASS" else str(row["verdict"])


def _name(rows: pd.DataFrame) -> str:
    """A checkpoint, with its step, or how well it does what it was trained for."""
    first = rows.iloc[0]
    name = str(first["candidate"])
    if first["metric"]:
        return f"{name} ({first['metric']} {first['target']:.3f} on its own task)"
    return name


def _left_out(rows: pd.DataFrame) -> str:
    """What the intervals of a checkpoint do not cover."""
    of_probes = rows.dropna(subset=["seeds"])
    parts = []
    if len(of_probes) and (of_probes["seeds"] < 2).any():
        parts.append("other seeds")
    if len(of_probes) and not of_probes["resamples"].any():
        parts.append("other training sentences for the probes")
    return " and ".join(parts)
