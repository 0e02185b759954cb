"""Non-inferiority: whether a change stays above a margin that was chosen beforehand.

Of a change and a margin m two things can be shown: that less than m is lost (PASS), or more (FAIL).
Where neither is, nothing is known (CANNOT TELL): a change that is not detected is no proof that
there is none (Altman and Bland 1995; Piaggio et al. 2012 for trials).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from probekit.stats.bootstrap import LEVEL
from probekit.stats.correction import adjust

Verdict = Literal["PASS", "FAIL", "CANNOT TELL"]
FamilyWise = Literal["holm", "none"]
POWER = 0.9
MOST = 10**9  # test sentences or seeds; where more are needed, none are said to be enough
FEASIBLE = 10  # times the data there are: the most that is said of a change near its limit


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a score (after minus before, higher is better), and the margin it may not cross.

    Attributes:
        value: the change.
        low, high: its 95% interval, as `paired.difference` gives it; missing (NaN) for one group.
        margin: how much may be lost, above 0, in the unit of the score.
        sentences: test sentences or documents.
        seeds: probes before, and as many after.
        resamples: of the training sentences.
        from_test, from_seeds, from_training: share of the variance due to each; missing where a
            source is not known.
        least_error: the standard error that the change has at least where the margin is lost, see
            `error_at_margin`.
        instances: of which the score is the share that is right; 0 for other scores.
        most: the largest change that there can be, in the unit of the score.
    """

    value: float
    low: float
    high: float
    margin: float
    sentences: int
    seeds: int = 1
    resamples: int = 0
    from_test: float = 1.0
    from_seeds: float = 0.0
    from_training: float = float("nan")
    least_error: float = 0.0
    instances: int = 0
    most: float = math.inf

    @property
    def distance(self) -> float:
        """How far the change is above the limit, −margin; negative below it."""
        return self.value + self.margin

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high) and math.isfinite(self.margin)


class Decision(NamedTuple):
    """What is shown of one change.

    Attributes:
        verdict: PASS, FAIL or CANNOT TELL.
        low, high: the interval that decides, at `level`.
        level: its confidence.
        p_value: two-sided, of the hypothesis that exactly the margin is lost.
    """

    verdict: Verdict
    low: float
    high: float
    level: float
    p_value: float


class Needed(NamedTuple):
    """What would settle a change.

    Attributes:
        sentences: so many test sentences; None where no number of these alone would.
        seeds: or so many seeds, likewise.
        times: or so many times as much of all: test sentences, training sentences and seeds; None
            where no amount would, or more than FEASIBLE times near the limit.
        is_near: whether the change is near its limit: there is as much already as half the margin
            takes, and what more it takes hangs on the distance observed.
    """

    sentences: int | None
    seeds: int | None
    times: float | None
    is_near: bool = False


class _Variances(NamedTuple):
    """Of a change: the part of each source, and how well each is known (degrees of freedom)."""

    test: float
    seeds: float
    training: float
    sentences: int
    n_seeds: int
    resamples: int

    @property
    def total(self) -> float:
        return self.test + self.seeds + self.training

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the total: Satterthwaite 1946."""
        known = (
            (self.test, self.sentences - 1),
            (self.seeds, self.n_seeds - 1),
            (self.training, self.resamples - 1),
        )
        below = sum(variance**2 / degrees for variance, degrees in known if degrees > 0)
        return self.total**2 / below if below > 0 else float(max(1, self.sentences - 1))


def error_at_margin(margin: float, instances: int) -> float:
    """The standard error that a change of accuracy has at least where the margin is lost.

    A loss of m takes at least m·n instances that are right before and wrong after, whose number
    varies as m(1 − m)n where they fall independently. Score tests use the variance under the
    hypothesis likewise (Tango 1998, for paired proportions). Without it, few instances of which
    none happens to flip would show that nothing is lost.

    Args:
        margin: in [0, 1].
        instances: that are tested, from 1.

    >>> round(error_at_margin(0.01, 1_000), 4)
    0.0031
    """
    return math.sqrt(max(0.0, margin * (1 - margin)) / max(1, instances))


def decide(changes: Sequence[Change], correction: FamilyWise = "holm") -> list[Decision]:
    """The verdict on each change: PASS where its whole interval is above −margin, FAIL where it is
    below, else CANNOT TELL.

    The 95% interval is the one given, no narrower than `least_error` allows. With `holm` a false
    verdict of any kind among all has a chance of at most 5%: the p-values of "exactly the margin
    is lost" go through Holm's steps (1979), and where one is rejected, the side on which the change
    lies is decided (Shaffer 1980). The interval of a step has the confidence 1 − 0.05 / (verdicts
    left), and contains −margin where the step is not taken. At other levels than 95% its halves
    are scaled by the ratio of Student's quantiles, with Satterthwaite's degrees of freedom.

    Args:
        changes: the family.
        correction: `none` decides each change at 95% by itself.
    """
    p_values = np.array([p_value(change) for change in changes])
    order = np.argsort(p_values, kind="stable")
    adjusted = adjust(p_values, correction)
    left = len(changes)
    levels = np.full(left, LEVEL)
    alpha = 1 - LEVEL
    if correction == "holm":
        for place in order:
            levels[place] = 1 - alpha / left
            if adjusted[place] <= alpha:
                left -= 1
    found = []
    for change, level, p, p_adjusted in zip(changes, levels, p_values, adjusted, strict=True):
        low, high = interval(change, float(level))
        verdict: Verdict = "CANNOT TELL"
        if change.is_known and p_adjusted <= alpha:
            verdict = "PASS" if change.distance > 0 else "FAIL"
        found.append(Decision(verdict, low, high, float(level), float(p)))
    return found


def p_value(change: Change) -> float:
    """Two-sided, in [0, 1]: of the hypothesis that exactly the margin is lost; 1 without an
    interval."""
    from scipy.special import stdtr

    if not change.is_known:
        return 1.0
    variances = _variances(change, below=change.distance > 0)
    if variances.total <= 0:
        return 0.0 if change.distance else 1.0
    return float(2 * stdtr(variances.degrees, -abs(change.distance) / math.sqrt(variances.total)))


def interval(change: Change, level: float) -> tuple[float, float]:
    """The ends of the change's interval at a confidence `level`, at most as far from 0 as a change
    can be; missing (NaN) without one."""
    from scipy.special import stdtrit

    if not change.is_known:
        return float("nan"), float("nan")
    upper = (1 + level) / 2
    halves = []
    for below in (True, False):
        variances = _variances(change, below=below)
        halves.append(math.sqrt(variances.total) * float(stdtrit(variances.degrees, upper)))
    return max(change.value - halves[0], -change.most), min(change.value + halves[1], change.most)


def needed(change: Change, level: float = LEVEL) -> Needed:
    """How many test sentences, or else how many seeds, would settle the change.

    Enough are those with which a model that loses half the margin passes in nine of ten
    repetitions, and one that loses one and a half margins fails in about as many: with the
    variance V that a source contributes now, the least n' of
        (t(level) + t(90%))² · (V_test · n/n' + V_seeds + V_training) ≤ (margin / 2)²
    and likewise for seeds, and for all sources at once. This is the sample size of non-inferiority
    trials (Blackwelder 1982; Julious 2004). It rests on the margin and the variance, not on the
    change observed, which is too uncertain to plan with.

    The variance is the one that the interval shows, but for what the change itself adds to it: of a
    share of right instances, each one that is lost on top of others adds 1 / instances². A model
    that loses a whole margin has a larger variance than the one planned for, which loses half of
    it, and one that loses nothing a smaller. How much is lost is not known either: the observed
    change is drawn towards half the margin, by its variance beside (margin / 2)². (Instances are
    thought to be lost independently here.)

    Where there is as much already, the change is near its limit: then the observed distance takes
    the place of half the margin, t(level) that of the sum, and the variance is as it is. That is
    what would just do if the change stayed the same. It has no upper bound: an interval that
    contains the limit allows a change that is exactly on it, which no data settle, and of one that
    is nearer than 0.6 standard errors even the side is a guess. So more than FEASIBLE times the
    data are not said.

    Args:
        change: that was not decided.
        level: the confidence of the interval that is to decide.
    """
    if not change.is_known:
        return Needed(None, None, None)
    now = _variances(change, below=change.distance > 0)
    found = _needed(change, _planned(change, now), level, change.margin / 2, POWER)
    if found.sentences != change.sentences:
        return found
    near = _needed(change, now, level, abs(change.distance), 0.5, FEASIBLE)
    return near._replace(is_near=True)


def two_digits(number: float) -> str:
    """A number as text, with two digits: an estimate of what is needed has no more.

    >>> two_digits(3_806), two_digits(7.23)
    ('3,800', '7.2')
    """
    return f"{float(f'{number:.2g}'):,.10g}"


def _planned(change: Change, now: _Variances) -> _Variances:
    """The variances that the change would have if half the margin were lost."""
    if not change.instances:
        return now
    half = change.margin / 2
    known = half**2 / (half**2 + now.total)
    more = known * (change.value + half) / change.instances
    least = change.least_error**2 - now.seeds - now.training
    return now._replace(test=max(now.test + more, least, 0.0))


def _needed(
    change: Change,
    now: _Variances,
    level: float,
    distance: float,
    power: float,
    times: float = math.inf,
) -> Needed:
    """The same, for a distance from the limit that is found with some power; no more than some
    times what there is."""
    from scipy.special import stdtrit

    upper = (1 + level) / 2

    def settles(then: _Variances) -> bool:
        factor = float(stdtrit(then.degrees, upper) + stdtrit(then.degrees, power))
        return factor * math.sqrt(then.total) <= distance

    def with_sentences(n: int) -> bool:
        return settles(now._replace(test=now.test * change.sentences / n, sentences=n))

    def with_seeds(n: int) -> bool:
        return settles(now._replace(seeds=now.seeds * change.seeds / n, n_seeds=n))

    def with_all(n: int) -> bool:
        less = change.sentences / n
        parts = {name: getattr(now, name) * less for name in ("test", "seeds", "training")}
        return settles(now._replace(**parts, sentences=n, n_seeds=int(change.seeds / less)))

    of_all = _least(change.sentences, times, with_all)
    return Needed(
        _least(change.sentences, times, with_sentences),
        _least(change.seeds, times, with_seeds) if change.seeds > 1 else None,
        None if of_all is None else of_all / change.sentences,
    )


def _least(now: int, times: float, is_enough: Callable[[int], bool]) -> int | None:
    """The least number from `now` on that is enough; None where `times` as many, or MOST, are
    not."""
    most = int(min(MOST, now * times))
    if not is_enough(most):
        return None
    numbers = range(now, most)
    return numbers[bisect_left(numbers, True, key=is_enough)]


def _variances(change: Change, *, below: bool) -> _Variances:
    """The variances behind the lower or upper half of the interval."""
    from scipy.special import stdtrit

    shares = [change.from_test, change.from_seeds, change.from_training]
    known = [0.0 if math.isnan(share) else share for share in shares]
    if not sum(known) > 0:
        known = [1.0, 0.0, 0.0]
    counts = (change.sentences, change.seeds, change.resamples)
    test, seeds, training = known
    degrees = _Variances(test, seeds, training, *counts).degrees
    half = change.value - change.low if below else change.high - change.value
    total = (half / float(stdtrit(degrees, (1 + LEVEL) / 2))) ** 2
    more = max(0.0, change.least_error**2 - total)
    test, seeds, training = (total * share for share in known)
    return _Variances(test + more, seeds, training, *counts)
