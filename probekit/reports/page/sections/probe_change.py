"""The section of saved probes: what became of each on a checkpoint that has changed."""

from __future__ import annotations

from probekit.forgetting.monitors.probe_change import COVERS, PROBE_CHANGE, ProbeChange
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.probing import correction
from probekit.reports.page.sections.subject import named

COLUMNS = [name for name in PROBE_CHANGE.names if name != "verdict"]  # which is said above


def section_of_probe_change(found: ProbeChange) -> Section:
    """The outcome of each probe, the tests behind it, and how well probes of two classes detect."""
    parts: list[Part | None] = [
        table(found, "probe_change", "What became of each saved probe", COLUMNS),
        table(found, "probe_readings", "The tests behind the outcomes", folded=True),
    ]
    if not found.detection.empty:
        parts.append(table(found, "probe_detection", "Binary probes, whatever the threshold"))
    verdicts = []
    for _, row in found.table.iterrows():
        verdicts.append(Verdict(row["verdict"], f"{row['task']}, layer {row['layer']}"))
    pair = f"{named(found.table, 'before')} → {named(found.table, 'after')}"
    method = (
        "We read saved probes on the checkpoint after as they are, after a linear map that was "
        "learned without labels, and trained anew, and tested each for a loss of the margin or "
        "more."
    )
    return Section(
        heading=f"Saved probes: {named(found.table, 'task')}, {pair}",
        verdicts=verdicts,
        guide=(
            Term(
                "outcome",
                "still valid: less than the margin is lost for sure; stale: more is, and a map "
                "repairs it; needs retraining: only new labels do; lost: they do not either; not "
                "settled: these data do not tell.",
            ),
            Term("as it is", "the saved probe on the checkpoint after."),
            Term("repaired", "the same after a linear map, which needs no labels."),
            Term("retrained", "a probe trained with labels on the checkpoint after."),
            Term("interval", f"{COVERS}."),
        ),
        parts=[part for part in parts if part],
        methods=[Method(method), correction(found.run)],
    )
