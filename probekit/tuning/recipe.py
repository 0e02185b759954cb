"""Recipe: one way to fine-tune a model. Each is a file in `recipes/` and an entry in `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from probekit.models.files import Files
from probekit.tuning.data import Examples
from probekit.tuning.encoded import Encoded
from probekit.tuning.learner import Case, Learner, open_learner
from probekit.tuning.predicted import Answers, answers, chosen_labels

if TYPE_CHECKING:
    import numpy as np
    import torch

    from probekit.tuning.trainer import TuningTrainer

Penalty = Callable[[int], "torch.Tensor"]
"""What is added to the loss at each step, from 0."""

Scale = Callable[[int], float]
"""What a learning rate is multiplied with at each step, from 0."""


@dataclass(frozen=True)
class Recipe:
    """One way to fine-tune a model; this one changes nothing, and is the base of the others.

    Its fields are its own settings. A subclass overrides what it changes.

    Attributes:
        NAME: on the command line.
        TITLE: what it does, in one line.
        SOURCE: who proposed it.
        RATE, EPOCHS: where the user gives none.
        CHANGES_MODEL: whether weights below the head may change.
        IS_READ_IN_TRAINING: whether the model can be probed while it is trained.
        READS_LABELS: whether it learns labels; others learn the texts themselves.
        NEEDS_HEAD: whether `require` asks for a language-modelling head.
    """

    NAME: ClassVar[str]
    TITLE: ClassVar[str]
    SOURCE: ClassVar[str]
    RATE: ClassVar[float] = 2e-5
    EPOCHS: ClassVar[int] = 3
    CHANGES_MODEL: ClassVar[bool] = True
    IS_READ_IN_TRAINING: ClassVar[bool] = True
    READS_LABELS: ClassVar[bool] = True
    NEEDS_HEAD: ClassVar[bool] = False

    def require(self, files: Files) -> None:
        """Raise InputError for a checkpoint that lacks what the recipe needs of its files."""

    def open(self, case: Case) -> Learner:
        """The model and the data that the Trainer is given; called once, before training."""
        return open_learner(case)

    def groups(self, learner: Learner, rate: float) -> list[dict[str, Any]] | None:
        """Groups of parameters with learning rates (`lr`) of their own; None for one rate."""
        return None

    def schedule(self, steps: int) -> Scale | None:
        """The schedule of the learning rate; None for a linear warm-up and decay."""
        return None

    def penalty(self, case: Case, learner: Learner) -> Penalty | None:
        """What is added to the loss; None for nothing."""
        return None

    def callbacks(self, learner: Learner, epochs: int) -> Sequence[Any]:
        """Callbacks for the Trainer."""
        return ()

    def checkpoints(self, out: Path) -> Path:
        """The folder in which `checkpoint-N` are saved."""
        return out

    def said(self, logits: Any, labels: Any) -> Any:
        """What is kept of the model's output for a batch, to be scored."""
        return chosen_labels(logits, labels)

    def answers(self, examples: Examples, encoded: Encoded, predictions: np.ndarray) -> Answers:
        """What is scored of a split, from what `said` kept of its batches."""
        return answers(examples, encoded.places, predictions)

    def begin(self, trainer: TuningTrainer, learner: Learner) -> None:
        """Measure what is needed of the model before it is trained."""

    def finish(self, trainer: TuningTrainer, learner: Learner) -> Mapping[str, Any]:
        """Change the trained model, and return what should be recorded of that."""
        return {}

    def save(self, trainer: TuningTrainer, learner: Learner, out: Path) -> None:
        """Save the trained model in `out`."""
        trainer.save_model(str(out))
        trainer.save_state()
