"""The tables of scores: best layers, the evidence there, and other corpora."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from probekit.probes.scores import Scores
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.reports.number_text import score_interval, score_text
from probekit.reports.table import Column, Table, name_columns, names_of
from probekit.stats.tree_metrics import TREE_METRICS

if TYPE_CHECKING:
    import pandas as pd


class Evidence(NamedTuple):
    """A column of evidence: its heading, what it means, the ends of its interval, its digits."""

    heading: str
    meaning: str
    ends: tuple[str, ...] = ()
    digits: int = 3


EVIDENCE = {
    "selectivity": Evidence(
        "selectivity",
        "selectivity: score less that of the control task",
        ("selectivity_low", "selectivity_high"),
    ),
    "bits_per_instance": Evidence(
        "bits",
        "bits: codelength per training instance",
        ("bits_low", "bits_high"),
    ),
    "compression": Evidence("ratio", "ratio: uniform code over codelength", digits=1),
    "expected_layer": Evidence(
        "expected layer",
        "expected layer: where mixes of layers 0 to k gain",
        ("expected_low", "expected_high"),
        digits=2,
    ),
    "bits_beyond": Evidence(
        "beyond",
        "beyond: bits per test instance that the layer adds to the one given",
        ("beyond_low", "beyond_high"),
    ),
}


def score_table(scores: Scores) -> Table:
    """One row per model, task and probe: the best layer, its score and interval, the baselines.

    It fits into 80 columns for one model and corpus.
    """
    best, frame = scores.best(), scores.displayed()
    names = names_of(frame, ("model", "task", "corpus", "probe"), best)
    on = "" if "corpus" in names else f" on {frame['corpus'].iloc[0]}"
    has_random = "random_weights" in best
    random = ("random weights",) if has_random else ()
    baselines = _baselines(best)
    headings = [name.replace("_", " ") for name in baselines]
    numbers = ("layer", "score", "95% interval", "layer 0", *random, *headings)
    columns = [*name_columns(names), *map(Column, numbers), Column("metric", False)]
    shown = Table(f"Best layer of each task{on}, chosen on dev, scored on test", columns)
    for _, row in best.iterrows():
        cells = [
            f"{row['layer']} of {row['first_layer']}–{row['last_layer']}",
            f"{row['score']:.3f}",
            score_interval(row["ci_low"], row["ci_high"]),
            score_text(row["score_layer_0"]),
            *([score_text(row["random_weights"])] if has_random else []),
            *(score_text(row[name]) for name in baselines),
            row["metric"],
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    if len(scores.intervals):
        resamples, seeds = (scores.intervals[name].max() for name in ("resamples", "seeds"))
        shown.note = f"95% interval: covers other test and training text ({resamples} resamples)"
        if seeds > 1:
            shown.note += f" and other seeds ({seeds})"
    return shown


def _baselines(best: pd.DataFrame) -> list[str]:
    """The baselines of the tasks: those of labels, those of trees, or both."""
    found = []
    of_trees = best["metric"].isin(list(TREE_METRICS))
    if not of_trees.all():
        found += ["lexical", "majority"]
    return found + [name for name in TREE_BASELINES if name in best]


def evidence_table(scores: Scores) -> Table | None:
    """What was measured beside scores, at the best layers; None where nothing was."""
    evidence, frame = scores.evidence(), scores.displayed()
    wanted = [column for column in EVIDENCE if column in evidence]
    if not wanted:
        return None
    names = names_of(frame, ("model", "task", "corpus", "probe"), evidence)
    columns = [*name_columns(names), Column("layer")]
    columns += [Column(EVIDENCE[name].heading) for name in wanted]
    note = "; ".join(EVIDENCE[name].meaning for name in wanted)
    if len(scores.intervals):
        note += "; these intervals cover other test text, and not other training text or seeds"
    shown = Table("Evidence at the same layers, with 95% intervals", columns, note=note)
    for _, row in evidence.iterrows():
        cells = [_with_interval(row, name, *EVIDENCE[name].ends) for name in wanted]
        shown.rows.append([*(str(row[name]) for name in names), str(row["layer"]), *cells])
    return shown


def elsewhere_table(scores: Scores) -> Table | None:
    """The best layers on other corpora; None where none was tested."""
    found, frame = scores.elsewhere(), scores.displayed()
    if found.empty:
        return None
    names = names_of(frame, ("model", "task", "corpus", "probe"), found)
    numbers = ("layer", "own score", "score", "95% interval", "lexical", "majority")
    columns = [*name_columns(names), Column("tested on", False), *map(Column, numbers)]
    note = "own score: on the corpus trained on; what follows is on the one tested"
    shown = Table("The same probes on other corpora", columns, note=note)
    for _, row in found.iterrows():
        cells = [
            row["test_corpus"],
            str(row["layer"]),
            f"{row['score']:.3f}",
            f"{row['test_score']:.3f}",
            score_interval(row["ci_low"], row["ci_high"]),
            score_text(row["lexical"]),
            score_text(row["majority"]),
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    return shown


def unseen_lines(scores: Scores) -> list[str]:
    """A line for each probe that scores clearly lower where training lacks a word.

    That is where the whole 95% interval of the difference is below 0.
    """
    seen = scores.seen
    is_unseen = (seen["kind"] == "seen") & (seen["value"] == "no")
    lower = seen[is_unseen & (seen["difference_high"] < 0)]
    several = [name for name in ("model", "corpus", "probe") if seen[name].nunique() > 1]
    lines = []
    for _, row in lower.iterrows():
        subject = ", ".join(str(row[name]) for name in ("task", *several))
        if row["test_fingerprint"]:
            subject += f", tested on {row['test_corpus']}"
        points = [100 * row[name] for name in ("difference", "difference_low", "difference_high")]
        lines.append(
            f"{subject}: {row['score']:.3f} where training lacks a word (n = {row['n_test']:,}), "
            f"{-points[0]:.1f} points ({-points[2]:.1f}–{-points[1]:.1f}) below the other instances"
        )
    return lines


def _with_interval(row: pd.Series, name: str, low: str = "", high: str = "") -> str:
    """A number, and the ends of its interval where it has one."""
    if isnan(row[name]):
        return "–"
    digits = EVIDENCE[name].digits
    if not low or isnan(row[low]):
        return f"{row[name]:.{digits}f}"
    return f"{row[name]:.{digits}f} ({score_interval(row[low], row[high], digits)})"
