"""Replicate: run a paper's settings, and put what is measured beside what it published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any, cast

from probekit import doors
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.forgetting.compare import compare
from probekit.forgetting.comparison import Comparison
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.names import ALIASES
from probekit.probes.arguments import ModelOrStates, Seeds, check_settings, reading
from probekit.probes.fit_settings import FitSettings
from probekit.probes.probe import probe
from probekit.probes.scores import Scores
from probekit.progress import Progress, reporting
from probekit.replications.quantities import QUANTITIES, Asked, Layer, Probed
from probekit.replications.replicated import Replicated, ReplicationRow
from probekit.replications.replication import Published, Replication, load_replication
from probekit.states.settings import ExtractSettings
from probekit.states.states import States


@reporting
def replicate(  # noqa: PLR0913 - a public verb
    name: str | Path,
    *,
    model: ModelOrStates | None = None,
    before: ModelOrStates | None = None,
    after: ModelOrStates | None = None,
    corpus: str | Path | Corpus | None = None,
    seeds: Seeds | None = None,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Replicated:
    """Run the settings of a paper on what is free, and put its figures beside what is measured.

    Args:
        name: a replication that `probekit replications` lists, or the path of a TOML file.
        model: the checkpoint, by default the paper's: a name, a path, a loaded transformers model,
            or States. Not where a paper compares two.
        before, after: the checkpoints before and after fine-tuning, where a paper compares two;
            `before` is by default the paper's.
        corpus: a name, a path or a Corpus, by default the file's.
        seeds: as for `probe`, by default the file's.
        extract_settings: how checkpoints are read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)`, `subwords="first"` …),
            as for `extract`.

    Raises InputError for an unknown name, for `model` where the paper compares two checkpoints, and
    for `before` or `after` where it does not; and whatever `probe` or `compare` raise.
    """
    paper = load_replication(name)
    checkpoints = _checkpoints(paper, {"model": model, "before": before, "after": after})
    if corpus is not None:
        corpus = doors.of_type("corpus", corpus, (str, Path, Corpus))
    check_settings(fit_settings, allow_modified)
    given: dict[str, Any] = {
        "corpus": paper.corpus if corpus is None else corpus,
        "seeds": doors.seeds("seeds", paper.seeds if seeds is None else seeds),
        "extract_settings": reading(replicate, extract_settings, options),
        "fit_settings": fit_settings,
        "allow_modified": allow_modified,
        "progress": progress,
    }
    if paper.verb == "probe":
        wanted: dict[str, Any] = dict.fromkeys(paper.evidence, True)
        (subject,) = checkpoints
        scores = probe(subject, paper.tasks, probes=paper.probes, **wanted, **given)
        return _replicated(paper, scores, "{model}")
    first, second = checkpoints
    comparison = compare(first, second, paper.tasks, probe=paper.probes[0], **given)
    return _replicated(paper, comparison, "{after}, {before} before")


def _replicated(paper: Replication, found: Scores | Comparison, named: str) -> Replicated:
    """The figures of a paper beside what was found.

    Args:
        paper: the replication.
        found: what `probe` or `compare` found.
        named: the checkpoints, by the columns that name them.
    """
    measured = next(iter(found.tables.values())).iloc[0]
    model, corpus = named.format_map(measured), str(measured["corpus"])
    readable = Probed(found) if isinstance(found, Scores) else found
    rows = [_row(figure, readable, model, corpus) for figure in paper.published]
    described = {key: getattr(paper, key) for key in ("title", "citation", "url", "question")}
    settings = {
        "replication": paper.name,
        "paper": described,
        "differences": [*_changed(paper, model, corpus), *paper.differences],
    }
    run = replace(found.run, settings={**found.run.settings, **settings})
    return Replicated(cast(Any, rows), found=found, run=run, warnings=found.warnings)


def _checkpoints(paper: Replication, given: Mapping[str, Any]) -> list[ModelOrStates]:
    """The checkpoints that the verb of the paper takes, in order, by the names of parameters.

    Raises InputError for anything else than a checkpoint, for one too many, and where there is no
    checkpoint after fine-tuning.
    """
    wanted = ("before", "after") if paper.verb == "compare" else ("model",)
    for parameter, checkpoint in given.items():
        if checkpoint is not None and parameter not in wanted:
            what = "one checkpoint" if wanted == ("model",) else "two checkpoints"
            raise InputError(
                f"{parameter} is given, but {paper.name} takes {what}: {' and '.join(wanted)}"
            )
    found: list[ModelOrStates] = []
    for parameter in wanted:
        checkpoint = given[parameter]
        if checkpoint is None and parameter == "after":
            raise InputError(
                f"{paper.name} compares two checkpoints: "
                "give your fine-tuned one, after='./my-finetuned'"
            )
        checkpoint = paper.model if checkpoint is None else as_loaded(checkpoint)
        found.append(doors.of_type(parameter, checkpoint, (str, Path, LoadedModel, States)))
    return found


def _changed(paper: Replication, model: str, corpus: str) -> list[str]:
    """What the user changed, as differences."""
    found = []
    models = list(dict.fromkeys(figure.model for figure in paper.published))
    if not any(_is(model, named) for named in models):
        listed = ", ".join(models)
        found.append(f"Model: {model}; the paper's: {listed}.")
    if corpus != paper.corpus:
        found.append(f"Corpus: {corpus}, where this replication takes {paper.corpus}.")
    return found


def _is(model: str, named: str) -> bool:
    """Whether a model's name is `named`, an alias or not, or what the alias stands for."""
    return model == named or (named in ALIASES and model == ALIASES[named].hub_id)


def _row(figure: Published, found: Probed | Comparison, model: str, corpus: str) -> ReplicationRow:
    """One figure, and what is measured beside it."""
    quantity = QUANTITIES[figure.quantity]
    best_of = figure.best_of or figure.probe
    asked = Asked(figure.task, figure.probe, cast(Layer, figure.layer), best_of)
    measured = quantity.read(found, asked)
    same_data = corpus == figure.comparable_on
    return ReplicationRow(
        quantity=figure.quantity,
        task=figure.task,
        probe=figure.probe,
        layer=measured.layer,
        measured=float(measured.value),
        ci_low=float(measured.low),
        ci_high=float(measured.high),
        published=nan if figure.value is None else float(figure.value),
        unit=quantity.unit,
        compare="number" if same_data and _is(model, figure.model) else "pattern",
        model=model,
        corpus=corpus,
        published_model=figure.model,
        published_corpus=figure.corpus,
        setting=figure.setting,
        finding=figure.finding,
        source=figure.source,
    )
