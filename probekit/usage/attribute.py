"""Attribute: which words, and which lower-layer states, a probe's decisions rest on."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, TaskError, unknown
from probekit.probes.arguments import ModelOrStates, check_settings, reading, subjects_of
from probekit.probes.fit_settings import FitSettings, fit_settings_of
from probekit.probes.heads import head_of
from probekit.probes.identity import name_of
from probekit.probes.plan import plan
from probekit.probes.record import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Run
from probekit.states.settings import ExtractSettings
from probekit.tasks.question import Question
from probekit.tasks.task import Task, load_task
from probekit.usage.attribution import Attribution
from probekit.usage.attribution_rows import Source, tables_of
from probekit.usage.explain import explain
from probekit.usage.on_top import Trained
from probekit.usage.packages import require_package
from probekit.usage.wanted import Wanted, of_a_corpus, of_a_text

Baseline = Literal["pad", "mean", "zero"]


@reporting
def attribute(  # noqa: PLR0913 - a public verb
    model: ModelOrStates,
    task: str | Path | Task,
    text: str | None = None,
    *,
    at: str | int | None = None,
    label: str | None = None,
    corpus: str | Path | Corpus | None = None,
    limit: int = 200,
    baseline: Baseline | None = None,
    probe: str = "linear",
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Attribution:
    """Ask which input words, and which states below it, the decisions of a probe rest on.

    A probe is trained as usual and put on top of the running model. Integrated gradients over the
    embeddings of the words (Sundararajan et al. 2017; captum) attribute the score of a label, its
    logit less the mean of all logits, to words; the attributions sum to the difference that the
    words make.

    Args:
        model: a checkpoint: a name, a path, or a loaded transformers model; or states that were
            extracted from one, or from a torch module.
        task: the probe's task.
        text: the text that is explained, its words with spaces between them. None for test
            sentences of the corpus: the means by label and by place, beside those of the same
            architecture with random weights.
        at: the word, span or pair of the text that is explained, by the numbers of words from 0
            on: `2`, `0-2`, `0-2,4`. By default every word, or the whole text.
        label: the label whose score is explained; by default the one that the probe gives, and in a
            corpus the gold label.
        corpus: what the probe is trained on: a name, a path or a Corpus; by default that of the
            task.
        limit: most sentences of the corpus (documents, for tasks that read these).
        baseline: what words are compared with: `pad`, the padding subword; `mean`, the mean
            embedding; `zero`. By default `pad`, or `mean` where the tokenizer has none.
        probe: the kind of probe.
        extract_settings: how the checkpoint is read; `layers` are those that the probe may read, by
            default all but the embeddings. The best on dev is chosen.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=3` …).

    Raises InputError for a model that no gradient passes through, a layer that is not there, and a
    word that the text does not have; TaskError where the corpus cannot carry the task.
    """
    started = time.perf_counter()
    report = doors.function("progress", progress)
    subjects = subjects_of("model", model)
    if len(subjects) > 1:
        raise InputError(f"model takes one checkpoint, not {len(subjects)}")
    doors.of_type("task", task, (str, Path, Task))
    if corpus is not None:
        doors.of_type("corpus", corpus, (str, Path, Corpus))
    doors.at_least_one("limit", limit)
    if baseline is not None:
        doors.choice("baseline", baseline, get_args(Baseline))
    kind = head_of(doors.of_type("probe", probe, str)).name
    settings = reading(attribute, extract_settings, options)
    check_settings(fit_settings, allow_modified)
    require_package("captum", "attribute")
    loaded = task if isinstance(task, Task) else load_task(task)
    if loaded.is_structural:
        raise TaskError(
            f"structural tasks ({loaded.name}) have no labels to explain: take another task"
        )
    given = _given(loaded, text, at, label)
    (planned,) = plan(subjects, [loaded], corpus, settings, allow_modified, report)
    (question,) = planned.questions
    asked = given or of_a_corpus(question, planned.corpus, limit)
    if label is not None:
        asked = _with_label(asked, question, label)
    (states,) = planned.checkpoints[0][1]([loaded.context])
    trained = Trained(question, kind, fit_settings_of(fit_settings, settings), report)
    explanation = explain(trained, states, asked, baseline, of_text=given is not None)
    about = {"corpus": name_of(planned.corpus), "task": loaded.name, "probe": kind}
    run = Run(
        versions={**versions(), "captum": version("captum")},
        settings={**fit_facts((kind,), (0,), trained.settings), "layer": explanation.layer},
        counts={"asked": len(asked.decisions), "explained": len(explanation.found)},
        seconds={"all": time.perf_counter() - started},
        measurements=(measurement_of(states, [question], {"extract": states.seconds}),),
    )
    return Attribution(
        **tables_of(explanation, Source(asked, question.classes, about)),
        run=run,
        warnings=(*planned.warnings, *states.warnings, *explanation.warnings),
    )


def _given(task: Task, text: Any, at: Any, label: Any) -> Wanted | None:
    """The decisions about a text; None without one. Raises InputError for arguments of another
    type."""
    doors.optional("label", label, str)
    if at is not None:
        at = str(doors.of_type("at", at, (str, int)))
    if doors.optional("text", text, str) is not None:
        return of_a_text(task, text, at)
    for name, value in (("at", at), ("label", label)):
        if value is not None:
            raise InputError(
                f"{name} needs text='…': of a corpus, test instances are explained with their gold "
                "labels"
            )
    return None


def _with_label(asked: Wanted, question: Question, label: str) -> Wanted:
    """The decisions with a label that is explained in place of the one that the probe gives.

    Raises InputError for a label that the probe does not know.
    """
    if label not in question.classes:
        raise InputError(unknown("value of label", label, question.classes))
    number = question.classes.index(label)
    return replace(asked, decisions=[replace(one, label=number) for one in asked.decisions])
