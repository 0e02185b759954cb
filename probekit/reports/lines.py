"""Lines: scores by layer with their intervals, changes by layer, or scores over training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from probekit import doors
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.random_table import random_means
from probekit.probes.score_rows import KEYS
from probekit.probes.scores import Scores
from probekit.reports import colours
from probekit.reports.changes import LEAST_RANGE as LEAST_CHANGE
from probekit.reports.changes import LEVEL
from probekit.reports.label_curves import label_curves
from probekit.reports.neuron_curves import neuron_curves
from probekit.reports.picture import ACROSS, Panel, check, picture
from probekit.reports.rows import layer_label, probes_and_baselines, sites_of
from probekit.reports.style import sized
from probekit.tuning.transferred import Transfer
from probekit.usage.neurons_found import Neurons

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.4, 3.2  # inches of a panel
LEAST_RANGE = 0.05  # of an axis of scores
BAND, MANY = 0.13, 4  # how much of a band's colour is seen; more bands than MANY are fainter
Styles = dict[str, dict[str, Any]]
"""What matplotlib takes of each line, by its label."""

BASELINE_DASHES: dict[str, Any] = {
    "majority": (0, (1, 2)),
    "lexical": (0, (6, 3)),
    "left_chain": (0, (6, 3)),
    "right_chain": (0, (6, 2, 1, 2)),
    "random_tree": (0, (1, 2)),
}


def lines(
    subject: Scores | Comparison | Trajectory | Transfer | Neurons,
    *paths: str | Path,
    ax: Axes | None = None,
    greyscale: bool = False,
) -> Figure:
    """Draw lines with 95% intervals, a panel per task and corpus.

    - Scores: score by layer, a line per model and kind of probe; baselines and random weights as
      thin lines.
    - A comparison: change by layer in points, a line per checkpoint; a hollow mark is a change not
      detected. The axis covers at least 5 points either way.
    - A trajectory: score by step, a line per layer.
    - A transfer: score by the number of labels, a line per method.
    - Neurons: score by the number of neurons that probes read, a line per ranking.

    Lines differ in marks and dashes as well as in colour.

    Args:
        subject: what is drawn.
        paths: files to write the picture into (.png, .svg, .pdf), if any.
        ax: matplotlib axes for the picture, if it has one panel.
        greyscale: draw without colour.

    Returns the figure, which a notebook shows.

    Raises InputError for arguments of another type, for paths with another ending, and for scores
    of baselines only; StoreError where a file cannot be written.
    """
    doors.of_type("subject", subject, (Scores, Comparison, Trajectory, Transfer, Neurons))
    check(paths, ax, greyscale)
    if isinstance(subject, Transfer):
        panels = label_curves(subject, greyscale)
    elif isinstance(subject, Neurons):
        panels = neuron_curves(subject, greyscale)
    elif isinstance(subject, Scores):
        panels = _of_scores(subject, greyscale)
    elif isinstance(subject, Comparison):
        panels = _of_changes(subject, greyscale)
    else:
        panels = _of_steps(subject, greyscale)
    return picture(panels, *paths, ax=ax, across=ACROSS)


def _of_scores(scores: Scores, greyscale: bool) -> list[Panel]:
    trained, baselines = probes_and_baselines(scores)
    labels = _line_labels(trained)
    trained = trained.assign(line=labels)
    styles = _styles(labels, greyscale)
    random = random_means(scores.table, scores.displayed())
    found = []
    panels = ["task", "corpus", "metric"]
    for (task, corpus, _), rows in trained.groupby(panels, sort=False):
        same = baselines.merge(rows[panels].drop_duplicates(), on=panels)
        mine = random.merge(rows[[*KEYS, "line"]].drop_duplicates(), on=KEYS)
        draw = partial(_draw_scores, frame=rows, random=mine, baselines=same, styles=styles)
        title = f"{task} ({corpus})" + _baseline_values(same)
        found.append(Panel(title, WIDTH, HEIGHT, draw))
    return found


def _line_labels(trained: pd.DataFrame) -> pd.Series:
    """The label of each line: its model, and its kind of probe if there are several."""
    labels = trained["model"]
    if trained["probe"].nunique() > 1:
        labels = labels + ", " + trained["probe"]
    return labels


def _styles(labels: pd.Series, greyscale: bool) -> Styles:
    """The style of each line, the same in all panels."""
    names = list(dict.fromkeys(labels))
    return {name: colours.line_style(i, greyscale) for i, name in enumerate(names)}


def _baseline_values(baselines: pd.DataFrame) -> str:
    """The scores of the baselines, which may be below the axis."""
    means = baselines.groupby("probe", sort=False)["score"].mean()
    texts = [f"{name} {score:.2f}" for name, score in means.items()]
    return "\n" + ", ".join(texts) if texts else ""


def _draw_scores(
    axes: Axes,
    *,
    frame: pd.DataFrame,
    random: pd.DataFrame,
    baselines: pd.DataFrame,
    styles: Styles,
) -> list[Line2D]:
    keys = []
    for name, rows in frame.groupby("line", sort=False):
        means = rows.groupby("layer")[["score", "ci_low", "ci_high"]].mean()
        keys.append(_line(axes, means, styles, str(name)))
    for name, rows in random.groupby("line", sort=False):
        dotted: Any = {"color": styles[str(name)]["color"], "linewidth": 0.9, "linestyle": ":"}
        places, values = (rows[column].to_numpy(dtype=float) for column in ("layer", "score"))
        keys += axes.plot(places, values, label=f"{name}, random weights", **dotted)
    metric, seeds = frame["metric"].iloc[0], frame["seed"].nunique()
    over = f", mean of {seeds} seeds" if seeds > 1 else ""
    label = layer_label("layer", set(frame["site"]))
    axes.set(xlabel=label, ylabel=f"{metric} (band: 95%{over})")
    lowest = frame["ci_low"].min()
    if len(random):
        lowest = min(lowest, random["score"].min())
    low, high = _limits(lowest, frame["ci_high"].max(), LEAST_RANGE)
    for name, score in baselines.groupby("probe", sort=False)["score"].mean().items():
        dashes = BASELINE_DASHES.get(str(name), ":")
        thin: dict[str, Any] = {"color": "#555555", "linewidth": 0.9, "linestyle": dashes}
        if score > low - (high - low) / 2:  # a lower one would flatten the lines
            low = min(low, score - 0.05 * (high - low))
            axes.axhline(score, zorder=1, **thin)
            keys.append(Line2D([], [], label=f"baseline: {name}", **thin))
    axes.set_ylim(low, high)
    _plain(axes)
    return keys


def _of_changes(comparison: Comparison, greyscale: bool) -> list[Panel]:
    frame = comparison.comparison
    if frame.empty:
        return []
    frame = frame.assign(line=frame["before"] + " → " + frame["after"])
    styles = _styles(frame["line"], greyscale)
    label = layer_label("layer before", sites_of(comparison))
    found = []
    for (task, corpus), rows in frame.groupby(["task", "corpus"], sort=False):
        draw = partial(_draw_changes, frame=rows, styles=styles, label=label)
        found.append(Panel(f"{task} ({corpus})", WIDTH, HEIGHT, draw))
    return found


def _draw_changes(axes: Axes, *, frame: pd.DataFrame, styles: Styles, label: str) -> list[Line2D]:
    keys = []
    axes.axhline(0, color="#555555", linewidth=0.9, zorder=1)
    for name, unsorted in frame.groupby("line", sort=False):
        rows = unsorted.sort_values("layer").set_index("layer")
        points = 100 * rows[["delta", "ci_low", "ci_high"]].astype(float)
        style = styles[str(name)]
        keys.append(_line(axes, points, styles, str(name)))
        chance = points[rows["p_adjusted"] > LEVEL]["delta"]
        hollow: Any = {"linestyle": "none", "markerfacecolor": "white", "zorder": 4}
        mark = {"color": style["color"], "marker": style["marker"], "markersize": sized(5)}
        axes.plot(chance.index, chance, **mark, **hollow)
    low, high = 100 * frame["ci_low"].min(), 100 * frame["ci_high"].max()
    low, high = min(low, -LEAST_CHANGE), max(high, LEAST_CHANGE)
    axes.set_ylim(*_limits(low, high, LEAST_CHANGE))
    axes.set(xlabel=label, ylabel="change in points (band: 95%)")
    _plain(axes)
    shape: Any = {"color": "black", "marker": "o", "markersize": sized(5), "linestyle": "none"}
    hollow_key = "hollow: change not detected"
    keys.append(Line2D([], [], markerfacecolor="white", label=hollow_key, **shape))
    return keys


def _of_steps(trajectory: Trajectory, greyscale: bool) -> list[Panel]:
    if trajectory.table.empty:
        return []
    layers = sorted(trajectory.table["layer"].unique())
    styles = _layer_styles(layers, greyscale)
    found = []
    for (task, corpus), rows in trajectory.table.groupby(["task", "corpus"], sort=False):
        draw = partial(_draw_steps, frame=rows, styles=styles)
        found.append(Panel(f"{task} ({corpus})", WIDTH, HEIGHT, draw))
    return found


def _layer_styles(layers: Sequence[int], greyscale: bool) -> Styles:
    """From dark for the lowest layer to light for the highest; neighbours differ in their marks."""
    coloured = colours.colour_map("viridis", "viridis")
    shades = colours.greys("#000000", "#b0b0b0") if greyscale else coloured
    found: Styles = {}
    for i, layer in enumerate(layers):
        place = 0.9 * i / max(len(layers) - 1, 1)  # the map's last yellows are pale on white
        found[f"layer {layer}"] = {**colours.line_style(i, greyscale), "color": shades(place)}
    return found


def _draw_steps(axes: Axes, *, frame: pd.DataFrame, styles: Styles) -> list[Line2D]:
    keys = []
    for layer, rows in frame.groupby("layer"):
        means = rows.set_index("step").sort_index()[["score", "ci_low", "ci_high"]]
        keys.append(_line(axes, means, styles, f"layer {layer}"))
    axes.set(xlabel="step", ylabel=f"{frame['metric'].iloc[0]} (band: 95%)")
    axes.set_ylim(*_limits(frame["ci_low"].min(), frame["ci_high"].max(), LEAST_RANGE))
    _plain(axes)
    return keys


def _line(axes: Axes, points: pd.DataFrame, styles: Styles, label: str) -> Line2D:
    """A line over the index of `points`: its columns are the value and the ends of its band."""
    style = styles[label]
    places = points.index.to_numpy(dtype=float)
    values = points.to_numpy(dtype=float)
    band = {"color": style["color"], "alpha": BAND * min(1, MANY / len(styles)), "linewidth": 0}
    if len(places) > 1:
        axes.fill_between(places, values[:, 1], values[:, 2], **band)
    else:  # a band over one place has no width
        axes.vlines(places, values[:, 1], values[:, 2], color=style["color"], linewidth=1)
    size: Any = {"markersize": sized(5), "linewidth": 1.4, "zorder": 3}
    (line,) = axes.plot(places, values[:, 0], label=label, **style, **size)
    return line


def _limits(low: float, high: float, least: float) -> tuple[float, float]:
    """Ends of an axis that includes `low` to `high` and spans at least `least`."""
    missing = max(least - (high - low), 0) / 2
    margin = 0.05 * max(high - low, least)
    return low - missing - margin, high + missing + margin


def _plain(axes: Axes) -> None:
    """Remove the frame at the top and the right; put ticks at whole layers and steps."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.tick_params(labelsize=sized(9))
    axes.spines[["top", "right"]].set_visible(False)
