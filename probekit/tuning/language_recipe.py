"""Language recipe: pre-training is continued on raw text, with the checkpoint's own head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import transformers

from probekit.errors import InputError
from probekit.models.loading.config import load_config
from probekit.models.loading.tokenizer import load_tokenizer
from probekit.tuning.data import Data, Examples
from probekit.tuning.encoded import Encoded
from probekit.tuning.language_model import language_model, required_objective
from probekit.tuning.learner import Case, Learner, find_model, give_padding, longest_of
from probekit.tuning.metrics import METRICS
from probekit.tuning.predicted import Answers
from probekit.tuning.recipe import Recipe
from probekit.tuning.subwords import Parts, losses_of, parts_of

if TYPE_CHECKING:
    import numpy as np

    from probekit.tuning.trainer import TuningTrainer

BITS = "bits"


@dataclass(frozen=True)
class LanguageRecipe(Recipe):
    """What `mlm` and `clm` share. The name of each is that of its objective."""

    RATE: ClassVar[float] = 5e-5
    READS_LABELS: ClassVar[bool] = False

    def predicted(
        self, parts: Mapping[str, Parts], tokenizer: Any, seed: int
    ) -> tuple[Mapping[str, Parts], Any]:
        """The parts with what is predicted of them, and a collator of their batches."""
        raise NotImplementedError

    def open(self, case: Case) -> Learner:
        """The checkpoint with its head, and the texts in parts."""
        files, settings = find_model(case), case.settings
        objective = required_objective(self.NAME, files)
        if objective != self.NAME:
            raise InputError(
                f"recipe='{self.NAME}': the language-modelling head of '{case.model}' is that of "
                f"{objective}: give recipe='{objective}'"
            )
        config = load_config(files, settings.trust_remote_code)
        tokenizer, _, warnings = load_tokenizer(files, settings.trust_remote_code)
        transformers.set_seed(settings.seed)
        model = language_model(case, files, objective)
        give_padding(model, tokenizer)
        longest = longest_of(settings.longest, config, tokenizer)
        parts = self._parts(case, tokenizer, longest)
        notes = (*files.warnings, *warnings, *_about(case.data, parts, longest))
        read, collator = self.predicted(parts, tokenizer, settings.seed)
        return Learner(model, tokenizer, read, collator, frozenset(), files, notes)

    def _parts(self, case: Case, tokenizer: Any, longest: int) -> dict[str, Parts]:
        """The parts of every split. Raises InputError for one of which nothing is predicted."""
        least = 2 if self.NAME == "clm" else 1  # of one subword there is no next one
        found: dict[str, Parts] = {}
        splits = case.data.splits
        for number, (split, examples) in enumerate(splits.items()):
            case.progress("encoding", number, len(splits))
            found[split] = parts_of(examples, tokenizer, longest, least)
            if not found[split].items:
                raise InputError(
                    f"data {case.data.name}: of the texts of {split} nothing can be predicted: "
                    f"give texts of at least {least} subwords (longest={longest})"
                )
        case.progress("encoding", len(splits), len(splits))
        return found

    def said(self, logits: Any, labels: Any) -> Any:
        """The loss of each subword that is predicted."""
        first = logits[0] if isinstance(logits, tuple) else logits
        return losses_of(first, labels)

    def answers(self, examples: Examples, encoded: Encoded, predictions: np.ndarray) -> Answers:
        """These losses, and the text of each."""
        assert isinstance(encoded, Parts)
        return encoded.answers(predictions)

    def begin(self, trainer: TuningTrainer, learner: Learner) -> None:
        """Score the checkpoint before it is trained further."""
        for split in ("test", "dev"):
            answers = trainer.answers(split)
            if not len(answers.said):
                raise InputError(
                    f"data {trainer.case.data.name}: none of the few subwords of {split} is "
                    "masked: give more text"
                )
            learner.before[split] = METRICS[BITS].score(answers.gold, answers.said)

    def finish(self, trainer: TuningTrainer, learner: Learner) -> Mapping[str, Any]:
        """Say what the scores were before, and whether dev has a better one now."""
        before, best = learner.before, float(trainer.state.best_metric or 0)
        notes = [
            f"{self.NAME}: before training {before['test']:.3f} bits per subword on test, "
            f"{before['dev']:.3f} on dev"
        ]
        if best >= before["dev"]:
            notes.append(
                f"training did not lower the loss on dev: {best:.3f} bits (is the rate, "
                f"{trainer.args.learning_rate:g}, too high or too low?)"
            )
        learner.warnings = (*learner.warnings, *notes)
        return {"bits_before": dict(before)}


def _about(data: Data, parts: Mapping[str, Parts], longest: int) -> list[str]:
    """Warnings about texts that are divided, or left out."""
    found = []
    for what, field in (
        (f"texts of more than {longest} subwords are divided", "cut"),
        ("texts of which nothing can be predicted are left out", "empty"),
    ):
        counts = []
        for split, one in parts.items():
            count = getattr(one, field)
            if count:
                counts.append(f"{count:,} of {len(data.splits[split]):,} in {split}")
        if counts:
            found.append(f"{data.name}: {what}: {', '.join(counts)}")
    return found
