"""Compare on a corpus: checkpoints are read and probed, and each is compared with the first."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.forgetting.compare_settings import CompareSettings
from probekit.forgetting.compare_two import Measured, compare_two
from probekit.forgetting.compared_states import check_layers, names_of_compared, read_checkpoints
from probekit.forgetting.comparison_rows import Compared
from probekit.forgetting.findings import Findings
from probekit.forgetting.floor import floor_score
from probekit.forgetting.layers import without_partner
from probekit.forgetting.lost_words import common_questions, common_trees
from probekit.forgetting.probe_pair import probe_pairs
from probekit.forgetting.probed_together import Probed, probed_together
from probekit.probes import identity
from probekit.probes.plan import Plan, labels_and_trees
from probekit.probes.record import measurement_of, seconds_of
from probekit.states.states import States


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
    contexts = plan.everything()
    if not contexts:
        return  # every task is of behaviour
    read = read_checkpoints(plan, [*contexts], found.warnings)
    for checkpoints, asked in zip(read, contexts.values(), strict=True):
        check_layers(checkpoints, found.warnings)
        names = names_of_compared(checkpoints)
        labels, trees = labels_and_trees(asked)
        questions = common_questions(labels, checkpoints, found.warnings)
        trees = common_trees(trees, checkpoints, found.warnings)
        probed = probed_together(found, checkpoints, questions, trees, settings.probing)
        _compare_with_first(found, corpus, names, checkpoints, probed, settings)
        for states in checkpoints:
            seconds = {"extract": seconds_of(states)}
            measurement = measurement_of(states, [*questions, *trees], seconds)
            found.measurements.append(measurement)


def _compare_with_first(
    found: Findings,
    corpus: str,
    names: Sequence[str],
    checkpoints: Sequence[States],
    probed: Sequence[Probed],
    settings: CompareSettings,
) -> None:
    """Compare each checkpoint with the first; names, states and what was found are in one order."""
    before, *others = checkpoints
    probes_before, sample = probed[0].trained(), probed[0].sample()
    floors = [floor_score(one.question, before.corpus, settings.floor) for one in probes_before]
    fit_fingerprint = identity.of_fit(settings.probing.fit)["fit_fingerprint"]
    for name, after, found_after in zip(names[1:], others, probed[1:], strict=True):
        about = Compared(
            before=names[0],
            after=name,
            corpus=corpus,
            before_fingerprint=identity.of_states(before)["model_fingerprint"],
            after_fingerprint=identity.of_states(after)["model_fingerprint"],
            corpus_fingerprint=identity.of_corpus(before.corpus)["corpus_fingerprint"],
        )
        both = list(zip(probes_before, found_after.trained(), strict=True))
        pairs = probe_pairs(about, (before, after), both, floors, fit_fingerprint)
        found.warnings += without_partner(before, after)
        compare_two(
            found,
            about,
            (before, after),
            Measured(found_after.through(), (sample, found_after.sample())),
            pairs,
            settings,
        )
