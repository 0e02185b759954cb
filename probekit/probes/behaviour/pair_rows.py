"""Pair rows: the columns of minimal_pairs.csv."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from probekit.results import columns
from probekit.results.schema import Means, schema_of

BEHAVIOUR, CHANCE = "behaviour", "chance"
"""Kinds of rows in place of a kind of probe."""
HEAD_OF = "head of "
"""What `weights` begins with where a head is borrowed; the name of the model follows."""


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """One minimal pair, as one language model finds it."""

    model: Annotated[str, Means("as the user named it")]
    task: columns.TaskName
    corpus: columns.CorpusName
    instance: Annotated[int, Means("its number in the task", columns.COUNT)]
    sentence: Annotated[str, Means("id of the sentence that it is made from")]
    good: Annotated[str, Means("the sentence that should be more likely")]
    bad: Annotated[str, Means("the other one")]
    kind: Annotated[
        str, Means("what they differ in: a paradigm, or the number of the verb (`Sing`, `Plur`)")
    ]
    distance: Annotated[
        int | None,
        Means("words from the subject's head to its verb; below 0 where the verb comes first"),
    ]
    attractors: Annotated[
        int | None, Means("nouns of the other number between them", columns.COUNT)
    ]
    log_good: Annotated[float, Means("log-probability of the first", "nats")]
    log_bad: Annotated[float, Means("log-probability of the second", "nats")]
    model_fingerprint: columns.ModelFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint


PAIRS = schema_of(
    "minimal_pairs",
    "a model and a minimal pair",
    PairRow,
    (
        "model",
        "model_fingerprint",
        "task",
        "task_fingerprint",
        "corpus",
        "corpus_fingerprint",
        "instance",
    ),
)
