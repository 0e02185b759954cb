"""Outcome: what became of a saved probe, from the verdicts on its readings.

Each reading of the checkpoint after is a test of non-inferiority to the saved probe on the
checkpoint before (`stats.noninferiority`): PASS where it loses less than the margin for sure, FAIL
where it loses more, CANNOT TELL otherwise. In order:

| as it is | repaired | retrained | outcome |
|---|---|---|---|
| PASS | | | still valid |
| FAIL | PASS | | stale, repaired by a linear map |
| FAIL | FAIL | PASS | needs retraining |
| FAIL | FAIL | FAIL, and so compared with a probe retrained on before | lost |
| | | otherwise | not settled |

A retrained probe may read less than the saved one because there are fewer labels to train it on. So
only what a probe trained anew on *before* can still read counts as lost.
"""

from __future__ import annotations

from typing import NamedTuple

from probekit.stats.noninferiority import Verdict

VALID = "still valid"
REPAIRED = "stale, repaired by a linear map"
RETRAIN = "needs retraining"
LOST = "lost"
NOT_SETTLED = "not settled"


class Verdicts(NamedTuple):
    """The verdict on each reading of the checkpoint after.

    Attributes:
        as_it_is: the saved probe.
        repaired: the saved probe after a linear map from after to before.
        retrained: a probe trained on the checkpoint after, compared with the saved one.
        control: the same, compared with one trained likewise on the checkpoint before.
    """

    as_it_is: Verdict
    repaired: Verdict
    retrained: Verdict
    control: Verdict


def outcome(verdicts: Verdicts) -> str:
    """What became of a probe.

    >>> outcome(Verdicts("FAIL", "PASS", "PASS", "PASS"))
    'stale, repaired by a linear map'
    """
    if verdicts.as_it_is == "PASS":
        return VALID
    if verdicts.as_it_is == "FAIL" and verdicts.repaired == "PASS":
        return REPAIRED
    if verdicts.as_it_is == "FAIL" and verdicts.repaired == "FAIL":
        if verdicts.retrained == "PASS":
            return RETRAIN
        if verdicts.retrained == verdicts.control == "FAIL":
            return LOST
    return NOT_SETTLED


def open_question(verdicts: Verdicts) -> str:
    """Of an outcome that is not settled: the question that the data do not answer."""
    if verdicts.as_it_is != "FAIL":
        return "whether it is still valid"
    if verdicts.repaired != "FAIL":
        return "whether a linear map repairs it"
    if verdicts.retrained != "FAIL":
        return "whether a retrained probe reads it"
    return "whether it is lost: the labels at hand train no such probe on the checkpoint before"
