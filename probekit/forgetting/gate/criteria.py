"""Criteria: what a comparison, or a file, says of each criterion of a policy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.errors import InputError, nearest, unknown
from probekit.forgetting.gate.evidence import Evidence, named
from probekit.forgetting.gate.margin import Margin
from probekit.forgetting.gate.policy import Criterion
from probekit.forgetting.gate.target import read_target
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS
from probekit.stats.metrics import METRICS
from probekit.stats.noninferiority import Change, error_at_margin
from probekit.stats.tree_metrics import TREE_METRICS

if TYPE_CHECKING:
    import pandas as pd

_NAN = float("nan")
_METRICS: Mapping[str, Any] = {**METRICS, **TREE_METRICS, **BEHAVIOUR_METRICS}
_BLANK: dict[str, Any] = {
    **dict.fromkeys(("before", "after", "task", "corpus", "at", "kind", "value"), ""),
    **dict.fromkeys(("before_fingerprint", "after_fingerprint"), ""),
    **dict.fromkeys(("corpus_fingerprint", "task_fingerprint"), ""),
    **{"worst_kind": "", "worst_value": "", "worst_lost": _NAN},
    **{"seeds": 1, "from_test": 1.0, "from_seeds": 0.0, "from_training": _NAN},
}
_TAKEN = (
    *("before", "after", "task", "corpus", "metric", "score_before", "score_after", "n_test"),
    *("groups", "resampled", "seeds", "from_test", "from_seeds", "from_training"),
    *("before_fingerprint", "after_fingerprint", "corpus_fingerprint", "task_fingerprint"),
)
"""Columns that the row of a criterion takes from that of a comparison, where it has them."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One criterion on one task.

    Attributes:
        change: what is tested, higher being better.
        sign: −1 where a lower score is better.
        about: columns of its row.
        flips: its instances that were right before and are wrong after; None where not known.
        measured: what must be the same for two of them to be compared: the checkpoint before, how
            probes were fitted, and the floor.
    """

    change: Change
    sign: int
    about: Mapping[str, Any]
    flips: Sequence[Mapping[str, Any]] | None
    measured: Mapping[str, Any]


def judged(criterion: Criterion, evidence: Evidence | None) -> list[Judged]:
    """The criterion on each task (and corpus) that it is about.

    Raises InputError where the comparison lacks the task, layer, label or slice, or the margin is
    in another unit than the task's metric.
    """
    if criterion.file or evidence is None:
        return [_of_file(criterion)]
    name = criterion.task_name
    if name and name not in evidence.tasks:
        measured = ", ".join(sorted(evidence.tasks)) or "none"
        near = nearest(name, evidence.tasks)
        hint = f"; did you mean '{near}'?" if near else ""
        raise InputError(
            f"the comparison did not measure the task '{name}' (its tasks: {measured}){hint}"
        )
    found: list[Judged] = []
    for kind in _KINDS:
        found += kind(criterion, name, evidence)
    if not found:
        refused = f"does not fit the task '{name}'" if name else "fits no task of the comparison"
        raise InputError(
            f"'{criterion.margin.said}' {refused}: give points for probes and pairs, bits "
            "for the task bits (kl needs a reference), and a share to retain for probes alone"
        )
    return found


def _of_tasks(criterion: Criterion, name: str, evidence: Evidence) -> Iterator[Judged]:
    """The criterion on tasks of probes, at the best layers or another."""
    margin, layer = criterion.margin, criterion.layer
    if margin.unit == "bits" or criterion.metric or criterion.part[0]:
        return
    where = f"{layer} layer" if layer in ("best", "last") else f"layer {layer}"
    for _, best in named(evidence.best, name).iterrows():
        row = evidence.at_layer(best, layer)
        most = margin.most
        if margin.unit == "retention":
            # Missing where nothing was known: there is nothing to retain.
            known = row["score_before"] - row["floor"]
            most = _NAN if math.isnan(row["retention"]) else float(margin.most * known)
        about = _about(row, f"{row['task']}, {where}", margin, most)
        about["at"] = layer
        flips = None
        if layer == "best":
            flips = evidence.flips(row, (int(row["layer_before"]), int(row["layer_after"])))
            about |= evidence.worst(row, flips)
        change = _change(row, most, evidence.instances_lost_over(row))
        yield Judged(
            change=change,
            sign=1,
            about=about,
            flips=flips,
            measured=_measured(row, evidence.floor if margin.unit == "retention" else ""),
        )


def _of_part(criterion: Criterion, name: str, evidence: Evidence) -> Iterator[Judged]:
    """The criterion on one label or slice of a task."""
    (kind, value), margin = criterion.part, criterion.margin
    if not kind:
        return
    rows = named(evidence.by_label, name)
    rows = rows[rows["kind"] == kind]
    if value not in set(rows["value"]):
        raise InputError(f"{name}: {unknown(kind, value, set(rows['value']))}")
    for _, row in rows[rows["value"] == value].iterrows():
        about = _about(row, f"{row['task']}, {kind} {value}", margin, margin.most)
        about |= {"at": "best", "kind": kind, "value": value, "metric": "accuracy"}
        about["score_before"] = row["accuracy_before"]
        about["score_after"] = row["accuracy_after"]
        change = _change(row, margin.most, int(row["n_test"]))
        yield Judged(
            change=change,
            sign=1,
            about=about,
            flips=evidence.flips_of_part(row),
            measured=_measured(row),
        )


def _of_behaviour(criterion: Criterion, name: str, evidence: Evidence) -> Iterator[Judged]:
    """The criterion on tasks of behaviour."""
    margin = criterion.margin
    if margin.unit == "retention" or criterion.layer != "best" or criterion.part[0]:
        return
    for _, row in named(evidence.behaviour, name).iterrows():
        metric, in_points = row["metric"], BEHAVIOUR_METRICS[row["metric"]].high == 1
        of_own = metric != "kl"  # which is measured beside the task's own
        is_meant = metric == criterion.metric if criterion.metric else of_own
        if not is_meant or in_points != (margin.unit == "points"):
            continue
        what = row["task"] if in_points or row["task"] == metric else f"{row['task']}, {metric}"
        about = _about(row, what, margin, margin.most)
        sign = 1 if in_points else -1
        yield Judged(
            change=_change(row, margin.most, int(row["n_test"]) if in_points else None, sign),
            sign=sign,
            about=about,
            flips=evidence.flips(row) if in_points else None,
            measured=_measured(row),
        )


def _of_file(criterion: Criterion) -> Judged:
    """The criterion on a file of scores."""
    margin = criterion.margin
    if margin.unit != "points":
        raise InputError(f"{criterion.file} has scores from 0 to 1: say '1 point', not bits")
    target = read_target(criterion.file)
    found = target.difference()
    row = {
        "task": criterion.file,
        "metric": "accuracy",
        "score_before": float(target.before.mean()),
        "score_after": float(target.after.mean()),
        "delta": found.value[0],
        "ci_low": found.low[0],
        "ci_high": found.high[0],
        "n_test": len(target.before),
        "groups": int(target.groups.max()) + 1,
        "resampled": "group",
    }
    flips = []
    for place in target.lost.tolist():
        blank = dict.fromkeys(("sentence", "words", "gold", "predicted"), "")
        flips.append({**blank, "instance": place, "text": target.texts[place]})
    return Judged(
        change=_change(row, margin.most, len(target.before)),
        sign=1,
        about=_about(row, criterion.file, margin, margin.most),
        flips=flips,
        measured={},
    )


_KINDS: tuple[Callable[[Criterion, str, Evidence], Iterator[Judged]], ...] = (
    _of_tasks,
    _of_part,
    _of_behaviour,
)


def _change(
    row: pd.Series | Mapping[str, Any], most: float, instances: int | None, sign: int = 1
) -> Change:
    """What is tested of a row.

    Args:
        row: of a comparison, with its change and interval.
        most: what may be lost.
        instances: that a loss of accuracy is spread over; None for other scores.
        sign: −1 where a lower score is better.
    """
    ends = sorted((sign * float(row["ci_low"]), sign * float(row["ci_high"])))
    least, right_or_wrong = 0.0, 0
    # One checkpoint is equal to itself, however few the instances.
    is_same = row.get("before_fingerprint", "") == row.get("after_fingerprint", None)
    if instances is not None and not math.isnan(most) and not is_same:
        least = error_at_margin(most, instances)
        if row.get("metric", "accuracy") == "accuracy":
            right_or_wrong = instances
    known = {**_BLANK, "resamples": 0, **row}
    return Change(
        value=sign * float(row["delta"]),
        low=ends[0],
        high=ends[1],
        margin=most,
        sentences=int(row["groups"]),
        seeds=int(known["seeds"]),
        resamples=int(known["resamples"]),
        from_test=float(known["from_test"]),
        from_seeds=float(known["from_seeds"]),
        from_training=float(known["from_training"]),
        least_error=least,
        instances=right_or_wrong,
        most=_METRICS[row.get("metric", "accuracy")].largest_difference,
    )


def _measured(row: pd.Series, floor: str = "") -> dict[str, Any]:
    """What must be the same for a row to be compared with that of another checkpoint."""
    same = {name: row.get(name, "") for name in ("before_fingerprint", "probe", "fit_fingerprint")}
    return {**same, "floor": floor}


def _about(
    row: pd.Series | Mapping[str, Any], criterion: str, margin: Margin, most: float
) -> dict[str, Any]:
    """The columns of a criterion's row, but for the verdict."""
    taken = {name: row[name] for name in _TAKEN if name in row}
    taken["resampled"] = taken["resampled"] or "group"  # results of earlier builds do not say it
    said = {"criterion": criterion, "limit": margin.said, "unit": margin.unit, "margin": most}
    return {**_BLANK, **taken, **said}
