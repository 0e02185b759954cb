"""References: the papers that methods paragraphs cite."""

from __future__ import annotations

from collections.abc import Iterable

REFERENCES = {
    "belrose2023": (
        "Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff and Biderman 2023. LEACE: Perfect "
        "linear concept erasure in closed form. NeurIPS."
    ),
    "benjamini1995": (
        "Benjamini and Hochberg 1995. Controlling the False Discovery Rate. JRSS B 57."
    ),
    "dalvi2019": (
        "Dalvi et al. 2019. What is one grain of sand in the desert? Analyzing individual neurons "
        "in deep NLP models. AAAI."
    ),
    "efron1993": "Efron and Tibshirani 1993. An Introduction to the Bootstrap. Chapman & Hall.",
    "elazar2021": (
        "Elazar, Ravfogel, Jacovi and Goldberg 2021. Amnesic probing: behavioral explanation with "
        "amnesic counterfactuals. TACL."
    ),
    "good2005": ("Good 2005. Permutation, Parametric and Bootstrap Tests of Hypotheses. Springer."),
    "hewitt2019": (
        "Hewitt and Liang 2019. Designing and Interpreting Probes with Control Tasks. EMNLP-IJCNLP."
    ),
    "holm1979": (
        "Holm 1979. A Simple Sequentially Rejective Multiple Test Procedure. Scandinavian Journal "
        "of Statistics 6."
    ),
    "kornblith2019": (
        "Kornblith, Norouzi, Lee and Hinton 2019. Similarity of Neural Network Representations "
        "Revisited. ICML."
    ),
    "schonemann1966": (
        "Schönemann 1966. A generalized solution of the orthogonal Procrustes problem. "
        "Psychometrika 31."
    ),
    "sundararajan2017": (
        "Sundararajan, Taly and Yan 2017. Axiomatic Attribution for Deep Networks. ICML."
    ),
    "tango1998": (
        "Tango 1998. Equivalence Test and Confidence Interval for the Difference in Proportions "
        "for the Paired-Sample Design. Statistics in Medicine 17."
    ),
    "tenney2019a": (
        "Tenney et al. 2019a. What do you learn from context? Probing for sentence structure in "
        "contextualized word representations. ICLR."
    ),
    "voita2020": (
        "Voita and Titov 2020. Information-Theoretic Probing with Minimum Description Length. "
        "EMNLP."
    ),
}
"""Each paper by a key."""


def listed(keys: Iterable[str]) -> list[str]:
    """The references of some keys, each once, in alphabetical order."""
    return sorted(REFERENCES[key] for key in set(keys))
