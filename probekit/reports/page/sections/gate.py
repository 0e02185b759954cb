"""The section of a gate: whether a checkpoint may ship, criterion by criterion."""

from __future__ import annotations

from probekit.forgetting.gate.gated import Gated
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Prose, Section, Term, Verdict
from probekit.reports.page.sections.flipped import flips
from probekit.reports.page.sections.subject import named
from probekit.reports.tables.gate import needed_text

COLUMNS = (
    "criterion",
    "verdict",
    "limit",
    "corpus",
    "metric",
    "score_before",
    "score_after",
    "change",
    "ci_low",
    "ci_high",
    "level",
    "margin",
    "flipped",
    "worst_kind",
    "worst_value",
    "worst_lost",
    "needed_groups",
    "needed_seeds",
    "needed_times",
    "near_limit",
)


def section_of_gate(gated: Gated) -> Section:
    """The decision, its criteria, what would settle them, and the instances that flipped."""
    parts: list[Part | None] = [table(gated, "gate", f"Criteria; {gated.family}", COLUMNS)]
    needed = []
    for _, row in gated.table.iterrows():
        if row["verdict"] == "CANNOT TELL":
            needed.append(f"{row['criterion']}: {needed_text(row)}")
    if needed:
        parts.append(Prose("What would settle the undecided criteria", needed))
    for (criterion, corpus), rows in gated.flips.groupby(["criterion", "corpus"], sort=False):
        on = f" on {corpus}" if corpus else ""
        title = f"Right before, wrong after: {criterion}{on}"
        parts.append(flips(title, rows, ("sentence",), "gate_flipped.csv"))
    pair = f"{named(gated.table, 'before')} → {named(gated.table, 'after')}"
    return Section(
        heading=f"May it ship? {pair}",
        verdicts=[Verdict(gated.sentence)],
        guide=(
            Term(
                "PASS",
                "the whole interval of the change is above the limit: the loss is shown "
                "to be small enough.",
            ),
            Term("FAIL", "the whole interval is below the limit."),
            Term(
                "CANNOT TELL",
                "the limit is inside the interval: these data do not decide. It is not a pass.",
            ),
            Term(
                "needed",
                "how many test sentences (groups) or seeds, or how many times as much of all data, "
                "would pass a checkpoint that loses half the margin in 9 of 10 repetitions. Near "
                "the limit there is enough for that already; the number then assumes that the "
                "change stays the same. Above 10 times the data none is given: the true change may "
                "be on the limit, which no amount of data settles.",
            ),
            Term(
                "level",
                "the confidence of the interval that decides, by the correction for "
                "several criteria.",
            ),
            Term(
                "worst",
                "the label or slice whose share of flips has the highest lower bound, with that "
                "share.",
            ),
        ),
        parts=[part for part in parts if part],
        methods=[
            Method(
                "Each criterion was decided by a non-inferiority test: whether the interval of "
                "the paired change lies above the limit, which was chosen beforehand (Tango "
                f"1998); {gated.family}.",
                ("tango1998",),
            )
        ],
    )
