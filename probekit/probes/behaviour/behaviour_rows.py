"""Behaviour rows: scores of language models, and what they make of each minimal pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus
from probekit.errors import ModelError
from probekit.models.encoder_model import EncoderModel
from probekit.models.model import Model
from probekit.probes import identity
from probekit.probes.behaviour.behave import Behaved, behave, counts_of
from probekit.probes.behaviour.behaviour_settings import BehaviourSettings
from probekit.probes.behaviour.pair_rows import BEHAVIOUR, CHANCE, HEAD_OF, PAIRS, PairRow
from probekit.probes.evidence import Found
from probekit.probes.plan import Plan
from probekit.probes.score_rows import ScoreRow
from probekit.probes.scoring import scored
from probekit.progress import Progress


def behaviour_of(plan: Plan, settings: BehaviourSettings, progress: Progress) -> Iterator[Found]:
    """Rows of the tasks of behaviour of a plan, for each of its models."""
    for name, model in plan.models if plan.behaviour else ():
        if isinstance(model, ModelError):
            raise model
        behaved = behave(model, plan.behaviour, settings, progress)
        yield found_of(name, model, plan.corpus, settings, behaved)


def found_of(
    name: str,
    model: Model,
    corpus: Corpus,
    settings: BehaviourSettings,
    behaved: Sequence[Behaved],
) -> Found:
    """The rows of what one model made of a corpus."""
    found = Found(tables={"pairs": []})
    for one in behaved:
        about = about_behaviour(name, model, corpus, settings, one)
        found.rows.extend(_score_rows(one, about))
        if one.question.pairs:
            found.tables["pairs"] += _pair_rows(one, about)
        found.warnings.extend(one.warnings(name))
        if one.head:
            found.warnings.append(
                f"{name}: it has no language-modelling head of its own, that of {one.head} is "
                "borrowed"
            )
    return found


def about_behaviour(
    name: str, model: Model, corpus: Corpus, settings: BehaviourSettings, one: Behaved
) -> dict[str, Any]:
    """The columns that identify the model, the task and the corpus."""
    task = identity.of_task(one.question.task)
    reference = settings.reference if one.metric == "kl" else None
    assert isinstance(model, EncoderModel)  # others have no behaviour
    dtype = f"int{model.bits}" if model.bits else str(model.dtype).removeprefix("torch.")
    return {
        "model": name,
        "task": one.question.task.name,
        "corpus": identity.name_of(corpus),
        "metric": one.metric,
        "adapter": "on" if settings.encoder.adapter else "off",
        **identity.of_language_model(model, dtype, one.head, reference),
        **identity.of_corpus(corpus),
        "context": task["context"],
        "task_fingerprint": task["task_fingerprint"],
        "weights": f"{HEAD_OF}{one.head}" if one.head else "trained",
    }


def _score_rows(one: Behaved, about: dict[str, Any]) -> Iterator[ScoreRow]:
    """The score of a task, and the chance level where there is one."""
    counts = counts_of(one.question, one.values)
    own = {
        **about,
        "n_train": 0,
        "n_test": int(one.is_read.sum()),
        "test_corpus": about["corpus"],
        "layer": None,
        "seed": 0,
        "dev_score": float("nan"),
        "dev_loss": float("nan"),
        "epoch": None,
    }
    (score,) = scored(one.measured, counts[None])
    yield ScoreRow(**own, **score, probe=BEHAVIOUR)
    if one.measured.chance is not None:
        level: dict[str, Any] = dict.fromkeys(("score", "ci_low", "ci_high"), one.measured.chance)
        yield ScoreRow(**own, **level, probe=CHANCE)


def _pair_rows(one: Behaved, about: dict[str, Any]) -> Iterator[PairRow]:
    assert one.log_probabilities is not None
    own = {name: about[name] for name in PAIRS.key if name != "instance"}
    for number, (pair, logs) in enumerate(
        zip(one.question.pairs, np.asarray(one.log_probabilities).tolist(), strict=True)
    ):
        yield PairRow(
            **own,
            instance=number,
            sentence=pair.sentence,
            good=" ".join(pair.good),
            bad=" ".join(pair.bad),
            kind=pair.kind,
            distance=pair.distance,
            attractors=pair.attractors,
            log_good=logs[0],
            log_bad=logs[1],
        )
