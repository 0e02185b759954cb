"""The tables of compare --probe-file: what became of each saved probe, and how well it detects."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.forgetting.monitors.probe_change import COVERS, ProbeChange
from probekit.reports.number_text import points_interval, score_interval, score_text
from probekit.reports.table import Column, Table

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("after", "task", "layer", "probe", "seed")
HEADINGS = ("before", "as it is", "repaired", "retrained", "change", "interval", "outcome")


def probe_change_table(found: ProbeChange) -> Table:
    """One row per saved probe and checkpoint after."""
    rows = found.table
    told_by = _names(rows)
    columns = [Column(name, name == "layer", name == "task") for name in told_by]
    columns += [Column(heading, heading != "outcome") for heading in HEADINGS]
    note = (
        "as it is, repaired (by a linear map, without labels), retrained (with labels): scores on "
        f"the checkpoint after; change, interval: as it is, in points; {COVERS}; {_level(found)}"
    )
    shown = Table(_title(rows), columns, note=note)
    for _, row in rows.iterrows():
        scores = ("score_before", "score_after", "score_repaired", "score_retrained")
        cells = [str(row[name]) for name in told_by] + [score_text(row[name]) for name in scores]
        shown.rows.append([*cells, *_change(found, row), row["outcome"]])
    return shown


def detection_table(found: ProbeChange) -> Table | None:
    """One row per reading by a probe of two classes; None where there are none."""
    rows = found.detection
    if rows.empty:
        return None
    told_by = [name for name in _names(rows) if name in rows]
    columns = [Column(name, name == "layer", name == "task") for name in told_by]
    columns += [Column("reading", False)]
    columns += [Column(name) for name in ("AUROC", "95% interval", "recall", "95% interval")]
    note = "recall: share of positives found with 1% false positives, at a threshold set on test"
    shown = Table("Binary probes, whatever the threshold", columns, note=note)
    for _, row in rows.iterrows():
        cells = [str(row[name]) for name in told_by] + [row["reading"]]
        for measure in ("auroc", "recall"):
            ends = score_interval(row[f"{measure}_low"], row[f"{measure}_high"])
            cells += [score_text(row[measure]), ends]
        shown.rows.append(cells)
    return shown


def _names(rows: pd.DataFrame) -> list[str]:
    """The columns that tell rows apart."""
    found = []
    for name in NAMES:
        if name in ("task", "layer") or (name in rows and rows[name].nunique() > 1):
            found.append(name)
    return found


def _title(rows: pd.DataFrame) -> str:
    before, after = (", ".join(rows[name].unique()) for name in ("before", "after"))
    return f"Probes of {before} on {after}, on {', '.join(rows['corpus'].unique())}"


def _level(found: ProbeChange) -> str:
    """How sure the outcomes are, together."""
    n = len(found.readings)
    if found.run.settings.get("correction") == "none":
        return "each test at 95%, not corrected"
    return f"at most 5% for any false verdict among the {n} tests (Holm)"


def _change(found: ProbeChange, row: pd.Series) -> list[str]:
    """The change of the probe as it is, and its interval with its confidence."""
    rows = found.readings
    for name in ("after_fingerprint", "corpus_fingerprint", "probe_fingerprint"):
        rows = rows[rows[name] == row[name]]
    rows = rows[rows["reading"] == "as it is"]
    if rows.empty:
        return ["–", "–"]
    of_row = rows.iloc[0]
    change = f"{100 * of_row['change']:+.1f}"
    if isnan(of_row["ci_low"]):
        return [change, "–"]
    ends = points_interval(of_row["ci_low"], of_row["ci_high"])
    return [change, f"{ends} ({100 * of_row['level']:.4g}%)"]
