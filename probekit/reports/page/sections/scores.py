"""The section of scores: what can be read out of each layer, beside baselines and evidence."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from probekit.probes.baselines import BASELINES
from probekit.probes.scores import Scores
from probekit.reports.capacity import capacity
from probekit.reports.heatmap import heatmap
from probekit.reports.learning_curves import learning_curves
from probekit.reports.lines import lines
from probekit.reports.number_text import score_with_interval
from probekit.reports.page.drawing import drawing
from probekit.reports.page.grid import Meaning, grid, table
from probekit.reports.page.parts import Grid, Method, Part, Prose, Section, Term, Verdict
from probekit.reports.page.sections.probing import (
    BOOTSTRAP,
    CHOSEN_ON_DEV,
    INTERVAL,
    LAYER,
    trained_probes,
)
from probekit.reports.page.sections.subject import named
from probekit.reports.tables.scores import unseen_lines

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("model", "task", "corpus", "probe", "metric")
EVIDENCE = (
    "selectivity",
    "selectivity_low",
    "selectivity_high",
    "bits_per_instance",
    "bits_low",
    "bits_high",
    "compression",
    "expected_layer",
    "expected_low",
    "expected_high",
    "bits_beyond",
    "beyond_low",
    "beyond_high",
)
MEANINGS = {
    "layer": Meaning("the layer with the best dev score", "0 is the embeddings"),
    "score": Meaning("on test, the mean over seeds"),
    "ci_low": Meaning("lower end of the 95% interval"),
    "ci_high": Meaning("upper end of it"),
    "score_layer_0": Meaning("the same probe on the embeddings"),
    "lexical": Meaning("baseline: the most frequent training label of the same words, no model"),
    "majority": Meaning("baseline: always the most frequent training label"),
    "random_weights": Meaning("the same architecture with random weights, at its own best layer"),
    "left_chain": Meaning("baseline: a tree that is a chain"),
    "right_chain": Meaning("baseline: a tree that is a chain the other way"),
    "random_tree": Meaning("baseline: random trees"),
    "selectivity": Meaning("score less the score on control labels, which only memory can give"),
    "bits_per_instance": Meaning("codelength per training instance; less is easier to read"),
    "compression": Meaning("uniform code over codelength; more is easier to read"),
    "expected_layer": Meaning("where mixes of layers 0 to k gain", "layers"),
    "bits_beyond": Meaning("bits per test instance that the layer adds to the one given"),
}
GUIDE = (
    LAYER,
    Term(
        "score",
        "how well a small classifier reads the label out of a layer, on test text that it was not "
        "trained on. It shows that the information is there in a simple form, not that the model "
        "uses it.",
    ),
    Term(
        "baselines",
        "what the score must beat. lexical knows the word and nothing else; majority knows only "
        "the labels; layer 0 knows the word without context. A score near them says little about "
        "the model.",
    ),
    Term(
        "selectivity and bits",
        "where they were measured: a probe that could memorise anything has a low selectivity; "
        "bits say how much effort the labels take, not only how often they are right.",
    ),
    INTERVAL,
)


def section_of_scores(scores: Scores) -> Section:
    """Best layers with baselines and evidence, pictures, and every row."""
    parts: list[Part | None] = []
    verdicts: list[Verdict] = []
    if scores.has_layers:
        best = _best(scores)
        verdicts = _verdicts(best)
        parts += [grid("Best layer of each task", best, MEANINGS), *_pictures(scores)]
    unseen = unseen_lines(scores)
    if unseen:
        parts.append(Prose("Where training lacks a word", unseen))
    parts += [
        _behaviour(scores),
        _elsewhere(scores),
        table(scores, "selectivity", "Selectivity, layer by layer", folded=True),
        table(scores, "codelength", "Codelengths, layer by layer", folded=True),
        table(scores, "seen", "Scores by kinds of test instances", folded=True),
        table(scores, "scores", "Every probe and baseline", folded=True),
    ]
    what = f"{named(scores.table, 'model')} on {named(scores.table, 'corpus')}"
    return Section(
        heading=f"What can be read out: {what}",
        verdicts=verdicts,
        guide=GUIDE,
        parts=[part for part in parts if part],
        methods=_methods(scores),
    )


def _best(scores: Scores) -> pd.DataFrame:
    """The best layers, with the evidence measured there."""
    best, evidence = scores.best(), scores.evidence()
    wanted = [column for column in EVIDENCE if column in evidence]
    columns = ["layer", "score", "ci_low", "ci_high", "score_layer_0"]
    columns += [name for name in best if name in MEANINGS and name not in (*columns, *BASELINES)]
    columns += [name for name in BASELINES if name in best]
    best = best[[*KEYS, *columns]]
    return best.merge(evidence[[*KEYS, *wanted]], on=list(KEYS), how="left") if wanted else best


def _verdicts(best: pd.DataFrame) -> list[Verdict]:
    """One sentence for each of the best layers."""
    several = [name for name in ("model", "corpus", "probe") if best[name].nunique() > 1]
    found = []
    for _, row in best.iterrows():
        subject = ", ".join(str(row[name]) for name in ("task", *several))
        score = score_with_interval(row["score"], row["ci_low"], row["ci_high"])
        said = f"{row['metric']} at layer {row['layer']}: {score}"
        beside = [("embeddings (layer 0)", row["score_layer_0"]), ("lexical", row["lexical"])]
        known = [f"{name} {value:.3f}" for name, value in beside if not isnan(value)]
        found.append(Verdict("; ".join([said, *known]), subject))
    return found


def _pictures(scores: Scores) -> list[Part]:
    found: list[Part] = [
        drawing(
            "Heatmap: score by task and layer",
            "One row per task, one column per layer; darker is higher within a row. The frame "
            "marks the best layer on dev; baselines stand on the left.",
            lambda: heatmap(scores),
        ),
        drawing(
            "Lines: score by layer with 95% intervals",
            "Thin lines are baselines.",
            lambda: lines(scores),
        ),
    ]
    if len(scores.learning_curves):
        note = "How the score grows with training sentences, a line per layer."
        found.append(drawing("Learning curves", note, lambda: learning_curves(scores)))
    if len(scores.capacity):
        note = "Scores of smaller and larger probes against their number of parameters."
        found.append(drawing("Score by size of the probe", note, lambda: capacity(scores)))
    return found


def _behaviour(scores: Scores) -> Grid | None:
    """What language models themselves find likely."""
    found = scores.behaviour()
    if found.empty:
        return None
    caption = "Behaviour: what the language model itself finds likely, without a probe"
    known = {
        "score": Meaning("of the model; of bits and kl less is better"),
        "chance": Meaning("the score of a model that knows nothing"),
        "ci_low": MEANINGS["ci_low"],
        "ci_high": MEANINGS["ci_high"],
    }
    return grid(caption, found.reset_index(drop=True), known)


def _elsewhere(scores: Scores) -> Grid | None:
    """The best layers on other corpora."""
    found = scores.elsewhere() if scores.has_layers else None
    if found is None or found.empty:
        return None
    return grid("The same probes on other corpora", found.reset_index(drop=True), MEANINGS)


def _methods(scores: Scores) -> list[Method]:
    found = [trained_probes(scores.run), CHOSEN_ON_DEV, BOOTSTRAP]
    found.append(
        Method(
            "Baselines are the majority label, the most frequent training label of the same words "
            "(lexical), and the same probe on the embeddings (layer 0)."
        )
    )
    if len(scores.selectivity):
        found.append(
            Method(
                "Selectivity is the score less that on control labels, drawn once for each type "
                "of word (Hewitt and Liang 2019).",
                ("hewitt2019",),
            )
        )
    if len(scores.codelengths):
        found.append(
            Method(
                "Codelengths are online codes of the training labels (Voita and Titov 2020).",
                ("voita2020",),
            )
        )
    return found
