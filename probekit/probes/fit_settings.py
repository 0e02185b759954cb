"""Fit settings: how probes are trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from probekit import doors

if TYPE_CHECKING:
    import torch

    from probekit.states.settings import ExtractSettings

ChooseBy = Literal["score", "loss"]
FREEDOM_OF_PROBABILITIES = 10.0


@dataclass(frozen=True)
class FitSettings:
    """How probes are trained: in rounds, in each of which the learning rate falls to zero.

    Each round begins with the weights of the one before it, and allows larger ones (see PATHS). The
    probe with the best dev score at the end of a round is chosen: never one in the middle of its
    training, and more rounds only widen the choice.

    Attributes:
        epochs: least passes over the training split in a round; small corpora have up to four.
        words: least words read in training; small corpora take up to five rounds for it.
        batch_words: most words in a batch; small corpora take smaller batches.
        learning_rate: at the beginning of a round, for batches of `batch_words`. For smaller ones
            it shrinks with their square root (Malladi et al. 2022, arXiv:2205.10287, for Adam). It
            falls linearly to zero.
        device: where the probes are fitted: `auto` takes a GPU with CUDA if there is one, and
            the CPU otherwise.
        choose_by: what is compared on dev, the task's `score` or the `loss`.
        freedom: C of each round (see `rounds.PATHS`) is multiplied by it. Probabilities need
            larger weights than labels do.
    """

    epochs: int = 2
    words: int = 300_000
    batch_words: int = 1_536
    learning_rate: float = 2e-2
    device: str = "auto"
    choose_by: ChooseBy = "score"
    freedom: float = 1.0

    def __post_init__(self) -> None:
        """Raise InputError where a field has another type."""
        for name in ("epochs", "words", "batch_words"):
            doors.at_least_one(name, getattr(self, name))
        for name in ("learning_rate", "freedom"):
            doors.number(name, getattr(self, name))
        doors.of_type("device", self.device, str)
        doors.choice("choose_by", self.choose_by, get_args(ChooseBy))

    def where(self) -> torch.device:
        """The device, as it is found in this process."""
        import torch

        if self.device != "auto":
            return torch.device(self.device)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def for_probabilities(self) -> FitSettings:
        """The same for probes whose probabilities count, not their labels alone."""
        return replace(self, choose_by="loss", freedom=FREEDOM_OF_PROBABILITIES)


DEFAULT = FitSettings()


def fit_settings_of(given: FitSettings | None, reading: ExtractSettings | None) -> FitSettings:
    """The settings given. By default probes are fitted where the model is asked to run; on the CPU
    beside a model on `mps`, which has no double precision."""
    if given is not None:
        return given
    wanted = "auto" if reading is None else reading.encoder.device
    return FitSettings(device="cpu" if wanted == "mps" else wanted)
