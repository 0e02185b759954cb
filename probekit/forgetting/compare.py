"""Compare: two checkpoints or more, the same questions, and what changed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from probekit import doors
from probekit.corpora.passage import Context, Corpus
from probekit.errors import InputError, ModelError
from probekit.forgetting.comparison import KEYS, TABLES, Comparison, last_rows
from probekit.forgetting.decompose import decompose
from probekit.forgetting.layers import layer_pairs, partners
from probekit.forgetting.lost_words import common
from probekit.forgetting.measures import expected_layer, retention
from probekit.forgetting.sides import Sides, counts, mean_scores
from probekit.forgetting.similarity import few_dimensions, similarities
from probekit.forgetting.verdict import kind, verdict
from probekit.forgetting.where import where
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
from probekit.probes.fit import FitSettings, Fitted, fit_together
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


@reporting
def compare(
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
    """What was known before and is not after, layer by layer, with intervals and p-values.

    Both sides read the same passages and answer the same instances, with probes of the same seeds,
    fitted together.

    Args: before: States, or the name or path of a checkpoint. after: the checkpoint or checkpoints
        to compare with it. tasks: as for `probe`. corpus: as for `probe`. probe: the kind of probe.
        seeds: a probe a layer and checkpoint for each, as for `probe`; two at least for intervals
        that carry their
            spread.
        correction: of p-values across all cells, see `correction.adjust`.
        floor: the baseline above which retention counts.
        extract_settings: how checkpoints by name read.
        fit_settings: how probes are trained.
        allow_modified: accept corpus files that differ from their checksum; the results are marked.
        progress: True for bars on standard error, False for silence, or a function that is called
            with the stage, the units done and the units there are.
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
    found: dict[str, Rows] = {name: [] for name in TABLES}
    warnings: list[str] = []
    started = time.perf_counter()
    seconds: dict[str, float] = {}
    measurements: list[Measurement] = []
    plans = plan([first, *others], tasks, corpus, extract_settings, allow_modified, report)
    n_tasks = sum(len(planned.questions) for planned in plans)
    corpora = names_of_corpora([planned.corpus for planned in plans])
    for planned, corpus_name in zip(plans, corpora, strict=True):
        if len(planned.checkpoints) != 1 + len(others):
            raise InputError(
                "the states to compare are of different texts or labels: extract both from one corpus"
            )
        warnings += planned.warnings
        for context, asked in planned.contexts():
            checkpoints = _read(planned, context, warnings)
            shown = names_of_states(checkpoints)
            if len(set(shown[1:])) < len(shown) - 1:
                raise InputError("one of the checkpoints after is given twice")
            questions = _common(asked, checkpoints, warnings)
            with timed(seconds, "fit"):
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
                sides = _sides(checkpoints[0], states, fitted[0], probes, warnings)
                cells = n_tasks * len(others) * (len(sides[0].layers) + 1)
                permutations = paired.permutations_for(cells)
                about = {"before": shown[0], "after": name, "corpus": corpus_name}
                about |= _fingerprints(checkpoints[0], states) | identity.of_fit(settings)
                warnings += _add_pair(
                    found,
                    about,
                    checkpoints[0],
                    states,
                    sides,
                    floors,
                    correction,
                    permutations,
                    seconds,
                )
            for states in checkpoints:
                measurements.append(measurement_of(states, questions, {"extract": states.seconds}))
    import pandas as pd

    tables = {name: pd.DataFrame(rows) for name, rows in found.items()}
    family = _adjust(tables["comparison"], tables["best"], correction)
    tables["decomposition"]["kind"] = [
        kind(parts) for _, parts in tables["decomposition"].iterrows()
    ]
    tables["best"] = _with_verdicts(tables)
    run = Run(
        versions=versions(),
        settings={**fit_facts((probe,), seeds, settings), "correction": correction, "floor": floor},
        counts={"corrected_over": family},
        seconds={"all": time.perf_counter() - started, **seconds},
        measurements=tuple(measurements),
    )
    return Comparison(**tables, run=run, warnings=tuple(warnings))


def _fingerprints(before: States, after: States) -> dict[str, str]:
    """The columns that identify two checkpoints and the corpus that both read."""
    return {
        "before_fingerprint": identity.of_states(before)["model_fingerprint"],
        "after_fingerprint": identity.of_states(after)["model_fingerprint"],
        "corpus_fingerprint": identity.of_corpus(before.corpus)["corpus_fingerprint"],
    }


def _adjust(comparison: pd.DataFrame, best: pd.DataFrame, correction: Correction) -> int:
    """Put adjusted p-values into both tables; returns how many they are adjusted for.

    They are one family: the cells of `comparison`, and best layers that differ in number before and
    after. A cell that stands in both tables counts once.
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
        at_best, at_last = (
            parts.loc[(*task, best["layer_probed"])],
            parts.loc[(*task, last["layer"])],
        )
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
    """The checkpoints' states, the first being what the others are compared with; those that fail
    are named."""
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
                f"{states.model} has {states.n_layers} layers and {found[0].model} {found[0].n_layers}: they stand "
                "side by side by relative depth"
            )
        if states.dim != found[0].dim:
            warnings.append(
                f"{states.model} is {states.dim} wide and {found[0].model} {found[0].dim}: a rotation cannot be told "
                "from a re-encoding (Procrustes needs one width; a ridge map is fitted)"
            )
    return found


def _require_same_layers(first: States, other: States) -> None:
    """Layers that mean different things are not compared."""
    codes = [states.manifest["layers"] for states in (first, other)]
    if codes[0] != codes[1]:
        one, two = map(explain_layers, codes)
        raise InputError(
            f"the layers of {first.model} and {other.model} mean different things, so that their difference would too "
            f"({one} | {two}): probe both, and compare their best layers"
        )


def _sides(
    before: States,
    after: States,
    fitted_before: Sequence[Fitted],
    fitted_after: Sequence[Fitted],
    warnings: list[str],
) -> list[Sides]:
    layers = tuple(layer_pairs(before, after))
    alone = [a for a in before.layers if a not in dict(layers)]
    if alone:
        warnings.append(
            f"layers {', '.join(map(str, alone))} of {before.model} have no partner in {after.model}"
        )
    alike = before.n_layers == after.n_layers
    origins = dict(partners(after, before))
    return [
        Sides(a.question, layers, a, b, alike, origins)
        for a, b in zip(fitted_before, fitted_after, strict=True)
    ]


def _common(
    questions: Sequence[Question], checkpoints: Sequence[States], warnings: list[str]
) -> list[Question]:
    kept = []
    for d in questions:
        whole, dropped = common(d, checkpoints)
        kept.append(whole)
        if dropped:
            warnings.append(
                f"{d.task.name}: {dropped:,} instances are left out, a checkpoint has no subword for one of their words"
            )
    return kept


def _floor_score(question: Question, corpus: Corpus, floor: Floor) -> float:
    return float(mean_scores(question, "test", BASELINES[floor](question, corpus)[None, None])[0])


def _add_pair(
    found: dict[str, Rows],
    about: dict[str, str],
    before: States,
    after: States,
    sides: Sequence[Sides],
    floors: Sequence[float],
    correction: Correction,
    permutations: int,
    seconds: dict[str, float],
) -> list[str]:
    """Add the rows of one checkpoint against the first to every table; returns what a reader must
    know of them."""

    def add(table: str, known: dict[str, str], rows: Rows) -> None:
        found[table] += [{**known, **row} for row in rows]

    asked = {}
    for side, floor in zip(sides, floors, strict=True):
        task = side.question.task
        known = {
            **about,
            "task": task.name,
            "task_fingerprint": identity.of_task(task)["task_fingerprint"],
        }
        asked[task.name] = known
        with timed(seconds, "bootstrap and permutation"):
            add("comparison", known, _cells(side, floor, permutations))
            best = _best(side, floor, permutations)
            # The best layer before has no partner where the other model has fewer: its neighbour
            # stands for it.
            layer = min((a for a, _ in side.layers), key=lambda a: abs(a - best["layer_before"]))
            add("best", known, [{**best, "layer_probed": layer}])
            add("by_label", known, where(side, layer, before.corpus, correction))
    with timed(seconds, "decomposition"):
        for row in decompose(before, after, sides):
            add("decomposition", asked[row["task"]], [row])
    with timed(seconds, "similarity"):
        rows = similarities(before, after)
        known = {column: value for column, value in about.items() if column != "fit_fingerprint"}
        add("similarity", {**known, "context": before.context}, rows)
    return list(few_dimensions(before.model, after.model, rows))


def _cells(side: Sides, floor: float, permutations: int) -> Rows:
    """A row a pair of layers."""
    first, second = side.places
    dev = [
        mean_scores(side.question, "dev", fitted.dev_predictions)[places]
        for fitted, places in ((side.before, first), (side.after, second))
    ]
    scored = _scored(
        side, side.before.predictions[first], side.after.predictions[second], floor, permutations
    )
    return [
        {**row, "layer": a, "layer_after": b, "dev_before": x, "dev_after": y}
        for row, (a, b), x, y in zip(scored, side.layers, *dev, strict=True)
    ]


def _best(side: Sides, floor: float, permutations: int) -> dict[str, Any]:
    """The best layer of each side, chosen on dev, against each other."""
    fits = (side.before, side.after)
    i, j = (
        max(places, key=mean_scores(side.question, "dev", fitted.dev_predictions).__getitem__)
        for fitted, places in zip(fits, side.candidates, strict=True)
    )
    (row,) = _scored(
        side, side.before.predictions[[i]], side.after.predictions[[j]], floor, permutations
    )
    depth = [
        expected_layer(
            np.maximum.accumulate(mean_scores(side.question, "test", fitted.predictions)),
            fitted.layers,
        )
        for fitted in fits
    ]
    layers = {"layer_before": side.before.layers[i], "layer_after": side.after.layers[j]}
    return {**row, **layers, "expected_layer_before": depth[0], "expected_layer_after": depth[1]}


def _scored(
    side: Sides, before: np.ndarray, after: np.ndarray, floor: float, permutations: int
) -> Rows:
    """Scores and their difference, a row a cell, from predictions `(cells, seeds, n)` of either
    side."""
    question, metric = side.question, METRICS[side.question.task.metric]
    first, second = counts(question, "test", [before, after])
    shared = paired.resampling(first.shape[2], permutations=permutations)
    found = paired.difference(metric, first, second, shared)
    scores = [metric.score(counted.sum(axis=2)).mean(axis=1) for counted in (first, second)]
    floors = np.full(len(before), floor)
    kept, kept_low, kept_high = (
        retention(scores[0], scores[0] + change, floors, found.detectable)
        for change in (found.value, found.low, found.high)
    )
    return [
        {
            "probe": side.before.head,
            "metric": metric.name,
            "score_before": scores[0][i],
            "score_after": scores[1][i],
            "delta": found.value[i],
            "ci_low": found.low[i],
            "ci_high": found.high[i],
            "p_value": found.p_value[i],
            "retention": kept[i],
            "retention_low": kept_low[i],
            "retention_high": kept_high[i],
            "detectable": found.detectable[i],
            "floor": floor,
            "n_train": len(question.splits["train"]),
            "n_test": len(question.splits["test"]),
            "seeds": before.shape[1],
        }
        for i in range(len(before))
    ]
