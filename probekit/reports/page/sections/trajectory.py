"""The section of a trajectory: what became of each task over training, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.forgetting.trajectory import SHOWN, Trajectory
from probekit.reports.heatmap import heatmap
from probekit.reports.lines import lines
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Grid, Method, Part, Prose, Section, Term, Verdict
from probekit.reports.page.sections.probing import (
    BOOTSTRAP,
    CHOSEN_ON_DEV,
    DETECTABLE,
    INTERVAL,
    LAYER,
    trained_probes,
)
from probekit.reports.page.sections.subject import named

if TYPE_CHECKING:
    import pandas as pd

WORDS = [name for name in SHOWN if name != "verdict"]


def section_of_trajectory(trajectory: Trajectory) -> Section:
    """Verdicts, curves, retention by layer and step, and when each layer fell."""
    parts: list[Part | None] = []
    verdicts = []
    threshold = f"{trajectory.threshold:.0%}"
    if trajectory.has_layers:
        for _, row in trajectory.summary.iterrows():
            subject = f"{row['task']} on {row['corpus']}"
            verdicts.append(Verdict(row["verdict"], subject))
        parts += [
            drawing(
                "Lines: score by checkpoint, a line per layer",
                "The first checkpoint is the base, from which retention counts.",
                lambda: lines(trajectory),
            ),
            drawing(
                "Heatmap: retention by layer and checkpoint",
                "1 is all that the base knew above the majority baseline, 0 is none of it.",
                lambda: heatmap(trajectory),
            ),
            table(trajectory, "summary", "From the first checkpoint to the last", WORDS),
            _fell(trajectory, f"The first step at which retention is below {threshold}"),
            table(trajectory, "trajectory", "Every checkpoint and layer", folded=True),
        ]
    parts.append(table(trajectory, "behaviour", "Behaviour of the language model itself"))
    frame = trajectory.table if trajectory.has_layers else trajectory.behaviour
    return Section(
        heading=f"When was it forgotten? {named(frame, 'task')}, {_ends(frame)}",
        verdicts=verdicts,
        guide=(
            LAYER,
            Term("step", "what the checkpoint's name says, or its place in the order given."),
            Term(
                "retention",
                "the share of what the base knew above the majority baseline that is left: 1 is "
                "all, 0 is none; above 1 more is known than at the start.",
            ),
            DETECTABLE,
            Term("fell", f"a layer counts as fallen where its retention is below {threshold}."),
            INTERVAL,
        ),
        parts=[part for part in parts if part],
        methods=[
            trained_probes(trajectory.run),
            CHOSEN_ON_DEV,
            BOOTSTRAP,
            Method(
                "Every checkpoint was probed with the same settings; retention counts from the "
                "base and above the majority baseline."
            ),
        ],
    )


def _ends(frame: pd.DataFrame) -> str:
    """The first checkpoint and the last."""
    in_order = frame.sort_values("step", kind="stable")["model"]
    return " → ".join(dict.fromkeys((in_order.iloc[0], in_order.iloc[-1])))


def _fell(trajectory: Trajectory, title: str) -> Grid | Prose | None:
    """When each layer fell; in a sentence where none did."""
    if trajectory.fell["step"].isna().all():
        return Prose(title, ["No layer fell below it."])
    return table(trajectory, "fell", title)
