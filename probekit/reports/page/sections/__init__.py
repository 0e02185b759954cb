"""Sections: what a page says of results of each kind, one file each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.gated import Gated
from probekit.forgetting.monitors.probe_change import ProbeChange
from probekit.forgetting.trajectory import Trajectory
from probekit.probes.scores import Scores
from probekit.replications.replicated import Replicated
from probekit.reports.page.parts import Section
from probekit.reports.page.sections.attribution import section_of_attribution
from probekit.reports.page.sections.comparison import section_of_comparison
from probekit.reports.page.sections.erasure import section_of_erasure
from probekit.reports.page.sections.gate import section_of_gate
from probekit.reports.page.sections.neurons import section_of_neurons
from probekit.reports.page.sections.probe_change import section_of_probe_change
from probekit.reports.page.sections.recipes import section_of_recipes
from probekit.reports.page.sections.replication import section_of_replication
from probekit.reports.page.sections.scores import section_of_scores
from probekit.reports.page.sections.trajectory import section_of_trajectory
from probekit.reports.page.sections.transfer import section_of_transfer
from probekit.reports.page.sections.tuned import section_of_tuned
from probekit.reports.page.sections.use_change import section_of_use_change
from probekit.results.results import Results
from probekit.tuning.recipe_scores import RecipeScores
from probekit.tuning.transferred import Transfer
from probekit.tuning.tuned import Tuned
from probekit.usage.attribution import Attribution
from probekit.usage.erasure import Erasure
from probekit.usage.neurons_found import Neurons
from probekit.usage.use_change import UseChange

SECTIONS: dict[type[Results], Callable[[Any], Section]] = {
    Gated: section_of_gate,
    Comparison: section_of_comparison,
    UseChange: section_of_use_change,
    ProbeChange: section_of_probe_change,
    Trajectory: section_of_trajectory,
    RecipeScores: section_of_recipes,
    Transfer: section_of_transfer,
    Tuned: section_of_tuned,
    Scores: section_of_scores,
    Erasure: section_of_erasure,
    Neurons: section_of_neurons,
    Attribution: section_of_attribution,
    Replicated: section_of_replication,
}
"""The section of each kind of results."""
