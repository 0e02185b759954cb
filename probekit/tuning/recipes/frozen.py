"""Frozen: feature-based transfer, a head over a learned mix of frozen layers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from probekit.models.checkpoint import EncoderSettings
from probekit.models.loading.config import load_config
from probekit.models.loading.random import load_random
from probekit.models.loading.tokenizer import load_tokenizer
from probekit.states.extract import extract
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from probekit.tuning.data import Data
from probekit.tuning.features import Features, collated, corpus_of, features
from probekit.tuning.learner import Case, Learner, find_model
from probekit.tuning.mixed_head import HeadShape, MixedHead
from probekit.tuning.recipe import Recipe

if TYPE_CHECKING:
    from probekit.tuning.trainer import TuningTrainer

HEAD = "head"  # the folder of its checkpoints, and the name of its weights


@dataclass(frozen=True)
class Frozen(Recipe):
    """The states of all layers are computed once and kept in the cache; a linear head over their
    learned mix is trained on them. A text's vector is the mean of its words'.

    The output is the starting checkpoint, byte for byte, with the head beside it
    (`head.safetensors`; its own checkpoints are in `head/`).

    Attributes:
        dropout: of what the head reads.
    """

    NAME: ClassVar[str] = "frozen"
    TITLE: ClassVar[str] = "a head over a learned mix of frozen layers"
    SOURCE: ClassVar[str] = "Peters et al. 2018"
    RATE: ClassVar[float] = 2e-3
    EPOCHS: ClassVar[int] = 20
    CHANGES_MODEL: ClassVar[bool] = False

    dropout: float = 0.1

    def open(self, case: Case) -> Learner:
        """The head, and the states that it reads."""
        import transformers

        data, settings = case.data, case.settings
        files = find_model(case)
        reading = EncoderSettings(
            device=settings.device,
            allow_pickle=settings.allow_pickle,
            trust_remote_code=settings.trust_remote_code,
        )
        states = extract(
            case.model,
            corpus_of(data),
            settings=ExtractSettings(encoder=reading),
            progress=case.progress,
        )
        transformers.set_seed(settings.seed)
        head = self.head(HeadShape.of(len(states.layers), states.dim, data))
        read = {split: self.features(states, data, split) for split in data.splits}
        new = frozenset(name for name, _ in head.named_parameters())
        return Learner(head, None, read, self.collated, new, files, tuple(states.warnings))

    def head(self, shape: HeadShape) -> torch.nn.Module:
        """The head, with new weights."""
        return MixedHead(shape, self.dropout)

    def features(self, states: States, data: Data, split: str) -> Features:
        """What the head reads of the examples of a split."""
        return features(states, data, split)

    def collated(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of them."""
        return collated(examples)

    def checkpoints(self, out: Path) -> Path:
        """A folder for the head's checkpoints, which are no models by themselves."""
        return out / HEAD

    def save(self, trainer: TuningTrainer, learner: Learner, out: Path) -> None:
        """Copy the starting checkpoint, and save the head beside it."""
        from safetensors.torch import save_file

        files, settings = learner.files, trainer.case.settings
        if files.seed is None:
            for path in [files.folder / "config.json", *files.weights]:
                shutil.copyfile(path, out / path.name)
        else:
            config = load_config(files, settings.trust_remote_code)
            model = load_random(files, config, torch.float32, settings.trust_remote_code)
            model.save_pretrained(out)
        tokenizer, _, _ = load_tokenizer(files, settings.trust_remote_code)
        tokenizer.save_pretrained(out)
        save_file(learner.model.state_dict(), out / f"{HEAD}.safetensors")
