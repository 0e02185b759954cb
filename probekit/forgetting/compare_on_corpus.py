"""Compare on a corpus: checkpoints are read and probed, and each is compared with the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probekit.forgetting.compare_two import compare_two
from probekit.forgetting.compared_states import check_layers, names_of_compared, read_checkpoints
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.findings import Findings
from probekit.forgetting.floor import Floor, floor_score
from probekit.forgetting.layers import without_partner
from probekit.forgetting.lost_words import common_questions
from probekit.forgetting.probe_pair import probe_pairs
from probekit.probes import identity
from probekit.probes.fit import fit_together
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.plan import Plan
from probekit.probes.record import measurement_of
from probekit.probes.refits import with_refits
from probekit.progress import Progress
from probekit.states.states import States
from probekit.stats.correction import Correction


@dataclass(frozen=True)
class CompareSettings:
    """How checkpoints are compared.

    Attributes:
        probe: the kind of probe.
        seeds: of the probes.
        fit: how probes are trained.
        resample_train: how many resamples of the training sentences they are refitted on.
        correction: of p-values.
        floor: the baseline above which retention counts.
        n_comparisons: tasks times checkpoints after.
        progress: is called with the stage, the units done and the number of units.
    """

    probe: str
    seeds: tuple[int, ...]
    fit: FitSettings
    resample_train: int
    correction: Correction
    floor: Floor
    n_comparisons: int
    progress: Progress


def compare_on_corpus(found: Findings, plan: Plan, corpus: str, settings: CompareSettings) -> None:
    """Add what is found on one corpus.

    Args:
        found: what was found so far.
        plan: the checkpoints, the first before and the others after, and the questions.
        corpus: the corpus' name in results.
        settings: how checkpoints are compared.

    Raises ModelError where the first checkpoint or all others cannot be read, InputError where
    layers mean different things or a checkpoint is given twice, TaskError where a split has no
    instance left.
    """
    found.warnings += plan.warnings
    contexts = plan.contexts()
    if not contexts:
        return  # every task is of behaviour
    read = read_checkpoints(plan, [*contexts], found.warnings)
    for checkpoints, asked in zip(read, contexts.values(), strict=True):
        check_layers(checkpoints, found.warnings)
        names = names_of_compared(checkpoints)
        questions = common_questions(asked, checkpoints, found.warnings)
        with found.timed("fit"):
            fitted = fit_together(
                checkpoints,
                questions,
                probe=settings.probe,
                seeds=settings.seeds,
                settings=settings.fit,
                progress=settings.progress,
            )
        if settings.resample_train:
            with found.timed("refit"):
                fitted = with_refits(
                    fitted, checkpoints, settings.resample_train, settings.fit, settings.progress
                )
        _compare_with_first(found, corpus, names, checkpoints, fitted, settings)
        for states in checkpoints:
            measurement = measurement_of(states, questions, {"extract": states.seconds})
            found.measurements.append(measurement)


def _compare_with_first(
    found: Findings,
    corpus: str,
    names: Sequence[str],
    checkpoints: Sequence[States],
    fitted: Sequence[Sequence[Fitted]],
    settings: CompareSettings,
) -> None:
    """Compare each checkpoint with the first; names, states and probes are in one order."""
    before, *others = checkpoints
    probes_before = fitted[0]
    floors = [floor_score(one.question, before.corpus, settings.floor) for one in probes_before]
    fit_fingerprint = identity.of_fit(settings.fit)["fit_fingerprint"]
    for name, after, probes_after in zip(names[1:], others, fitted[1:], strict=True):
        about = Compared(
            before=names[0],
            after=name,
            corpus=corpus,
            before_fingerprint=identity.of_states(before)["model_fingerprint"],
            after_fingerprint=identity.of_states(after)["model_fingerprint"],
            corpus_fingerprint=identity.of_corpus(before.corpus)["corpus_fingerprint"],
        )
        both = list(zip(probes_before, probes_after, strict=True))
        pairs = probe_pairs(about, (before, after), both, floors, fit_fingerprint)
        found.warnings += without_partner(before, after)
        compare_two(
            found, about, (before, after), pairs, settings.n_comparisons, settings.correction
        )
