"""Tables of results, as texts: for the terminal and for LaTeX."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from typing import TYPE_CHECKING, Any, NamedTuple

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.probes.structural.baselines import TREE_BASELINES
from probekit.replications.quantities import QUANTITIES
from probekit.replications.replicated import Replicated
from probekit.stats.tree_metrics import TREE_METRICS
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.tuning.tuned import Tuned

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

LEVEL = 0.05
MOST_CHANGED = 5
LEGENDS = {
    "compare": (
        "compare: number, where model, text and labels are the paper's up to the differences; "
        "pattern, where only order and direction can be compared"
    ),
    "p": "p: p-value, not corrected for many comparisons",
    "p adj.": "p adj.: p-value corrected for many comparisons",
    "kind": (
        "kind, value: label, the gold label; seen, whether all words occur in training; frequency, "
        "how often the rarest one does; length, words of the sentence; distance, words from one "
        "span to the other"
    ),
    "MDE": (
        "MDE: minimum detectable effect, the change in points that is found 4 times in 5, "
        "before correction"
    ),
}
"""Meanings of abbreviations in tables and verdicts."""


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


class Column(NamedTuple):
    """A column: its heading, and whether it holds numbers, or the name of the row's subject."""

    heading: str
    is_number: bool = True
    is_name: bool = False


@dataclass
class Table:
    """Texts in rows and columns.

    Attributes:
        title: what it shows.
        columns: from left to right.
        rows: one text for each column.
        note: text below it.
    """

    title: str
    columns: list[Column]
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""


def table_of(
    subject: Scores | Comparison | Trajectory | Tuned | RecipeScores | Transfer | Replicated,
) -> Table:
    """The table of results of any verb."""
    tables: dict[type, Callable[[Any], Table]] = {
        Scores: score_table,
        Comparison: comparison_table,
        Trajectory: trajectory_table,
        Tuned: tuned_table,
        RecipeScores: tradeoff_table,
        Transfer: transfer_table,
        Replicated: replication_table,
    }
    return tables[type(subject)](subject)


def as_rich(table: Table) -> RenderableType:
    """The table for the terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        justify = "right" if column.is_number else "left"
        style = "bold" if column.is_name else ""
        shown.add_column(escape(column.heading), justify=justify, style=style)  # type: ignore[arg-type]
    for row in table.rows:
        shown.add_row(*map(escape, row))
    # rich would break a title and a caption at the table's width.
    below = [Text(table.note, "dim")] if table.note else []
    return Group(Text(table.title), shown, *below)


def score_table(scores: Scores) -> Table:
    """One row per model, task and probe: the best layer, its score and interval, the baselines.

    It fits into 80 columns for one model and corpus.
    """
    best, frame = scores.best(), scores.displayed()
    names = _names(frame, ("model", "task", "corpus", "probe"), best)
    on = "" if "corpus" in names else f" on {frame['corpus'].iloc[0]}"
    has_random = "random_weights" in best
    random = ("random weights",) if has_random else ()
    baselines = _baselines(best)
    headings = [name.replace("_", " ") for name in baselines]
    numbers = ("layer", "score", "95% interval", "layer 0", *random, *headings)
    columns = [*_name_columns(names), *map(Column, numbers), Column("metric", False)]
    shown = Table(f"Best layer of each task{on}, chosen on dev, scored on test", columns)
    for _, row in best.iterrows():
        interval = f"{row['ci_low']:.3f}–{row['ci_high']:.3f}"
        cells = [
            f"{row['layer']} of {row['first_layer']}–{row['last_layer']}",
            f"{row['score']:.3f}",
            "–" if isnan(row["ci_low"]) else interval,
            _score(row["score_layer_0"]),
            *([_score(row["random_weights"])] if has_random else []),
            *(_score(row[name]) for name in baselines),
            row["metric"],
        ]
        shown.rows.append([*(str(row[name]) for name in names), *cells])
    if len(scores.intervals):
        resamples, seeds = (scores.intervals[name].max() for name in ("resamples", "seeds"))
        shown.note = (
            f"95% interval: covers other test and training sentences ({resamples} resamples)"
        )
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


def evidence_rows(scores: Scores) -> Table | None:
    """What was measured beside scores, at the best layers; None where nothing was."""
    evidence, frame = scores.evidence(), scores.displayed()
    wanted = [column for column in EVIDENCE if column in evidence]
    if not wanted:
        return None
    names = _names(frame, ("model", "task", "corpus", "probe"), evidence)
    columns = [*_name_columns(names), Column("layer")]
    columns += [Column(EVIDENCE[name].heading) for name in wanted]
    note = "; ".join(EVIDENCE[name].meaning for name in wanted)
    shown = Table("Evidence at the same layers, with 95% intervals", columns, note=note)
    for _, row in evidence.iterrows():
        cells = [_with_interval(row, name, *EVIDENCE[name].ends) for name in wanted]
        shown.rows.append([*(str(row[name]) for name in names), str(row["layer"]), *cells])
    return shown


def elsewhere_rows(scores: Scores) -> Table | None:
    """The best layers on other corpora; None where none was tested."""
    found, frame = scores.elsewhere(), scores.displayed()
    if found.empty:
        return None
    names = _names(frame, ("model", "task", "corpus", "probe"), found)
    numbers = ("layer", "own score", "score", "95% interval", "lexical", "majority")
    columns = [*_name_columns(names), Column("tested on", False), *map(Column, numbers)]
    note = "own score: on the corpus trained on; what follows is on the one tested"
    shown = Table("The same probes on other corpora", columns, note=note)
    for _, row in found.iterrows():
        interval = f"{row['ci_low']:.3f}–{row['ci_high']:.3f}"
        cells = [
            row["test_corpus"],
            str(row["layer"]),
            f"{row['score']:.3f}",
            f"{row['test_score']:.3f}",
            "–" if isnan(row["ci_low"]) else interval,
            _score(row["lexical"]),
            _score(row["majority"]),
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
    return f"{row[name]:.{digits}f} ({row[low]:.{digits}f}–{row[high]:.{digits}f})"


def comparison_table(comparison: Comparison) -> Table:
    """Two rows per checkpoint and task: best layers before and after, and the last ones.

    Differences are in points (hundredths). There is one row where best and last are the same.
    """
    best, last = comparison.best, comparison.last
    names = _names(best, ("after", "task", "corpus"))
    after = "" if "after" in names else f" → {best['after'].iloc[0]}"
    on = "" if "corpus" in names else f" on {best['corpus'].iloc[0]}"
    what = f"{best['before'].iloc[0]}{after}{on}"
    p_value = _p_value(comparison)
    numbers = ("layer", "before", "after", "change", "95% interval", p_value, "MDE", "retention")
    columns = [*_name_columns(names), *map(Column, numbers)]
    title = f"{what}: best layers (chosen on dev) and last; change in points"
    shown = Table(title, columns, note=f"{LEGENDS[p_value]}; {LEGENDS['MDE']}")
    for (_, at_best), (_, at_last) in zip(best.iterrows(), last.iterrows(), strict=True):
        labels = [str(at_best[name]) for name in names]
        best_layers = (at_best["layer_before"], at_best["layer_after"])
        last_layers = (at_last["layer"], at_last["layer_after"])
        same = best_layers == last_layers
        which = "best = last" if same else "best"
        shown.rows.append([*labels, *_changed(which, best_layers, at_best)])
        if not same:
            shown.rows.append([*("" for _ in labels), *_changed("last", last_layers, at_last)])
    return shown


def _p_value(comparison: Comparison) -> str:
    """The heading of p-values: whether they are corrected."""
    return "p" if comparison.run.settings.get("correction") == "none" else "p adj."


def _changed(which: str, layers: tuple[int, int], row: pd.Series) -> list[str]:
    """The cells of one row: two layers and their scores."""
    return [
        f"{which} {layers[0]}→{layers[1]}",
        f"{row['score_before']:.3f}",
        f"{row['score_after']:.3f}",
        f"{100 * row['delta']:+.1f}",
        f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}",
        f"{row['p_adjusted']:.3f}",
        f"{100 * row['detectable']:.1f}",
        "–" if math.isnan(row["retention"]) else f"{row['retention']:.0%}",
    ]


def breakdown_table(comparison: Comparison) -> Table | None:
    """The MOST_CHANGED kinds of instances that changed most, for each checkpoint.

    Only detected changes count; None where there are none. Changes are in points of accuracy.
    """
    kinds = comparison.by_label[comparison.by_label["p_adjusted"] <= LEVEL]
    if kinds.empty:
        return None
    names = _names(comparison.best, ("after", "task", "corpus"))
    texts = [Column("kind", False), Column("value", False)]
    p_value = _p_value(comparison)
    numbers = ("layer", "n", "before", "after", "change", "95% interval", p_value)
    columns = [*_name_columns(names), *texts, *map(Column, numbers)]
    title = "Largest changes by kind of instance, at the best layer before; accuracy, in points"
    shown = Table(title, columns, note=f"{LEGENDS['kind']}; {LEGENDS[p_value]}")
    most = kinds.sort_values("delta", key=abs, ascending=False, kind="stable")
    for after in comparison.best["after"].unique():
        for _, row in most[most["after"] == after].head(MOST_CHANGED).iterrows():
            cells = [
                row["kind"],
                str(row["value"]),
                str(row["layer"]),
                f"{row['n_test']:,}",
                f"{row['accuracy_before']:.3f}",
                f"{row['accuracy_after']:.3f}",
                f"{100 * row['delta']:+.1f}",
                f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}",
                f"{row['p_adjusted']:.3f}",
            ]
            shown.rows.append([*(str(row[name]) for name in names), *cells])
    return shown


def trajectory_table(trajectory: Trajectory) -> Table:
    """Two rows per task, for the best layers and the last one.

    They have the scores at the first and the last step, the change in points with its interval, and
    the step at which retention first fell below the threshold.
    """
    steps = trajectory.table["step"]
    numbers = ("layer", "first", "last", "change", "95% interval", "from best", "retention")
    below = f"retention below {trajectory.threshold:g} at"
    columns = [Column("task", False, True), Column("corpus", False), *map(Column, numbers)]
    title = f"Steps {steps.min()} to {steps.max()}, retention counted from {trajectory.base}"
    shown = Table(f"{title}; change in points", [*columns, Column(below)])
    for _, row in trajectory.summary.iterrows():
        is_mine = (trajectory.fell[["task", "corpus"]] == row[["task", "corpus"]]).all(axis=1)
        fell = trajectory.fell[is_mine].dropna(subset=["step"]).sort_values(["step", "layer"])
        of_steps = fell.groupby("step")["layer"]
        steps_fell = [f"step {step} ({_layers(layers.tolist())})" for step, layers in of_steps]
        points = [f"{100 * row[f'change_from_best{end}']:+.1f}" for end in ("", "_low", "_high")]
        from_best = f"{points[0]} ({points[1]} to {points[2]})"
        best = _over_steps("best", row, "")
        labels = [str(row["task"]), str(row["corpus"])]
        fell_at = ", ".join(steps_fell) or "–"
        shown.rows.append([*labels, *best[:-1], from_best, best[-1], fell_at])
        last = _over_steps("last", row, "last_layer_")
        shown.rows.append(["", "", *last[:-1], "", last[-1], ""])
    return shown


def replication_table(replicated: Replicated) -> Table:
    """One row per figure of the paper: measured with its interval, and published."""
    figures = replicated.table
    names = ["quantity"]
    names += [name for name in ("task", "probe") if figures[name].nunique() > 1]
    numbers = ("layer", "measured", "95% interval", "published")
    texts = ("unit", "compare", "published for", "on", "setting", "source")
    columns = [Column(name, False, name == "quantity") for name in names]
    columns += [*map(Column, numbers), *(Column(text, False) for text in texts)]
    first = figures.iloc[0]
    measured_on = f"{first['model']} on {first['corpus']}"
    table = Table(
        f"Measured with {measured_on}, beside what was published", columns, note=LEGENDS["compare"]
    )
    for _, row in figures.iterrows():
        table.rows.append([*(row[name] for name in names), *_numbers(row), *_texts(row)])
    return table


def _numbers(row: pd.Series) -> list[str]:
    """The layer, the value measured, its interval, and the one published (or the finding)."""
    known = QUANTITIES.get(row["quantity"])
    digits = known.digits if known else 3
    low, high = f"{row['ci_low']:.{digits}f}", f"{row['ci_high']:.{digits}f}"
    between = " to " if row["unit"] == "points" else "–"  # which may be negative
    return [
        "" if row.isna()["layer"] else str(row["layer"]),
        "–" if isnan(row["measured"]) else f"{row['measured']:.{digits}f}",
        "" if isnan(row["ci_low"]) else f"{low}{between}{high}",
        row["finding"] if isnan(row["published"]) else f"{row['published']:.{digits}f}",
    ]


def _texts(row: pd.Series) -> list[str]:
    """What the numbers are of."""
    names = ("unit", "compare", "published_model", "published_corpus", "setting", "source")
    return [row[name] for name in names]


def _layers(layers: list[int]) -> str:
    """Layers by number: `layer 3`, `layers 1, 2, 5`."""
    return f"layer{'s' if len(layers) > 1 else ''} {', '.join(map(str, layers))}"


def _over_steps(which: str, row: pd.Series, prefix: str) -> list[str]:
    """The cells of one row: two layers, their scores, the change, and what is retained."""
    retention = row[f"{prefix}retention"]
    return [
        f"{which} {row[f'{prefix}layer_first']}→{row[f'{prefix}layer_last']}",
        f"{row[f'{prefix}score_first']:.3f}",
        f"{row[f'{prefix}score_last']:.3f}",
        f"{100 * row[f'{prefix}change']:+.1f}",
        f"{100 * row[f'{prefix}change_low']:+.1f} to {100 * row[f'{prefix}change_high']:+.1f}",
        "–" if math.isnan(retention) else f"{retention:.0%}",
    ]


def _names(
    frame: pd.DataFrame, names: tuple[str, ...], rows: pd.DataFrame | None = None
) -> list[str]:
    """The columns that tell rows apart: the task, and columns with several values.

    `rows` are the rows of the table, if it has fewer than `frame`.
    """
    found = []
    for name in names:
        told_by = rows if rows is not None and name == "probe" else frame
        if name == "task" or told_by[name].nunique() > 1:
            found.append(name)
    return found


def _name_columns(names: list[str]) -> list[Column]:
    return [Column(name, is_number=False, is_name=name == "task") for name in names]


def _score(value: float) -> str:
    return "–" if isnan(value) else f"{value:.3f}"


def tuned_table(tuned: Tuned) -> Table:
    """One row per metric: the scores on test and dev."""
    first = tuned.table.iloc[0]
    title = (
        f"{first['model']} fine-tuned on {first['data']} ({first['recipe']}, rate "
        f"{first['rate']}, {first['trained']:,} of {first['parameters']:,} weights)"
    )
    headings = ("test", "95% interval", "majority", "dev")
    table = Table(title, [Column("metric", False, True), *map(Column, headings)])
    of_split = {split: rows.set_index("metric") for split, rows in tuned.table.groupby("split")}
    for metric, row in of_split["test"].iterrows():
        low, high = f"{row['ci_low']:.3f}", f"{row['ci_high']:.3f}"
        scores = [f"{row['score']:.3f}", f"{low}–{high}", f"{row['majority']:.3f}"]
        table.rows.append([str(metric), *scores, f"{of_split['dev'].loc[metric, 'score']:.3f}"])
    return table


def tuned_lines(tuned: Tuned) -> list[str]:
    """One line for each score on dev during training, with the mean loss since the one before."""
    scored = tuned.history[tuned.history["dev_score"].notna()]
    metric = tuned.table["metric"].iloc[0]
    lines, before = [], 0
    for _, row in scored.iterrows():
        since = tuned.history[tuned.history["step"].between(before + 1, row["step"])]
        before = int(row["step"])
        lines.append(
            f"step {before:,}, epoch {row['epoch']:.3g}: loss {since['loss'].mean():.3f}, "
            f"dev {metric} {row['dev_score']:.3f}"
        )
    return lines


def tradeoff_table(found: RecipeScores) -> Table:
    """One row per recipe and rate: target, retention and cost, over seeds."""
    headings = ("rate", "target", "95% interval", "retention", "95% interval", "front")
    columns = [Column("recipe", False, True), *map(Column, (*headings, "trained", "seconds"))]
    table = Table(f"Recipes on {found.run.settings.get('data', '')}", columns)
    for _, row in found.tradeoff.iterrows():
        target = f"{row['target_low']:.3f}–{row['target_high']:.3f}"
        kept = f"{row['retention_low']:.1%}–{row['retention_high']:.1%}"
        table.rows.append(
            [
                row["recipe"],
                row["rate"],
                f"{row['target']:.3f}",
                "" if isnan(row["target_low"]) else target,
                f"{row['retention']:.1%}",
                "" if isnan(row["retention_low"]) else kept,
                "yes" if row["on_front"] else "",
                f"{row['trained']:,}",
                f"{row['seconds']:,.0f}",
            ]
        )
    return table


def transfer_table(transfer: Transfer) -> Table:
    """One row per method: its scores with few and many labels, with intervals."""
    curves = transfer.curves
    first = curves.iloc[0]
    seeds = f"mean of {first['seeds']} seeds" if first["seeds"] > 1 else "one seed"
    title = (
        f"{first['metric']} on {first['data']} by the number of labels ({seeds}; "
        f"pre-trained: {first['model']}; majority {first['majority']:.3f})"
    )
    numbers = curves["labels"].unique().tolist()
    headings = [f"{labels:,} labels" for labels in numbers]
    over = "test texts and seeds" if first["seeds"] > 1 else "test texts, not over seeds"
    note = f"in brackets: 95% intervals over {over}"
    table = Table(title, [Column("method", False, True), *map(Column, headings)], note=note)
    for method, rows in curves.groupby("method", sort=False):
        cells = []
        for _, row in rows.sort_values("labels").iterrows():
            interval = f" ({row['ci_low']:.3f}–{row['ci_high']:.3f})"
            cells.append(f"{row['score']:.3f}" + ("" if isnan(row["ci_low"]) else interval))
        table.rows.append([str(method), *cells])
    return table
