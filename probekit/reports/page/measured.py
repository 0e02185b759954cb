"""Measured: the models, corpora and tasks that results are of, as tables of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from probekit import bundle
from probekit.corpora.card import Card, load_card
from probekit.reports.page.grid import Meaning, grid
from probekit.reports.page.opened import Opened
from probekit.reports.page.parts import Grid
from probekit.results.run import Measurement

OWN = "not known: it has no card"
MODELS = {
    "model": Meaning("as the user named it"),
    "weights": Meaning("fingerprint of the weights"),
    "tokenizer": Meaning("fingerprint of the tokenizer"),
    "word vector": Meaning("a word's vector from its subwords"),
    "read": Meaning("what is read of a block"),
    "computed in": Meaning("type of the model's computation"),
}
CORPORA = {
    "corpus": Meaning("an asterisk where modified files were accepted"),
    "text": Meaning("fingerprint of the words; of tables, of texts and labels"),
    "words": Meaning("in train, dev and test"),
    "sentences": Meaning("in train, dev and test; documents or texts where these were read"),
}
TASKS = {
    "labels": Meaning("how many"),
    "instances": Meaning("in train, dev and test"),
}


def measured(results: Sequence[Opened]) -> list[Grid]:
    """The models, corpora and tasks, by the records of some results."""
    measurements: list[Measurement] = []
    for one in results:
        measurements += one.found.run.measurements
    found = []
    for caption, rows, known in (
        ("Models", map(_model, measurements), MODELS),
        ("Corpora", map(_corpus, measurements), CORPORA),
        ("Tasks", _tasks(measurements), TASKS),
    ):
        table = _grid(caption, rows, known)
        if table:
            found.append(table)
    return found


def _grid(caption: str, rows: Iterable[dict[str, Any]], known: dict[str, Meaning]) -> Grid | None:
    """A table of rows, each once, without those of which another row tells more."""
    import pandas as pd

    each = {tuple(row.values()): row for row in rows}
    frame = pd.DataFrame([row for row in each.values() if not _is_in(row, each.values())])
    if frame.empty:
        return None
    is_known = (frame != "").any()
    return grid(caption, frame.loc[:, is_known], known, whole=True)


def _is_in(row: dict[str, Any], others: Iterable[dict[str, Any]]) -> bool:
    """Whether another row has all that a row tells: training reads no layers, and probing does."""
    told = {name: value for name, value in row.items() if value != ""}
    return any(row is not other and told.items() <= other.items() for other in others)


def _model(one: Measurement) -> dict[str, Any]:
    of_model = dict(one.fingerprints.get("model", {}))
    layers = dict(one.fingerprints.get("layers", {}))
    return {
        "model": one.model,
        "weights": _short(of_model.get("weights")),
        "tokenizer": _short(of_model.get("tokenizer")),
        "word vector": str(one.fingerprints.get("subwords", "")),
        "read": str(layers.get("site", "")),
        "computed in": str(one.fingerprints.get("computed_in", "")),
    }


def _corpus(one: Measurement) -> dict[str, Any]:
    card = _card(one.source)
    changed = ", ".join(one.modified_files)
    return {
        "corpus": one.corpus,
        "licence": card.licence if card else OWN,
        "cite": card.citation if card else "",
        "loaded from": one.source,
        "text": _short(dict(one.fingerprints.get("corpus", {})).get("text")),
        "sentences": _by_split(one.passages),
        "words": _by_split(one.words),
        "modified files": changed or "none",
    }


def _tasks(measurements: Iterable[Measurement]) -> Iterable[dict[str, Any]]:
    for one in measurements:
        for name, facts in one.tasks.items():
            yield {
                "task": name,
                "corpus": one.corpus,
                "labels": f"{len(facts.get('classes', ())):,}",
                "instances": _by_split(facts.get("instances", {})),
            }


def _card(source: str) -> Card | None:
    """The card of a shipped corpus; None for a corpus of the user's own."""
    if source not in bundle.names("corpora"):
        return None
    return load_card(bundle.folder("corpora") / f"{source}.toml")


def _short(fingerprint: object) -> str:
    """The first 12 digits, as tables have them."""
    return str(fingerprint or "")[:12]


def _by_split(counts: Any) -> str:
    """Counts by split: `train 10,200, dev 1,569, test 1,590`."""
    return ", ".join(f"{split} {count:,}" for split, count in dict(counts).items())
