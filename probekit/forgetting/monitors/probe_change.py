"""Probe change: what became of saved probes on a checkpoint that has changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.monitors.outcome import LOST, NOT_SETTLED, REPAIRED, RETRAIN, VALID
from probekit.probes.saved.probe_file import RECORD, TENSORS, load_probes, save_probes
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.results import columns
from probekit.results.columns import CHANGE, COUNT, FINGERPRINT, UNIT
from probekit.results.results import Results
from probekit.results.schema import Means, Precedes, Schema, schema_of

if TYPE_CHECKING:
    import pandas as pd

REPAIRED_FOLDER = "repaired"
"""The folder of the repaired probes, inside that of the results."""
COVERS = (
    "intervals cover other test sentences (documents) alone: the saved probe is the one in the "
    "file, and its repaired and retrained forms are the ones trained here"
)
"""What the intervals are about."""
Fingerprint = Annotated[str, Means("of the saved probe's numbers and what it says", FINGERPRINT)]
Reading = Annotated[
    str,
    Means(
        "`before`, the saved probe on the checkpoint before; on the one after `as it is`, "
        "`repaired` by a linear map, or `retrained` with labels"
    ),
]


@dataclass(frozen=True, kw_only=True)
class ProbeChangeRow(Compared):
    """One saved probe on one checkpoint after."""

    task: Annotated[columns.TaskName, Precedes("corpus")]
    probe: columns.ProbeName
    layer: Annotated[int, Means("that it reads; 0 is the embeddings", COUNT)]
    seed: Annotated[int, Means("of its initial weights", COUNT)]
    source: Annotated[str, Means("what made it: `probekit`, `scikit-learn`, `direction` …")]
    outcome: Annotated[
        str,
        Means(", ".join(f"`{one}`" for one in (VALID, REPAIRED, RETRAIN, LOST, NOT_SETTLED))),
    ]
    metric: columns.MetricName
    score_before: Annotated[float, Means("of the saved probe on the checkpoint before", UNIT)]
    score_after: Annotated[float, Means("of the saved probe as it is on the one after", UNIT)]
    score_repaired: Annotated[float, Means("of it after the linear map", UNIT)]
    score_retrained: Annotated[float, Means("of a probe trained on the one after", UNIT)]
    score_control: Annotated[
        float, Means("of a probe trained in the same way on the one before", UNIT)
    ]
    majority: Annotated[float, Means("of always saying the most frequent training label", UNIT)]
    map: Annotated[str, Means("the linear map: `procrustes`, or `ridge PENALTY`")]
    margin: Annotated[float, Means("how much of the score may be lost", UNIT)]
    n_test: columns.TestInstances
    groups: columns.TestGroups
    resampled: columns.Resampled = ""
    verdict: Annotated[str, Means("the outcome and its reason, in words")]
    task_fingerprint: columns.TaskFingerprint
    probe_fingerprint: Fingerprint


@dataclass(frozen=True, kw_only=True)
class ReadingRow:
    """One reading of the checkpoint after, as a test of non-inferiority."""

    after: Annotated[str, Means("the checkpoint after")]
    task: columns.TaskName
    layer: Annotated[int, Means("that is read", COUNT)]
    reading: Reading
    compared_with: Annotated[
        str, Means("`before`, or `control`, a probe trained in the same way on the one before")
    ]
    change: Annotated[float, Means("of the score, since the other", CHANGE)]
    ci_low: Annotated[float, Means("lower end of its interval at `level`", CHANGE)]
    ci_high: Annotated[float, Means("upper end of it", CHANGE)]
    level: Annotated[float, Means("confidence of the interval that decides", UNIT)]
    p_value: Annotated[
        float, Means("two-sided, of the hypothesis that exactly the margin is lost", UNIT)
    ]
    p_adjusted: Annotated[float, Means("the same, corrected for all readings", UNIT)]
    verdict: Annotated[
        str, Means("`PASS` where less than the margin is lost, `FAIL` where more, or `CANNOT TELL`")
    ]
    needed_groups: Annotated[
        int | None,
        Means("test sentences (documents) that would settle it; empty where none", COUNT),
    ]
    after_fingerprint: Annotated[str, Means("of the checkpoint after", FINGERPRINT)]
    corpus_fingerprint: columns.CorpusFingerprint
    probe_fingerprint: Fingerprint


@dataclass(frozen=True, kw_only=True)
class DetectionRow:
    """One reading of a probe of two classes, at whatever threshold."""

    after: Annotated[str, Means("the checkpoint after")]
    task: columns.TaskName
    layer: Annotated[int, Means("that is read", COUNT)]
    positive: Annotated[str, Means("the label that is detected")]
    reading: Reading
    auroc: Annotated[float, Means("chance that a positive instance is above a negative one", UNIT)]
    auroc_low: Annotated[float, Means("lower end of its 95% interval", UNIT)]
    auroc_high: Annotated[float, Means("upper end of it", UNIT)]
    auroc_change: Annotated[float, Means("since `before`", CHANGE)]
    auroc_change_low: columns.Low
    auroc_change_high: columns.High
    recall: Annotated[
        float, Means("share of positives that are found with 1% false positives", UNIT)
    ]
    recall_low: Annotated[float, Means("lower end of its 95% interval", UNIT)]
    recall_high: Annotated[float, Means("upper end of it", UNIT)]
    recall_change: Annotated[float, Means("since `before`", CHANGE)]
    recall_change_low: columns.Low
    recall_change_high: columns.High
    positives: Annotated[int, Means("test instances with the label", COUNT)]
    negatives: Annotated[int, Means("test instances without it", COUNT)]
    after_fingerprint: Annotated[str, Means("of the checkpoint after", FINGERPRINT)]
    corpus_fingerprint: columns.CorpusFingerprint
    probe_fingerprint: Fingerprint


_KEY = ("after_fingerprint", "corpus_fingerprint", "probe_fingerprint")
_FINGERPRINTS = ("before_fingerprint", *_KEY[:2], "task_fingerprint", "probe_fingerprint")
PROBE_CHANGE = schema_of(
    "probe_change", "a saved probe on a checkpoint", ProbeChangeRow, _KEY, last=_FINGERPRINTS
)
READINGS = schema_of(
    "probe_readings",
    "a reading of a checkpoint that was tested",
    ReadingRow,
    (*_KEY, "reading", "compared_with"),
)
DETECTION = schema_of(
    "probe_detection",
    "a reading of a checkpoint by a probe of two classes",
    DetectionRow,
    (*_KEY, "reading"),
)


@dataclass(frozen=True, eq=False, repr=False)
class ProbeChange(Results):
    """What became of saved probes on checkpoints that have changed since.

    Attributes:
        table: one row for each saved probe and checkpoint after, see ProbeChangeRow.
        readings: the tests behind it, see ReadingRow.
        detection: AUROC and recall at 1% false positives of probes of two classes, see
            DetectionRow.
        repaired: the probes that a linear map repairs, with the map folded in: each reads the
            checkpoint after by itself.
    """

    TABLES: ClassVar[Mapping[str, Schema]] = {"table": PROBE_CHANGE, "readings": READINGS}
    OPTIONAL: ClassVar[Mapping[str, Schema]] = {"detection": DETECTION}
    MADE_BY: ClassVar[str] = "compare"
    TOLD_BY: ClassVar[Sequence[str]] = ("before", "after", "task", "corpus")

    table: pd.DataFrame
    readings: pd.DataFrame
    detection: pd.DataFrame = field(default=None, kw_only=True)
    repaired: tuple[SavedProbe, ...] = field(default=(), kw_only=True)

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        return same if same is not True else self.repaired == getattr(other, "repaired", ())

    __hash__ = None

    def shown(self) -> pd.DataFrame:
        """The outcome and the scores of each probe."""
        scores = [name for name in PROBE_CHANGE.names if name.startswith("score_")]
        return self.table[["after", "task", "layer", "outcome", *scores]]

    @property
    def sentences(self) -> list[str]:
        """What became of each probe, in words."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        several = self.table["after"].nunique() > 1
        for _, row in self.table.iterrows():
            lead = f"{row['after']}, " if several else ""
            yield f"{lead}{row['task']}, layer {row['layer']}: {row['verdict']}"

    @property
    def file_names(self) -> list[str]:
        """The files that `write` writes."""
        names = (TENSORS, RECORD) if self.repaired else ()
        return [*super().file_names, *(f"{REPAIRED_FOLDER}/{name}" for name in names)]

    def write(self, folder: str | Path) -> None:
        """Write the tables and `run.json` into `folder`, and the repaired probes, if there are any,
        into `repaired` inside it; `read` gives back the same.

        Raises StoreError where that fails.
        """
        place = Path(folder) / REPAIRED_FOLDER
        if self.repaired:
            save_probes(self.repaired, place)
        else:  # those of older results
            for name in (RECORD, TENSORS):
                (place / name).unlink(missing_ok=True)
        super().write(folder)

    @classmethod
    def _with_record(cls, folder: Path, tables: Mapping[str, Any]) -> ProbeChange:
        """Results of these tables, the record in a folder, and the probes in `repaired`."""
        place = folder / REPAIRED_FOLDER
        found = load_probes(place) if (place / RECORD).is_file() else ()
        return super()._with_record(folder, {**tables, "repaired": found})
