"""Runs of fine-tuning on a tiny model, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from probekit.corpora.passage import Corpus
from probekit.progress import silent
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.learner import Case, Learner
from probekit.tuning.recipes import recipe_of
from probekit.tuning.settings import TuningSettings
from probekit.tuning.trainer import TuningTrainer


def few(corpus: Corpus, sentences: int = 40) -> Corpus:
    """The first sentences of every split."""
    splits = {split: passages[:sentences] for split, passages in corpus.splits.items()}
    return Corpus("few", splits)


def case(model: Path, corpus: Corpus, task: str = "pos", **settings: Any) -> Case:
    """A tiny model and a few sentences; two epochs of five steps."""
    given = {"rate": 1e-3, "epochs": 2, "batch": 8, "device": "cpu", **settings}
    return Case(str(model), from_corpus(few(corpus), task), TuningSettings(**given), silent)


def trained(
    recipe: str, of: Case, out: Path, settings: Mapping[str, Any] | None = None
) -> tuple[TuningTrainer, Learner]:
    """A Trainer that has trained by a recipe, before the recipe's last step."""
    chosen = recipe_of(recipe, settings or {})
    learner = chosen.open(of)
    trainer = TuningTrainer(chosen, of, learner, out)
    trainer.train()
    return trainer, learner


def weights(trainer: TuningTrainer) -> dict[str, torch.Tensor]:
    """Copies of a Trainer's weights."""
    found = trainer.model.state_dict()
    return {name: value.detach().clone() for name, value in found.items()}


def losses(trainer: TuningTrainer) -> list[float]:
    """The loss of every step."""
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def on_disk(folder: Path) -> dict[str, torch.Tensor]:
    """The weights in a folder."""
    return load_file(folder / "model.safetensors")
