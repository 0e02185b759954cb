"""Predictions: what each probe and baseline said of each test instance, and of what words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa

from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.results import columns
from probekit.results.columnar import checked
from probekit.results.schema import Means, encodable, schema_of
from probekit.tasks.question import Question

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class InstanceRow:
    """One test instance of a task over a corpus. The columns ending in `_2` are of the second span
    of a pair."""

    task: columns.TaskName
    corpus: columns.CorpusName
    instance: Annotated[int, Means("its number in the task's test split", "from 0")]
    sentence: Annotated[str, Means("id of the sentence that the span begins in")]
    words: Annotated[str, Means("of the span, with spaces between them")]
    start: Annotated[int, Means("the span's first word, counted in that sentence", "from 0")]
    end: Annotated[int, Means("the word after its last, counted likewise", "from 1")]
    sentence_2: Annotated[str, Means("of the second span; empty where there is one span")]
    words_2: Annotated[str, Means("of the second span")]
    start_2: Annotated[int | None, Means("of the second span", "from 0")]
    end_2: Annotated[int | None, Means("of the second span", "from 1")]
    gold: Annotated[str, Means("the label that the corpus gives it")]
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint


@dataclass(frozen=True, kw_only=True)
class PredictionRow:
    """What one probe or baseline predicts."""

    model: Annotated[str, Means("as the user named it")]
    task: columns.TaskName
    corpus: columns.CorpusName
    probe: columns.ProbeName
    layer: Annotated[int | None, Means("0 is the embeddings; empty for baselines", "from 0")]
    seed: Annotated[int, Means("of the initial weights", "from 0")]
    predicted: Annotated[list[str], Means("a label for each row of instances.parquet, in order")]
    model_fingerprint: columns.ModelFingerprint
    corpus_fingerprint: columns.CorpusFingerprint
    task_fingerprint: columns.TaskFingerprint
    fit_fingerprint: columns.FitFingerprint


QUESTION = ("task", "corpus", "task_fingerprint", "corpus_fingerprint")
"""The columns that tell which instances a prediction is of."""
_PROBE = tuple(name for name in PredictionRow.__annotations__ if name != "predicted")
INSTANCES = schema_of(
    "instances", "a test instance of a task", InstanceRow, (*QUESTION, "instance")
)
PREDICTIONS = schema_of("predictions", "a trained probe or baseline", PredictionRow, _PROBE)
SHOWN = ("model", "task", "corpus", "probe", "layer", "seed")
"""The columns that predictions are chosen by."""


class Answers(NamedTuple):
    """What a probe or baseline predicts: `labels` `(n_test,)` are indices of the classes."""

    about: Any  # a row of scores
    question: Question
    corpus: Corpus
    labels: np.ndarray


def narrowed(question: Question, labels: np.ndarray) -> np.ndarray:
    """Indices of the classes in the narrowest integer type."""
    return labels.astype(np.min_scalar_type(len(question.classes)))


def tables_of(answers: Sequence[Answers]) -> tuple[pa.Table, pa.Table]:
    """The tables INSTANCES and PREDICTIONS of a run; of answers to the same the first stays."""
    questions: dict[tuple[Any, ...], Answers] = {}
    probes: dict[tuple[Any, ...], Answers] = {}
    for answer in answers:
        questions.setdefault(_values(answer.about, QUESTION), answer)
        probes.setdefault(_values(answer.about, _PROBE), answer)
    parts = [_instances(*answer[:3]) for answer in questions.values()]
    instances = pa.concat_tables(parts) if parts else None
    return checked(INSTANCES, instances), checked(PREDICTIONS, _predictions(probes))


def _values(about: Any, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(about, name) for name in names)


def _predictions(probes: dict[tuple[Any, ...], Answers]) -> pa.Table:
    """One row per probe: its key and its labels."""
    vocabulary: dict[str, int] = {}
    labels, lengths = [np.empty(0, dtype=np.int32)], [0]
    for answer in probes.values():
        classes = [
            vocabulary.setdefault(label, len(vocabulary)) for label in answer.question.classes
        ]
        labels.append(np.array(classes, dtype=np.int32)[answer.labels])
        lengths.append(len(answer.labels))
    numbers = pa.array(np.concatenate(labels))
    values = pa.DictionaryArray.from_arrays(numbers, pa.array(list(vocabulary), pa.string()))
    found: dict[str, Any] = {}
    for place, name in enumerate(_PROBE):
        kind = pa.int64() if name in ("layer", "seed") else pa.string()
        of_each = [key[place] for key in probes]
        texts = of_each if kind == pa.int64() else list(map(encodable, of_each))
        found[name] = pa.array(texts, kind)
    found["predicted"] = pa.LargeListArray.from_arrays(pa.array(np.cumsum(lengths)), values)
    return pa.table(found)


def _instances(about: Any, question: Question, corpus: Corpus) -> pa.Table:
    """The test instances of a question, in order."""
    test = question.splits["test"]
    n = len(test)
    found: dict[str, Any] = {}
    for name in QUESTION:
        found[name] = pa.array([encodable(getattr(about, name))] * n, pa.string())
    found["instance"] = pa.array(range(n), pa.int64())
    found["gold"] = pa.array(test.gold.texts(), pa.string())
    for number, ending in enumerate(("", "_2")):
        if number < question.task.arity:
            found_at = located(corpus, test.spans[:, number])
        else:
            nothing, none = pa.array([""] * n, pa.string()), pa.nulls(n, pa.int64())
            found_at = {"sentence": nothing, "words": nothing, "start": none, "end": none}
        for name, values in found_at.items():
            found[f"{name}{ending}"] = values
    return pa.table(found)


def located(corpus: Corpus, spans: np.ndarray) -> dict[str, pa.Array]:
    """The sentence, words and positions of spans `(n, 2)`."""
    passages = corpus.splits["test"]
    at = np.searchsorted(passages.offsets, spans[:, 0], side="right") - 1
    begins = passages.offsets[at]
    words = passages.words.texts()
    texts = [" ".join(words[start:end]) for start, end in spans.tolist()]
    return {
        "sentence": pa.array(passages.ids.take(at).texts(), pa.string()),
        "words": pa.array(texts, pa.string()),
        "start": pa.array(spans[:, 0] - begins),
        "end": pa.array(spans[:, 1] - begins),
    }


def frame_of(
    named: pd.DataFrame, rows: pd.DataFrame, instances: pa.Table, predicted: pa.Table
) -> pd.DataFrame:
    """One row per probe and test instance, with the columns SHOWN, those of INSTANCES but for the
    fingerprints, and `predicted`.

    Args:
        named: rows of scores, with display names.
        rows: the same as they are in the table of scores.
        instances: a table INSTANCES.
        predicted: a table PREDICTIONS.

    Raises InputError where a row has no predictions.
    """
    import pandas as pd

    place_of = {key: i for i, key in enumerate(_keys(predicted.select(_PROBE).to_pandas(), _PROBE))}
    asked = instances.select(QUESTION).to_pandas().groupby(list(QUESTION), observed=True).indices
    answered, places, lengths = [], [np.empty(0, dtype=np.int64)], []
    for key, question in zip(_keys(rows, _PROBE), _keys(rows, QUESTION), strict=True):
        if key not in place_of or question not in asked:
            raise InputError(_missing(key))
        labels = predicted["predicted"][place_of[key]].values
        if len(labels) != len(asked[question]):
            raise InputError(
                "instances and predictions are of different runs: run 'probekit probe' again"
            )
        answered.append(labels.cast(pa.string()))
        places.append(asked[question])
        lengths.append(len(labels))
    whole = instances.take(np.concatenate(places))
    wanted = [name for name in INSTANCES.names if name not in QUESTION]
    found = named[list(SHOWN)].iloc[np.repeat(np.arange(len(named)), lengths)]
    found = found.reset_index(drop=True)
    for name in wanted:
        is_text = pa.types.is_dictionary(whole.schema.field(name).type)
        column = whole[name].cast(pa.string()) if is_text else whole[name]
        found[name] = column.to_pandas()
    for name in ("start_2", "end_2"):
        found[name] = found[name].astype("Int64")
    found["predicted"] = pa.chunked_array(answered, pa.string()).to_pandas()
    return pd.DataFrame(found)


def _keys(frame: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of these columns, row by row; None where one is missing."""
    import pandas as pd

    for values in frame[list(names)].itertuples(index=False, name=None):
        yield tuple(None if pd.isna(value) else value for value in values)


def _missing(key: tuple[Any, ...]) -> str:
    about = dict(zip(_PROBE, key, strict=True))
    what = ", ".join(str(about[name]) for name in ("model", "task", "corpus", "probe"))
    return (
        f"there are no predictions of {what}: these scores are a table alone, or of an older "
        "version: run 'probekit probe' again, and read its folder"
    )
