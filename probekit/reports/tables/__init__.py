"""Tables: what results of each verb look like, one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.gated import Gated
from probekit.forgetting.monitors.probe_change import ProbeChange
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.replications.replicated import Replicated
from probekit.reports.table import Table
from probekit.reports.tables.attribution import attribution_table
from probekit.reports.tables.behaviour import (
    behaviour_change_table,
    behaviour_step_table,
    behaviour_table,
)
from probekit.reports.tables.comparison import breakdown_table, comparison_table
from probekit.reports.tables.erasure import erasure_table
from probekit.reports.tables.gate import gate_table
from probekit.reports.tables.neurons import neurons_table, overlap_table
from probekit.reports.tables.probe_change import detection_table, probe_change_table
from probekit.reports.tables.recipes import tradeoff_table
from probekit.reports.tables.replication import replication_table
from probekit.reports.tables.scores import elsewhere_table, evidence_table, score_table
from probekit.reports.tables.trajectory import trajectory_table
from probekit.reports.tables.transfer import transfer_table
from probekit.reports.tables.tuned import tuned_table
from probekit.reports.tables.use_change import use_change_table
from probekit.results.results import Results
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.tuning.tuned import Tuned
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure
from probekit.usage.neurons_found import Neurons
from probekit.usage.use_change import UseChange


def _table_of_scores(scores: Scores) -> Table:
    """The best layers; or behaviour, where no layer was probed."""
    of_behaviour = None if scores.has_layers else behaviour_table(scores)
    return of_behaviour or score_table(scores)


def _table_of_comparison(comparison: Comparison) -> Table:
    """The best and last layers; or behaviour, where no layer was compared."""
    of_behaviour = None if comparison.has_layers else behaviour_change_table(comparison)
    return of_behaviour or comparison_table(comparison)


def _table_of_trajectory(trajectory: Trajectory) -> Table:
    """The best and last layers over training; or behaviour, where no layer was probed."""
    of_behaviour = None if trajectory.has_layers else behaviour_step_table(trajectory)
    return of_behaviour or trajectory_table(trajectory)


TABLES: dict[type[Results], Callable[[Any], Table]] = {
    Scores: _table_of_scores,
    Comparison: _table_of_comparison,
    Gated: gate_table,
    ProbeChange: probe_change_table,
    Trajectory: _table_of_trajectory,
    Tuned: tuned_table,
    RecipeScores: tradeoff_table,
    Transfer: transfer_table,
    Replicated: replication_table,
    Attribution: attribution_table,
    Erasure: erasure_table,
    UseChange: use_change_table,
    Neurons: neurons_table,
}
"""The table of each kind of results."""


def table_of(subject: Results) -> Table:
    """The table of results of any verb."""
    return TABLES[type(subject)](subject)


FURTHER: Mapping[type[Results], Mapping[str, Callable[[Any], Table | None]]] = {
    Scores: {
        "behaviour": behaviour_table,
        "evidence": evidence_table,
        "elsewhere": elsewhere_table,
    },
    Comparison: {"breakdown": breakdown_table, "behaviour": behaviour_change_table},
    Trajectory: {"behaviour": behaviour_step_table},
    Neurons: {"overlap": overlap_table},
    ProbeChange: {"detection": detection_table},
}
"""The other tables of each kind of results, by name; None where there is nothing to show."""


def further_tables(subject: Results) -> dict[str, Table]:
    """The tables beside the first one, by name; none where that one shows behaviour alone."""
    if isinstance(subject, Scores | Comparison | Trajectory) and not subject.has_layers:
        return {}
    found = {}
    for name, make in FURTHER.get(type(subject), {}).items():
        table = make(subject)
        if table:
            found[name] = table
    return found


def tables_of(subject: Results) -> dict[str, Table]:
    """All tables of results of any verb, by name, the first one by its kind."""
    return {subject.kind(): table_of(subject), **further_tables(subject)}
