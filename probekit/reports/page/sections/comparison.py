"""The section of a comparison: what changed, what the drops are made of, and which instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.forgetting.comparison import LARGE, Comparison
from probekit.reports.bars import bars
from probekit.reports.heatmap import heatmap
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import grid, meanings, table
from probekit.reports.page.parts import Grid, Method, Part, Prose, Section, Term, Verdict
from probekit.reports.page.sections.flipped import flips
from probekit.reports.page.sections.probing import (
    CHOSEN_ON_DEV,
    DETECTABLE,
    INTERVAL,
    LAYER,
    correction,
    trained_probes,
)
from probekit.reports.page.sections.subject import named
from probekit.reports.present_or_used import present_or_used
from probekit.results import columnar

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
BEST = (
    "before",
    "after",
    "task",
    "corpus",
    "metric",
    "layer_before",
    "layer_after",
    "score_before",
    "score_after",
    "delta",
    "ci_low",
    "ci_high",
    "p_adjusted",
    "detectable",
    "retention",
)
PARTS = (
    "after",
    "task",
    "corpus",
    "layer",
    "layer_after",
    "kind",
    "drop",
    "rotation",
    "re_encoding",
    "relocation",
    "loss",
    "loss_low",
    "loss_high",
    "map",
    "best_elsewhere",
)
GUIDE = (
    LAYER,
    Term(
        "delta",
        "score after less score before, on the same test sentences; below 0 is forgetting. In "
        "verdicts and pictures it is in points: 1 point is 0.01.",
    ),
    Term(
        "p adjusted",
        "at most 0.05 where a change is detected, corrected for all comparisons of the run. A "
        "grey cell, or 'not detected', is not proof that nothing changed.",
    ),
    DETECTABLE,
    Term(
        "retention",
        "the share of what was known above the floor that is left: 1 is all, 0 is none.",
    ),
    INTERVAL,
)
DECOMPOSITION = (
    "A probe that was trained on the checkpoint before reads the one after, and scores worse by "
    "the drop. Four readings, each with more freedom than the one above, say where the drop went. "
    "The four parts add up to it.",
    "rotation: the old probe reads it again after a linear map. The information is there, in "
    "other directions; a probe in production needs a new map, and no new labels.",
    "re-encoding: a new probe at the same layer reads it. It is there, and the old probe needs "
    "training again.",
    "relocation: it is read at another layer that did not know it before. It moved.",
    "loss: none of these reads it. That is what is forgotten, as far as such probes can tell.",
    "kind: the part that counts most: loss wherever it is above 0 for sure, else the largest part "
    "that is. It is about the old probe; whether a new one scores lower is the change above.",
    "A negative part is chance or a gain. In the picture, a part whose 95% interval includes 0 "
    "is white.",
)


def section_of_comparison(comparison: Comparison) -> Section:
    """Verdicts, changes by layer, the decomposition, kinds of instances, and flipped ones."""
    verdicts, parts = list[Verdict](), list[Part | None]()
    if comparison.has_layers:
        verdicts = _verdicts(comparison.best)
        parts += [
            drawing(
                "Heatmap: change in points by task and layer",
                "A number is the score after less the score before, in points; grey and in "
                "brackets where no change is detected.",
                lambda: heatmap(comparison),
            ),
            table(comparison, "best", "Best layers before and after, chosen on dev", BEST),
            Prose("What a drop is made of", DECOMPOSITION),
            drawing(
                "Bars: what the drop of a probe trained before is made of, by layer",
                "Stacked parts of the drop, in points; gains are below 0.",
                lambda: bars(comparison),
            ),
            table(comparison, "decomposition", "The parts of the drop by layer", PARTS),
            _changed_most(comparison),
        ]
    parts += [
        table(comparison, "behaviour", "Behaviour: what the language model itself finds likely"),
        _together(comparison),
        *_flipped(comparison),
        table(comparison, "comparison", "Every layer", folded=True),
        table(comparison, "other_metrics", "Every layer, by trees' other metrics", folded=True),
        table(comparison, "similarity", "Similarity of layers before and after", folded=True),
        table(comparison, "by_label", "Every kind of instance", folded=True),
    ]
    frame = comparison.best if comparison.has_layers else comparison.behaviour
    return Section(
        heading=f"What changed: {named(frame, 'before')} → {named(frame, 'after')}",
        verdicts=verdicts,
        guide=GUIDE,
        parts=[part for part in parts if part],
        methods=_methods(comparison),
    )


def _verdicts(best: pd.DataFrame) -> list[Verdict]:
    several = [name for name in ("after", "corpus") if best[name].nunique() > 1]
    found = []
    for _, row in best.iterrows():
        subject = ", ".join(str(row[name]) for name in (*several, "task"))
        found.append(Verdict(row["verdict"], subject))
    return found


def _changed_most(comparison: Comparison) -> Grid | None:
    """The kinds of instances of which a change is detected, the largest first."""
    frame = comparison.by_label
    changed = frame[frame["p_adjusted"] <= LEVEL].sort_values("delta", key=abs, ascending=False)
    if changed.empty:
        return None
    wanted = ["after", "task", "corpus", "layer", "kind", "value", "n_test", "accuracy_before"]
    wanted += ["accuracy_after", "delta", "ci_low", "ci_high", "p_adjusted"]
    caption = "Kinds of instances of which a change is detected, the largest first"
    return grid(caption, changed[wanted], meanings(comparison, "by_label"), "by_label.csv")


def _together(comparison: Comparison) -> Part | None:
    """Whether probes and behaviour change together."""
    if comparison.together.empty:
        return None
    return drawing(
        "Present, or used? Changes of probes against changes of behaviour",
        "One point per checkpoint.",
        lambda: present_or_used(comparison),
    )


def _flipped(comparison: Comparison) -> list[Part]:
    """The instances that are right before and wrong after, by checkpoint and task."""
    assert comparison.flipped is not None
    frame = columnar.decoded(LARGE["flipped"], comparison.flipped).to_pandas()
    found: list[Part] = []
    for (after, corpus, task), rows in frame.groupby(["after", "corpus", "task"], sort=False):
        title = f"Right before, wrong after: {task} on {corpus}, {after}"
        found.append(flips(title, rows, ("sentence",), "flipped.parquet"))
    return found


def _methods(comparison: Comparison) -> list[Method]:
    found = [trained_probes(comparison.run), CHOSEN_ON_DEV]
    found.append(
        Method(
            "Checkpoints were compared on the same test sentences, by paired bootstrap intervals "
            "and permutation tests (Good 2005).",
            ("good2005",),
        )
    )
    found.append(correction(comparison.run))
    if comparison.run.settings.get("resample_train"):
        resamples = comparison.run.settings["resample_train"]
        found.append(
            Method(
                f"Intervals also cover the training sentences, by refitting probes on {resamples} "
                "resamples of them, and the seeds of the probes."
            )
        )
    found.append(
        Method(
            "The drop of a probe trained before was split into rotation (a Procrustes or ridge "
            "map of the states; Schönemann 1966), re-encoding, relocation and loss.",
            ("schonemann1966",),
        )
    )
    if len(comparison.similarity):
        found.append(
            Method(
                "Layers were also compared by linear CKA (Kornblith et al. 2019).",
                ("kornblith2019",),
            )
        )
    return found
