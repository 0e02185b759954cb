"""Change rows: what is read of saved probes, judged together, as the rows of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.monitors.outcome import (
    LOST,
    NOT_SETTLED,
    REPAIRED,
    RETRAIN,
    VALID,
    Verdicts,
    open_question,
    outcome,
)
from probekit.forgetting.monitors.probe_change import DetectionRow, ProbeChangeRow, ReadingRow
from probekit.forgetting.monitors.readings import (
    ANEW,
    AS_IT_IS,
    BEFORE,
    CONTROL,
    FIXED,
    TESTS,
    Readings,
)
from probekit.probes.identity import of_task
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.stats.correction import adjust
from probekit.stats.noninferiority import (
    FEASIBLE,
    Change,
    Decision,
    FamilyWise,
    Needed,
    decide,
    needed,
    two_digits,
)


class Judged(NamedTuple):
    """One saved probe on one checkpoint after.

    Attributes:
        about: the checkpoints.
        readings: what is read.
        map: the name of the linear map.
        repaired: the probe with the map folded in.
        majority: score of the majority baseline.
    """

    about: Compared
    readings: Readings
    map: str
    repaired: SavedProbe
    majority: float


class _Test(NamedTuple):
    """One test of the family: the number of the probe, what is compared, and its change."""

    number: int
    reading: str
    since: str
    change: Change


class _Decided(NamedTuple):
    """A test with its decision."""

    test: _Test
    decision: Decision
    p_adjusted: float

    @property
    def needed(self) -> Needed:
        """What would settle it; nothing for one that is."""
        if self.decision.verdict != "CANNOT TELL":
            return Needed(None, None, None)
        return needed(self.test.change, self.decision.level)


def change_tables(
    judged: Sequence[Judged], margin: float, correction: FamilyWise
) -> dict[str, Any]:
    """The tables of ProbeChange, and the repaired probes.

    Args:
        judged: each probe on each checkpoint after.
        margin: how much of a score may be lost.
        correction: of the p-values of all tests together.
    """
    tests = list(_tests(judged, margin))
    decisions = decide([test.change for test in tests], correction)
    p_values = np.array([decision.p_value for decision in decisions])
    adjusted = adjust(p_values, correction).tolist()
    of_probe: list[dict[tuple[str, str], _Decided]] = [{} for _ in judged]
    for test, decision, p in zip(tests, decisions, adjusted, strict=True):
        key = (test.reading, test.since)
        of_probe[test.number][key] = _Decided(test, decision, p)
    rows: list[ProbeChangeRow] = []
    readings: list[ReadingRow] = []
    detection: list[DetectionRow] = []
    repaired: list[SavedProbe] = []
    for one, decided in zip(judged, of_probe, strict=True):
        row = _row(one, decided, margin)
        rows.append(row)
        readings += [_reading(one, each) for each in decided.values()]
        detection += _detection(one)
        if row.outcome == REPAIRED:
            repaired.append(one.repaired)
    return {
        "table": rows,
        "readings": readings,
        "detection": detection,
        "repaired": tuple(repaired),
    }


def _tests(judged: Sequence[Judged], margin: float) -> Iterator[_Test]:
    """Every test of the family; the one against the control only where the control is another probe
    than the saved one."""
    for number, one in enumerate(judged):
        found = one.readings
        control_is_saved = np.array_equal(found.predictions(CONTROL), found.predictions(BEFORE))
        for reading, since in TESTS:
            if since != CONTROL or not control_is_saved:
                yield _Test(number, reading, since, found.change(reading, since, margin))


def _row(one: Judged, decided: dict[tuple[str, str], _Decided], margin: float) -> ProbeChangeRow:
    every = []
    for key in TESTS:
        found = decided.get(key, decided[ANEW, BEFORE])
        every.append(found.decision.verdict)
    verdicts = Verdicts(*every)
    probe, question = one.readings.probe, one.readings.question
    scores = {name: one.readings.score(name) for name in one.readings.outputs}
    became = outcome(verdicts)
    return ProbeChangeRow(
        **vars(one.about),
        task=probe.task.name,
        probe=probe.head,
        layer=probe.layer,
        seed=probe.seed,
        source=probe.origin.source,
        outcome=became,
        metric=probe.task.metric,
        score_before=scores[BEFORE],
        score_after=scores[AS_IT_IS],
        score_repaired=scores[FIXED],
        score_retrained=scores[ANEW],
        score_control=scores[CONTROL],
        majority=one.majority,
        map=one.map,
        margin=margin,
        n_test=len(question.splits["test"]),
        groups=one.readings.groups,
        resampled=question.resampled,
        verdict=_sentence(became, verdicts, scores, one.majority, decided, question.resampled),
        task_fingerprint=of_task(probe.task)["task_fingerprint"],
        probe_fingerprint=probe.fingerprint,
    )


def _sentence(
    became: str,
    verdicts: Verdicts,
    scores: dict[str, float],
    majority: float,
    decided: dict[tuple[str, str], _Decided],
    resampled: str,
) -> str:
    """The outcome and its reason."""
    points = {name: f"{100 * score:.1f}" for name, score in scores.items()}
    as_it_is = f"{points[BEFORE]} → {points[AS_IT_IS]}"
    if became == VALID:
        return f"{became} ({as_it_is})"
    if became == REPAIRED:
        return f"{became} ({as_it_is} as it is, {points[FIXED]} repaired)"
    reads = f"{as_it_is} as it is, {points[FIXED]} after a linear map, {points[ANEW]} retrained"
    if became == RETRAIN:
        return f"{became} ({reads})"
    if became == LOST:
        known = scores[BEFORE] - majority
        left = f"; {(scores[ANEW] - majority) / known:.0%} of what was known above the majority "
        return f"{became} ({reads}{left + 'baseline is left' if known > 0 else ''})"
    assert became == NOT_SETTLED
    lacking = [each for each in decided.values() if each.decision.verdict == "CANNOT TELL"]
    more = ""
    if lacking:
        more = would_tell(lacking[0].needed, lacking[0].test.change.sentences, resampled)
    return f"{became}: {open_question(verdicts)} ({reads}{more})"


def would_tell(found: Needed, have: int, resampled: str) -> str:
    """How many test sentences, or documents, would answer what is open, where there are `have`."""
    if found.sentences:
        return f"; about {two_digits(found.sentences)} test {resampled}s would tell, of {have:,}"
    if found.is_near:
        return (
            f"; the change is near the limit: to tell would take more than {FEASIBLE} times the "
            f"{have:,} test {resampled}s"
        )
    return ""


def _about(one: Judged) -> dict[str, Any]:
    """The columns that all tables have."""
    probe, about = one.readings.probe, one.about
    return {
        "after": about.after,
        "task": probe.task.name,
        "layer": probe.layer,
        "after_fingerprint": about.after_fingerprint,
        "corpus_fingerprint": about.corpus_fingerprint,
        "probe_fingerprint": probe.fingerprint,
    }


def _reading(one: Judged, decided: _Decided) -> ReadingRow:
    test, decision = decided.test, decided.decision
    return ReadingRow(
        **_about(one),
        reading=test.reading,
        compared_with=test.since,
        change=test.change.value,
        ci_low=decision.low,
        ci_high=decision.high,
        level=decision.level,
        p_value=decision.p_value,
        p_adjusted=decided.p_adjusted,
        verdict=decision.verdict,
        needed_groups=decided.needed.sentences,
    )


def _detection(one: Judged) -> Iterator[DetectionRow]:
    """The rows of a probe of two classes; none with more."""
    found = one.readings.detection()
    if not found:
        return
    is_positive = one.readings.is_positive
    for reading, measured in found.items():
        numbers: dict[str, Any] = {}
        for name, values in measured._asdict().items():
            numbers[name] = values.value
            for part in ("low", "high", "change", "change_low", "change_high"):
                numbers[f"{name}_{part}"] = getattr(values, part)
        yield DetectionRow(
            **_about(one),
            positive=one.readings.probe.positive,
            reading=reading,
            **numbers,
            positives=int(is_positive.sum()),
            negatives=int((~is_positive).sum()),
        )
