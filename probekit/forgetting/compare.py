"""Compare: what changed between a checkpoint and those after it, by the same questions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from probekit import doors
from probekit.corpora.passage import Context, Corpus
from probekit.errors import InputError, ModelError
from probekit.forgetting.breakdown import breakdown
from probekit.forgetting.comparison import KEYS, TABLES, Comparison, last_rows
from probekit.forgetting.decompose import decompose
from probekit.forgetting.layers import layer_pairs, partners
from probekit.forgetting.lost_words import common_instances
from probekit.forgetting.measures import expected_layer, retention
from probekit.forgetting.probe_pair import ProbePair, counts, mean_scores
from probekit.forgetting.similarity import few_dimensions, similarities
from probekit.forgetting.verdict import kind, verdict
from probekit.models.layers import explain_layers
from probekit.probes import identity
from probekit.probes.arguments import (
    CorpusNames,
    ModelOrStates,
    Seeds,
    Subject,
    TaskNames,
    check_settings,
    names_of,
    reading,
    subjects_of,
)
from probekit.probes.baselines import BASELINES
from probekit.probes.fit import fit_together
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.heads import head_of
from probekit.probes.identity import names_of_corpora, names_of_states
from probekit.probes.plan import Plan, plan
from probekit.probes.probe import fit_facts, measurement_of, versions
from probekit.progress import Progress, reporting
from probekit.results.run import Measurement, Run
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.stats import paired
from probekit.stats.correction import Correction, adjust
from probekit.stats.metrics import METRICS
from probekit.tasks.question import Question

if TYPE_CHECKING:
    import pandas as pd

Floor = Literal["majority", "lexical"]
Rows = list[dict[str, Any]]
SEEDS = (0, 1, 2)


class _Tests(NamedTuple):
    """How differences are tested: so many permutations, and the correction of p-values."""

    permutations: int
    correction: Correction


@dataclass
class _Found:
    """What was found so far.

    Attributes:
        rows: of each table.
        warnings: what a reader must know.
        seconds: by stage.
        measurements: what was read.
    """

    rows: dict[str, Rows] = field(default_factory=lambda: {name: [] for name in TABLES})
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    measurements: list[Measurement] = field(default_factory=list)

    def add(self, table: str, columns: dict[str, str], rows: Rows) -> None:
        """Add rows to a table, each with the columns that they share."""
        for row in rows:
            self.rows[table].append({**columns, **row})


@reporting
def compare(  # noqa: PLR0913 - a public verb
    before: ModelOrStates,
    after: Subject,
    tasks: TaskNames = "all",
    *,
    corpus: CorpusNames | None = None,
    probe: str = "linear",
    seeds: Seeds = SEEDS,
    correction: Correction = "holm",
    floor: Floor = "majority",
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress | bool = True,
    **options: Any,
) -> Comparison:
    """What the checkpoint before knew and the one after does not, layer by layer.

    Both read the same passages and answer the same instances, with probes of the same seeds, fitted
    together. Differences have intervals and p-values.

    Args:
        before: States, or the name or path of a checkpoint.
        after: the checkpoint or checkpoints to compare with it.
        tasks: as for `probe`.
        corpus: as for `probe`.
        probe: the kind of probe.
        seeds: one probe per layer and checkpoint for each, as for `probe`; at least two, for
            intervals that cover the spread between seeds.
        correction: of p-values across all cells, see `correction.adjust`.
        floor: the baseline above which retention counts.
        extract_settings: how checkpoints given by name are read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the number of units.
        options: change single fields of `extract_settings` (`layers=(0, 6)`, `subwords="first"` …),
            as for `extract`.

    Raises InputError where states are of different texts or their layers mean different things,
    ModelError where `before`, or every checkpoint after it, cannot be read, and whatever `probe`
    raises.
    """
    doors.of_type("before", before, (str, Path, States))
    first, others = subjects_of("before", before)[0], subjects_of("after", after)
    tasks, corpus = names_of(tasks, corpus)
    probe = head_of(doors.of_type("probe", probe, str)).name
    doors.choice("correction", correction, get_args(Correction))
    doors.choice("floor", floor, get_args(Floor))
    extract_settings = reading(compare, extract_settings, options)
    check_settings(fit_settings, allow_modified)
    report = doors.function("progress", progress)
    seeds = doors.seeds("seeds", seeds)
    settings = fit_settings or FitSettings()
    found = _Found()
    started = time.perf_counter()
    plans = plan(
        [first, *others], tasks, corpus, extract_settings, allow_modified, report, may_fail=others
    )
    n_tasks = sum(len(planned.questions) for planned in plans)
    corpora = names_of_corpora([planned.corpus for planned in plans])
    for planned, corpus_name in zip(plans, corpora, strict=True):
        if len(planned.checkpoints) != 1 + len(others):
            raise InputError(
                "the states to compare are of different texts or labels: "
                "extract both from one corpus"
            )
        found.warnings += planned.warnings
        for context, planned_questions in planned.contexts():
            checkpoints = _read(planned, context, found.warnings)
            shown = names_of_states(checkpoints)
            if len(set(shown[1:])) < len(shown) - 1:
                raise InputError("one of the checkpoints after is given twice")
            questions = _common(planned_questions, checkpoints, found.warnings)
            with timed(found.seconds, "fit"):
                fitted = fit_together(
                    checkpoints,
                    questions,
                    probe=probe,
                    seeds=seeds,
                    settings=settings,
                    progress=report,
                )
            floors = [
                _floor_score(question, checkpoints[0].corpus, floor) for question in questions
            ]
            for states, probes, name in zip(checkpoints[1:], fitted[1:], shown[1:], strict=True):
                pairs = _probe_pairs(checkpoints[0], states, fitted[0], probes, found.warnings)
                cells = n_tasks * len(others) * (len(pairs[0].layers) + 1)
                tests = _Tests(paired.permutations_for(cells), correction)
                about = {"before": shown[0], "after": name, "corpus": corpus_name}
                about |= _fingerprints(checkpoints[0], states) | identity.of_fit(settings)
                _add_checkpoint(found, about, checkpoints[0], states, pairs, floors, tests)
            for states in checkpoints:
                seconds = {"extract": states.seconds}
                found.measurements.append(measurement_of(states, questions, seconds))
    import pandas as pd

    tables = {name: pd.DataFrame(rows) for name, rows in found.rows.items()}
    family = _adjust(tables["comparison"], tables["best"], correction)
    tables["decomposition"]["kind"] = [
        kind(parts) for _, parts in tables["decomposition"].iterrows()
    ]
    tables["best"] = _with_verdicts(tables)
    run = Run(
        versions=versions(),
        settings={**fit_facts((probe,), seeds, settings), "correction": correction, "floor": floor},
        counts={"corrected_over": family},
        seconds={"all": time.perf_counter() - started, **found.seconds},
        measurements=tuple(found.measurements),
    )
    return Comparison(**tables, run=run, warnings=tuple(found.warnings))


def _fingerprints(before: States, after: States) -> dict[str, str]:
    """The columns that identify two checkpoints and the corpus that both read."""
    return {
        "before_fingerprint": identity.of_states(before)["model_fingerprint"],
        "after_fingerprint": identity.of_states(after)["model_fingerprint"],
        "corpus_fingerprint": identity.of_corpus(before.corpus)["corpus_fingerprint"],
    }


def _adjust(comparison: pd.DataFrame, best: pd.DataFrame, correction: Correction) -> int:
    """Put adjusted p-values into both tables; returns the size of their family.

    The family is the cells of `comparison`, and best layers that differ in number before and after.
    A cell in both tables counts once.
    """
    cells = {
        (*row[list(KEYS)], row["layer"], row["layer_after"]): row["p_value"]
        for _, row in comparison.iterrows()
    }
    best_cells = [
        (*row[list(KEYS)], row["layer_before"], row["layer_after"]) for _, row in best.iterrows()
    ]
    p_values = {**dict(zip(best_cells, best["p_value"], strict=True)), **cells}
    adjusted = dict(
        zip(p_values, adjust(np.array(list(p_values.values())), correction), strict=True)
    )
    comparison["p_adjusted"] = [adjusted[cell] for cell in cells]
    best["p_adjusted"] = [adjusted[cell] for cell in best_cells]
    return len(p_values)


def _with_verdicts(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table of best layers with what became of each task: a kind, and a sentence."""
    parts = tables["decomposition"].set_index([*KEYS, "layer"], drop=False)
    rows = zip(tables["best"].iterrows(), last_rows(tables["comparison"]).iterrows(), strict=True)
    kinds, sentences = [], []
    for (_, best), (_, last) in rows:
        task = tuple(best[list(KEYS)])
        at_best = parts.loc[(*task, best["layer_probed"])]
        at_last = parts.loc[(*task, last["layer"])]
        kinds.append(at_best["kind"])
        sentences.append(verdict(best, last, at_best, at_last))
    return tables["best"].assign(kind=kinds, verdict=sentences)


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds of the block to those of `stage`."""
    started = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - started


def _read(plan: Plan, context: Context, warnings: list[str]) -> list[States]:
    """The states of each checkpoint, first the one that the others are compared with.

    A checkpoint that fails is left out, with a warning.
    """
    (_, first), *others = plan.checkpoints
    found = [first(context)]
    for name, states_in in others:
        try:
            found.append(states_in(context))
        except ModelError as error:
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if len(found) == 1:
        raise failed
    for states in found:
        _require_same_layers(found[0], states)
        warnings += states.warnings
        if states.n_layers != found[0].n_layers:
            warnings.append(
                f"{states.model} has {states.n_layers} layers and {found[0].model} has "
                f"{found[0].n_layers}: layers are paired by relative depth"
            )
        if states.dim != found[0].dim:
            warnings.append(
                f"{states.model} is {states.dim} wide and {found[0].model} {found[0].dim}: "
                "a rotation cannot be told from a re-encoding (Procrustes needs one width; "
                "a ridge map is fitted)"
            )
    return found


def _require_same_layers(first: States, other: States) -> None:
    """Raise InputError where the layers of two checkpoints mean different things."""
    codes = [states.manifest["layers"] for states in (first, other)]
    if codes[0] != codes[1]:
        one, two = map(explain_layers, codes)
        raise InputError(
            f"the layers of {first.model} and {other.model} mean different things, "
            f"and so would their difference ({one} | {two}): "
            "probe both, and compare their best layers"
        )


def _probe_pairs(
    before: States,
    after: States,
    fitted_before: Sequence[Fitted],
    fitted_after: Sequence[Fitted],
    warnings: list[str],
) -> list[ProbePair]:
    layers = tuple(layer_pairs(before, after))
    alone = [str(layer) for layer in before.layers if layer not in dict(layers)]
    if alone:
        warnings.append(
            f"layers {', '.join(alone)} of {before.model} have no partner in {after.model}"
        )
    alike = before.n_layers == after.n_layers
    origins = dict(partners(after, before))
    return [
        ProbePair(a.question, layers, a, b, alike, origins)
        for a, b in zip(fitted_before, fitted_after, strict=True)
    ]


def _common(
    questions: Sequence[Question], checkpoints: Sequence[States], warnings: list[str]
) -> list[Question]:
    shared = []
    for question in questions:
        common, dropped = common_instances(question, checkpoints)
        shared.append(common)
        if dropped:
            warnings.append(
                f"{question.task.name}: {dropped:,} instances are left out: "
                "a checkpoint has no subword for one of their words"
            )
    return shared


def _floor_score(question: Question, corpus: Corpus, floor: Floor) -> float:
    return float(mean_scores(question, "test", BASELINES[floor](question, corpus)[None, None])[0])


def _add_checkpoint(
    found: _Found,
    about: dict[str, str],
    before: States,
    after: States,
    pairs: Sequence[ProbePair],
    floors: Sequence[float],
    tests: _Tests,
) -> None:
    """Add the rows of one checkpoint compared with the first to every table."""
    of_task = {}
    for pair, floor in zip(pairs, floors, strict=True):
        task = pair.question.task
        fingerprint = identity.of_task(task)["task_fingerprint"]
        columns = {**about, "task": task.name, "task_fingerprint": fingerprint}
        of_task[task.name] = columns
        with timed(found.seconds, "bootstrap and permutation"):
            found.add("comparison", columns, _cells(pair, floor, tests.permutations))
            best = _best(pair, floor, tests.permutations)
            # Where the other model has fewer layers, the best one before may have no partner: the
            # nearest layer that has one replaces it.
            layer = min((a for a, _ in pair.layers), key=lambda a: abs(a - best["layer_before"]))
            found.add("best", columns, [{**best, "layer_probed": layer}])
            found.add("by_label", columns, breakdown(pair, layer, before.corpus, tests.correction))
    with timed(found.seconds, "decomposition"):
        for row in decompose(before, after, pairs):
            found.add("decomposition", of_task[row["task"]], [row])
    with timed(found.seconds, "similarity"):
        rows = similarities(before, after)
        columns = {**about, "context": before.context}
        del columns["fit_fingerprint"]
        found.add("similarity", columns, rows)
    found.warnings += few_dimensions(before.model, after.model, rows)


def _cells(pair: ProbePair, floor: float, permutations: int) -> Rows:
    """One row per pair of layers."""
    first, second = pair.places
    dev_before = mean_scores(pair.question, "dev", pair.before.dev_predictions)[first]
    dev_after = mean_scores(pair.question, "dev", pair.after.dev_predictions)[second]
    rows = _scored(
        pair, pair.before.predictions[first], pair.after.predictions[second], floor, permutations
    )
    for i, row in enumerate(rows):
        row["layer"], row["layer_after"] = pair.layers[i]
        row["dev_before"], row["dev_after"] = dev_before[i], dev_after[i]
    return rows


def _best(pair: ProbePair, floor: float, permutations: int) -> dict[str, Any]:
    """The best layers before and after, each chosen on dev, compared with each other."""
    fits = (pair.before, pair.after)
    best = []
    for fitted, places in zip(fits, pair.candidates, strict=True):
        dev_scores = mean_scores(pair.question, "dev", fitted.dev_predictions)
        best.append(max(places, key=dev_scores.__getitem__))
    i, j = best
    (row,) = _scored(
        pair, pair.before.predictions[[i]], pair.after.predictions[[j]], floor, permutations
    )
    depth = [
        expected_layer(
            np.maximum.accumulate(mean_scores(pair.question, "test", fitted.predictions)),
            fitted.layers,
        )
        for fitted in fits
    ]
    layers = {"layer_before": pair.before.layers[i], "layer_after": pair.after.layers[j]}
    return {**row, **layers, "expected_layer_before": depth[0], "expected_layer_after": depth[1]}


def _scored(
    pair: ProbePair, before: np.ndarray, after: np.ndarray, floor: float, permutations: int
) -> Rows:
    """Scores and their difference, one row per cell.

    `before` and `after` are predictions `(cells, seeds, n)`.
    """
    question, metric = pair.question, METRICS[pair.question.task.metric]
    first, second = counts(question, "test", [before, after])
    shared = paired.resampling(first.shape[2], permutations=permutations)
    found = paired.difference(metric, first, second, shared)
    scores = [metric.score(counted.sum(axis=2)).mean(axis=1) for counted in (first, second)]
    floors = np.full(len(before), floor)
    retained, retained_low, retained_high = (
        retention(scores[0], scores[0] + change, floors, found.detectable)
        for change in (found.value, found.low, found.high)
    )
    return [
        {
            "probe": pair.before.head,
            "metric": metric.name,
            "score_before": scores[0][i],
            "score_after": scores[1][i],
            "delta": found.value[i],
            "ci_low": found.low[i],
            "ci_high": found.high[i],
            "p_value": found.p_value[i],
            "retention": retained[i],
            "retention_low": retained_low[i],
            "retention_high": retained_high[i],
            "detectable": found.detectable[i],
            "floor": floor,
            "n_train": len(question.splits["train"]),
            "n_test": len(question.splits["test"]),
            "seeds": before.shape[1],
        }
        for i in range(len(before))
    ]
