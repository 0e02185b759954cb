"""Confusion: which labels a probe predicts for each gold label."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probekit import doors
from probekit.harmless import harmless
from probekit.probes.choice import Names, Numbers, chosen, one_probe
from probekit.probes.scores import Scores
from probekit.reports import colours
from probekit.reports.cells import CellStyle, Scale, frame_cell, show_cells
from probekit.reports.picture import Panel, check, picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = 15
CELL, LARGEST_CELL, FEW = 0.5, 0.75, 4.0  # inches of a cell; of one of few; of all of those
LETTER = 0.085  # inches
LONGEST = 24  # letters of a label


def confusion(  # noqa: PLR0913 - which probe, and how it is drawn
    scores: Scores,
    *paths: str | Path,
    model: Names | None = None,
    task: Names | None = None,
    corpus: Names | None = None,
    probe: Names | None = None,
    layer: Numbers | None = None,
    seed: Numbers | None = None,
    labels: int = LABELS,
    ax: Axes | None = None,
    cmap: str | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw how often each label is predicted for each gold label, by one probe on one task.

    A row is a gold label, with its number of predictions; its cells are counts, coloured by
    their share of the row. Correct predictions are framed. The most frequent gold labels come
    first, and all others together are the last row and column. A cell without predictions is
    empty.

    Args:
        scores: with predictions.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        model, task, corpus, probe: of which there is one, by display name; a baseline counts only
            where `probe` names it.
        layer: by default the one with the best dev score.
        seed: by default all, counted together.
        labels: the most frequent labels that have a row each.
        ax: matplotlib axes for the picture.
        cmap: name of a colour map of matplotlib.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, where one probe
    is not chosen, and where predictions are missing; StoreError where a file cannot be written.
    """
    doors.of_type("scores", scores, Scores)
    check(paths, ax, greyscale)
    style = CellStyle.checked(cmap, None, None, 0, greyscale)
    most = doors.at_least_one("labels", labels)
    wanted = {"model": model, "task": task, "corpus": corpus, "probe": probe}
    wanted |= {"layer": layer, "seed": seed}  # type: ignore[dict-item]
    rows = one_probe(chosen(scores.displayed(), wanted))
    matrix = scores.confusion(**wanted)  # type: ignore[arg-type]
    counts = grouped(matrix, most)
    colour_map = style.colour_map(colours.SCORES, colours.SCORES_GREY)
    label = "share of the gold label's predictions"
    scale = Scale(colour_map, (0.0, 1.0), label, ("0%", "100%"))
    names = max(len(_name(one)) for one in counts.index)
    cell = max(CELL, min(LARGEST_CELL, FEW / len(counts)))
    is_long = LETTER * names > cell
    width = cell * len(counts) + LETTER * (names + 9) + 0.6
    height = cell * len(counts) + LETTER * names * is_long + 1.1
    draw = partial(_draw, counts=counts, scale=scale, rotation=90 if is_long else 0)
    panel = Panel(_title(rows, matrix, is_best=layer is None), max(width, 6.0), height, draw)
    return picture([panel], *paths, ax=ax, bar=scale.bar)


def grouped(counts: pd.DataFrame, most: int) -> pd.DataFrame:
    """The `most` frequent gold labels in order, at a tie by name, and all others as one label."""
    times = counts.sum(axis=1).sort_values(ascending=False, kind="stable")
    kept = list(times.index[:most])
    others = len(counts) - len(kept)
    if others == 1:
        kept, others = list(times.index), 0
    if others:
        other = f"other ({others} labels)"
        names = np.array([label if label in kept else other for label in counts.index])
        counts = counts.groupby(names).sum().T.groupby(names).sum().T
        kept.append(other)
    return counts.reindex(index=kept, columns=kept)


def _title(rows: pd.DataFrame, matrix: pd.DataFrame, *, is_best: bool) -> str:
    """What was predicted by what, and how much of it is correct."""
    row = rows.iloc[0]
    said_by = f"{row['probe']} baseline"
    if not rows["layer"].isna().all():
        best = " (best on dev)" if is_best else ""
        said_by = f"{row['model']}, {row['probe']} probe at layer {row['layer']}{best}"
    counts = matrix.to_numpy()
    seeds = rows["seed"].nunique()
    together = f" of {seeds} seeds together" if seeds > 1 else ""
    correct = f"{np.trace(counts):,} of {counts.sum():,} predictions{together} are correct"
    return f"{row['task']} on {row['corpus']}: {said_by}\n{correct}"


def _name(label: object) -> str:
    text = " ".join(harmless(label).split()) or "(empty)"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _draw(axes: Axes, *, counts: pd.DataFrame, scale: Scale, rotation: int) -> list[Any]:
    totals = counts.sum(axis=1)
    shares = counts.div(totals, axis=0).where(counts > 0)
    texts = np.empty(counts.shape, dtype=object)
    for place, count in np.ndenumerate(counts.to_numpy()):
        texts[place] = f"{count:,}" if count else ""
    show_cells(axes, shares, texts, scale)
    for number, label in enumerate(counts.index):
        if not (number == len(counts) - 1 and str(label).startswith("other (")):
            frame_cell(axes, number, number)
    middles = np.arange(len(counts)) + 0.5
    names = [_name(label) for label in counts.index]
    with_totals = [f"{name} ({total:,})" for name, total in zip(names, totals, strict=True)]
    axes.set_xticks(middles, names, rotation=rotation)
    axes.set_yticks(middles, with_totals, rotation=0)
    axes.set_xlabel("predicted label")
    axes.set_ylabel("gold label (number of predictions)")
    axes.set_aspect("equal")
    return []
