"""Probing: how probes were trained and intervals made, as sentences of the methods paragraph."""

from __future__ import annotations

from probekit.reports.page.parts import Method, Term
from probekit.results.run import Run

INTERVAL = Term(
    "95% interval",
    "how far the number would move on other test sentences of the same kind. It does not cover "
    "other genres, or another run of fine-tuning. A difference whose interval includes 0 is not "
    "shown to be there; nor is it shown to be absent.",
)
DETECTABLE = Term(
    "detectable",
    "the minimum detectable effect (MDE): a change of this size would be found 4 times in 5, "
    "before correction. If it is large, there was too little data to tell.",
)
LAYER = Term(
    "layer",
    "0 is the embeddings, before any context; layer k is what block k of the model returns.",
)


def trained_probes(run: Run) -> Method:
    """What kind of probes, and how many of each, on which states."""
    kinds = [str(kind) for kind in run.settings.get("probes", [])]
    seeds = len(run.settings.get("seeds", []))
    what = " and ".join(kinds) or "small"
    times = f" with {seeds} random initialisation{'s' if seeds != 1 else ''} each" if seeds else ""
    return Method(
        f"We trained {what} probes{times} on the frozen hidden states of each layer shown, with "
        f"probekit {probekit_version(run)}, one vector per word or span, in the design of edge "
        "probing (Tenney et al. 2019a).",
        ("tenney2019a",),
    )


def probekit_version(run: Run) -> str:
    """The version that made the results, if it is known."""
    return str(run.versions.get("probekit-nlp", ""))


CHOSEN_ON_DEV = Method(
    "The best layer was chosen on the development split and scored on the test split."
)
BOOTSTRAP = Method(
    "95% intervals come from a bootstrap over test sentences, or over documents where these are "
    "read or have one label each (Efron and Tibshirani 1993).",
    ("efron1993",),
)


def correction(run: Run) -> Method:
    """How p-values were corrected."""
    chosen = run.settings.get("correction", "holm")
    if chosen == "none":
        return Method("P-values were not corrected for the number of comparisons.")
    if chosen == "bh":
        return Method(
            "P-values were corrected by the procedure of Benjamini and Hochberg (1995).",
            ("benjamini1995",),
        )
    return Method(
        "P-values were corrected for all comparisons of the run by Holm's procedure (1979).",
        ("holm1979",),
    )
