"""Further: what the same probes are scored on besides, settled before any work.

That is other corpora (see `elsewhere`), and random weights (see `random_control`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from probekit.corpora.passage import Corpus
from probekit.probes.arguments import Named
from probekit.probes.elsewhere import Elsewhere, elsewhere, scored_elsewhere
from probekit.probes.evidence import Found
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted
from probekit.probes.plan import Plan
from probekit.probes.random_control import Models, random_models, random_scores
from probekit.progress import Progress
from probekit.states.reading import require_computable
from probekit.states.settings import ExtractSettings
from probekit.states.states import States


@dataclass(frozen=True)
class Further:
    """What is measured besides on one corpus.

    Attributes:
        others: the corpora tested.
        random: the models with random weights, by the name of the checkpoint.
    """

    others: Sequence[Elsewhere]
    random: Mapping[str, Models]

    def warnings(self) -> list[str]:
        """What a reader must know of the corpora tested."""
        return [warning for other in self.others for warning in other.warnings]

    def measured(
        self,
        name: str,
        states: States,
        trained: Sequence[Fitted],
        settings: FitSettings,
        progress: Progress,
    ) -> Iterable[Found]:
        """What comes of one checkpoint and context.

        Args:
            name: of the checkpoint.
            states: its vectors.
            trained: probes of single layers on them.
            settings: how they were trained.
            progress: called with the stage, the units done and how many there are.
        """
        for other in self.others:
            yield scored_elsewhere(states, trained, settings, other, progress)
        if name in self.random:
            yield random_scores(states, trained, settings, self.random[name], progress)


def settle(
    plans: Sequence[Plan],
    subjects: Sequence[Named | States],
    tested: Sequence[Corpus],
    skips: bool,
    random_seeds: tuple[int, ...],
    settings: ExtractSettings,
) -> list[Further]:
    """What is measured besides, for each plan.

    Args:
        plans: what is measured.
        subjects: checkpoints and states.
        tested: the other corpora.
        skips: see `elsewhere`.
        random_seeds: of the models with random weights; empty for none.
        settings: how checkpoints are read.

    Raises InputError, ModelError and TaskError for what cannot be measured.
    """
    for subject in subjects:
        for corpus in tested:
            if isinstance(subject, States):
                require_computable(subject, corpus)
    random = random_models(subjects, random_seeds, settings) if random_seeds else {}
    found = []
    for planned in plans:
        others = []
        for one in tested if planned.questions else ():
            others.append(elsewhere(planned.questions, planned.corpus, one, skips))
        found.append(Further(others, random))
    return found
