"""The section of neurons: which dimensions tell of a task, and what breaks without them."""

from __future__ import annotations

from probekit.reports.lines import lines
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import table
from probekit.reports.page.parts import Method, Part, Section, Term, Verdict
from probekit.reports.page.sections.probing import INTERVAL
from probekit.reports.page.sections.subject import named
from probekit.usage.neurons_found import Neurons


def section_of_neurons(found: Neurons) -> Section:
    """Curves, ablations, overlaps, and the rankings."""
    verdicts = []
    for _, row in found.fewest().iterrows():
        subject = f"{row['task']}, layer {row['layer']}, ranked by {row['method']}"
        said = (
            f"{row['fewest']} of {row['of']} neurons score {row['score']:.3f} "
            f"({row['score_of_all']:.3f} with all)"
        )
        verdicts.append(Verdict(said, subject))
    parts: list[Part | None] = [
        drawing(
            "Lines: score by the number of neurons that a probe reads",
            "A line per ranking; random is one random order, which a ranking must beat.",
            lambda: lines(found),
        ),
        table(found, "ablation", "What setting the first neurons to a value changes"),
        table(found, "neuron_overlap", "Neurons that two rankings share"),
        table(found, "neuron_curve", "Probes of the first neurons", folded=True),
        table(found, "neurons", "The first neurons of each ranking", folded=True),
    ]
    what = f"{named(found.table, 'task')} in {named(found.table, 'model')}"
    return Section(
        heading=f"Which neurons tell of {what}",
        verdicts=verdicts,
        guide=(
            Term("neuron", "a dimension of the states of a layer."),
            Term(
                "method",
                "how neurons were ranked: by the weights of a logistic regression (weights), by "
                "how far apart the means of the labels lie (probeless), by the mutual information "
                "of one neuron and the label (information), or at random.",
            ),
            Term(
                "way",
                "what ablated neurons are set to: zero, their mean, or the values of other words.",
            ),
            Term("fewest", "the smallest number tried that keeps 95% of the dev score."),
            Term("beyond", "what ablating the first neurons changes more than random ones do."),
            INTERVAL,
        ),
        parts=[part for part in parts if part],
        methods=[
            Method(
                "We ranked neurons by how much they tell of the labels (Dalvi et al. 2019), "
                "trained probes on the first ones, and ablated them while the model ran.",
                ("dalvi2019",),
            )
        ],
    )
