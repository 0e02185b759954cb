"""Gated: the verdict on each criterion of a policy, and on the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.remedies import REMEDIES, remedy_lines
from probekit.results import columns
from probekit.results.columns import COUNT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

MEASURED = "comparison"
"""The folder of what was measured, inside that of the gate."""
POINTS_OR_BITS = "0 to 1, or bits"
_Fingerprint = Annotated[str, Means("as in best.csv; empty for a file", columns.FINGERPRINT)]


@dataclass(frozen=True, kw_only=True)
class GateRow:
    """One criterion on one task (or file)."""

    criterion: Annotated[str, Means("what is judged, in words")]
    limit: Annotated[str, Means("what may be lost, in words")]
    verdict: Annotated[
        str,
        Means("`PASS` where the whole interval is above the limit, `FAIL` below, or `CANNOT TELL`"),
    ]
    before: Annotated[str, Means("the checkpoint before; empty for a file")]
    after: Annotated[str, Means("the checkpoint after; empty for a file")]
    task: Annotated[str, Means("the task's name; of a file its path")]
    corpus: Annotated[str, Means("the corpus' name; empty for a file")]
    at: Annotated[str, Means("`best` layers, the `last` one, or the number of one; empty without")]
    kind: Annotated[str, Means("`label` or a slice, where only these instances count")]
    value: Annotated[str, Means("the label, or the value of the slice")]
    metric: columns.MetricName
    unit: Annotated[str, Means("of the margin: `points`, `bits`, or `retention`")]
    margin: Annotated[
        float, Means("how much of the score may be lost, above 0; empty where none is known", UNIT)
    ]
    score_before: Annotated[float, Means("of the checkpoint before", POINTS_OR_BITS)]
    score_after: Annotated[float, Means("of the checkpoint after", POINTS_OR_BITS)]
    change: Annotated[float, Means("after minus before; of bits more is worse", POINTS_OR_BITS)]
    ci_low: Annotated[float, Means("lower end of its interval at `level`", POINTS_OR_BITS)]
    ci_high: Annotated[float, Means("upper end of it", POINTS_OR_BITS)]
    level: Annotated[float, Means("confidence of the interval that decides", UNIT)]
    p_value: Annotated[
        float, Means("two-sided, of the hypothesis that exactly the margin is lost", UNIT)
    ]
    n_test: columns.TestInstances
    groups: columns.TestGroups
    resampled: Annotated[
        str,
        Means("`sentence` or `document`; `group` for a file, and for results of earlier builds"),
    ] = "group"
    seeds: Annotated[int, Means("how many probes before, and as many after", COUNT)]
    from_test: columns.FromTest
    from_seeds: columns.FromSeeds
    from_training: columns.FromTraining
    needed_groups: Annotated[
        int | None,
        Means("test sentences (documents) that would settle it; empty where none", COUNT),
    ]
    needed_seeds: Annotated[
        int | None, Means("seeds that would settle it instead; empty where no number would", COUNT)
    ]
    needed_times: Annotated[
        float,
        Means("or how many times as much of all: test and training sentences, seeds", "from 1"),
    ]
    near_limit: Annotated[
        int,
        Means(
            "1 where the data suffice for a loss of half the margin, but the change is too near "
            "the limit: what is needed then assumes that the change stays the same, and is empty "
            "above 10 times the data",
            "0 or 1",
        ),
    ] = 0
    worst_kind: Annotated[
        str,
        Means(
            "the kind of instances whose share of flips has the highest lower end of its 95% "
            "interval"
        ),
    ]
    worst_value: Annotated[str, Means("its value")]
    worst_lost: Annotated[float, Means("share of its instances that flipped", UNIT)]
    flipped: Annotated[
        int | None, Means("instances right before and wrong after; empty where not known", COUNT)
    ]
    before_fingerprint: _Fingerprint
    after_fingerprint: _Fingerprint
    corpus_fingerprint: _Fingerprint
    task_fingerprint: _Fingerprint


@dataclass(frozen=True, kw_only=True)
class GateFlipRow:
    """One instance of a criterion that was right before and is wrong after."""

    criterion: Annotated[str, Means("what is judged")]
    corpus: Annotated[str, Means("the corpus' name; empty for a file")]
    instance: Annotated[int, Means("its number in the test split, or the file", "from 0")]
    sentence: Annotated[str, Means("id of the sentence")]
    text: Annotated[str, Means("the sentence; of a pair the one that is right")]
    words: Annotated[str, Means("of the span, or of both spans")]
    gold: Annotated[str, Means("the label that the corpus gives it; empty for pairs and files")]
    predicted: Annotated[
        str, Means("what most probes predict after; of a pair the sentence that is wrong")
    ]


GATE = schema_of("gate", "a criterion on a task", GateRow, ("criterion", "limit", "corpus"))
FLIPS = schema_of(
    "gate_flipped",
    "an instance of a criterion that is right before and wrong after",
    GateFlipRow,
    ("criterion", "corpus", "instance"),
)
STATUS = {"may ship": 0, "must not ship": 1, "cannot tell": 3}
"""Exit statuses; 2 is for mistakes."""
SHOWN = ("criterion", "limit", "change", "ci_low", "ci_high", "level", "verdict", "needed_groups")


@dataclass(frozen=True, eq=False, repr=False)
class Gated(Results):
    """Whether a checkpoint may ship, by the criteria of a policy.

    Attributes:
        table: one row for each criterion and task, see GateRow.
        flips: one row for each of their instances that was right before and is wrong after, see
            GateFlipRow.
        remedies: one row for each criterion on each other checkpoint that was tried, see RemedyRow.
        found: the comparison that was judged; None where the table was read alone, or the
            comparison was given.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": GATE}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {"flips": FLIPS, "remedies": REMEDIES}
    MADE_BY: ClassVar[str] = "gate"
    TOLD_BY: ClassVar[Sequence[str]] = ("verdict",)

    table: pd.DataFrame
    flips: pd.DataFrame = field(default=None, kw_only=True)
    remedies: pd.DataFrame = field(default=None, kw_only=True)
    found: Comparison | None = field(default=None, kw_only=True)

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        return same if same is not True else self.found == getattr(other, "found", None)

    @property
    def decision(self) -> str:
        """`must not ship` where one fails, `may ship` where all pass, else `cannot tell`."""
        verdicts = set(self.table["verdict"])
        if "FAIL" in verdicts:
            return "must not ship"
        return "may ship" if verdicts == {"PASS"} else "cannot tell"

    @property
    def status(self) -> int:
        """The exit status: 0 may ship, 1 must not ship, 3 cannot tell."""
        return STATUS[self.decision]

    @property
    def sentence(self) -> str:
        """The decision and its reason."""
        rows = self.table
        n, decision = len(rows), self.decision
        named = [name for name in rows["after"] if name]
        subject = named[0] if named else "the checkpoint"
        if decision == "may ship":
            which = {1: "the criterion passes", 2: "both criteria pass"}.get(
                n, f"all {n} criteria pass"
            )
            return f"{subject} may ship: {which}"
        failing = decision == "must not ship"
        wanted = rows[rows["verdict"] == ("FAIL" if failing else "CANNOT TELL")]
        names = ", ".join(list(wanted["criterion"])[:3]) + (", …" if len(wanted) > 3 else "")
        verb = "fails" if len(wanted) == 1 else "fail"
        if not failing:
            verb = "is undecided" if len(wanted) == 1 else "are undecided"
        lead = f"{subject} must not ship" if failing else f"cannot tell whether {subject} may ship"
        which = "the criterion" if n == 1 else f"{len(wanted)} of {n} criteria"
        return f"{lead}: {which} {verb} ({names})"

    @property
    def remedy_lines(self) -> list[str]:
        """Which other checkpoint passes, a sentence for each folder; none where none was tried."""
        return remedy_lines(self.remedies)

    @property
    def family(self) -> str:
        """How sure the verdicts are, together."""
        n = len(self.table)
        if self.run.settings.get("correction") == "none":
            return "each verdict at 95%, not corrected for the number of criteria"
        if n == 1:
            return "at most 5% for a false verdict"
        return f"at most 5% for any false verdict among the {n} (Holm)"

    def shown(self) -> pd.DataFrame:
        """The criteria and their verdicts."""
        return self.table[list(SHOWN)]

    def write(self, folder: str | Path) -> None:
        """Write `gate.csv`, `gate_flipped.csv`, `gate_remedies.csv` and `run.json` into `folder`,
        and what was measured into `comparison` inside it; `read` gives back the same.

        Raises StoreError where that fails.
        """
        if self.found is not None:
            self.found.write(Path(folder) / MEASURED)
        super().write(folder)

    @classmethod
    def _with_record(cls, folder: Path, tables: Mapping[str, Any]) -> Gated:
        """Results of these tables, the record in a folder, and what is in `comparison`."""
        place = folder / MEASURED
        found = None
        if place.is_dir() and Comparison.is_in(place):
            found = Comparison.read(place)
        return super()._with_record(folder, {**tables, "found": found})
