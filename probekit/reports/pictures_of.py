"""Pictures of results: which ones each kind has, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.reports.bars import bars
from probekit.reports.capacity import capacity
from probekit.reports.heatmap import heatmap
from probekit.reports.learning_curves import learning_curves
from probekit.reports.lines import lines
from probekit.reports.tradeoff import tradeoff
from probekit.results.results import Results
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure
from probekit.usage.neurons_found import Neurons
from probekit.usage.use_change import UseChange

Draw = Callable[..., Figure]
"""Draws results: takes them, and the files to write into."""

OF_LAYERS: Mapping[type[Results], Mapping[str, Draw]] = {
    Scores: {"heatmap": heatmap, "lines": lines},
    Comparison: {"forgetting": heatmap, "decomposition": bars},
    Trajectory: {"curves": lines, "retention": heatmap},
}
"""Those of results that have layers, unless tasks of behaviour are all that was measured."""
OTHERS: Mapping[type[Results], Mapping[str, Draw]] = {
    RecipeScores: {"tradeoff": tradeoff},
    Transfer: {"transfer": lines},
    Erasure: {"erasure": heatmap},
    UseChange: {"use_change": bars},
    Neurons: {"neurons": lines},
    Attribution: {"attribution": heatmap},
}
OF_TABLES: Mapping[str, tuple[str, Draw]] = {
    "learning_curves": ("learning-curves", learning_curves),
    "capacity": ("capacity", capacity),
}
"""Those of tables that only some scores have, by the table's name."""


def pictures_of(subject: Results) -> dict[str, Draw]:
    """The functions that draw some results, by the name of the picture."""
    if isinstance(subject, Scores | Comparison | Trajectory) and not subject.has_layers:
        return {}
    of_kind = {**OF_LAYERS, **OTHERS}.get(type(subject), {})
    of_tables = [OF_TABLES[name] for name in subject.tables if name in OF_TABLES]
    return {**of_kind, **dict(of_tables)}
