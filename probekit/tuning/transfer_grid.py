"""Transfer grid: trains every method with every number of labels and seed, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import xxhash

from probekit.models.files import digest_file
from probekit.progress import Progress, silent, within
from probekit.tuning.data import Data
from probekit.tuning.kept_cells import Coordinates, KeptCells
from probekit.tuning.learner import Case, find_model
from probekit.tuning.logistic import logistic_outcome
from probekit.tuning.nested import nested_order
from probekit.tuning.ngrams import ngram_features
from probekit.tuning.outcome import Outcome
from probekit.tuning.recipe_outcome import recipe_outcome
from probekit.tuning.static_features import static_features
from probekit.tuning.transfer_arguments import Training


@dataclass(frozen=True)
class Grid:
    """What is trained.

    Attributes:
        model: the name of the checkpoint.
        data: all examples.
        methods: of METHODS.
        labels: numbers of labels, ascending.
        orders: the order of examples of each seed, see `nested_order`.
        training: how.
    """

    model: str
    data: Data
    methods: tuple[str, ...]
    labels: tuple[int, ...]
    orders: dict[int, np.ndarray]
    training: Training

    @property
    def cells(self) -> list[Coordinates]:
        """Seed by seed, from few labels to many."""
        found = []
        for seed in self.orders:
            for labels in self.labels:
                found += [Coordinates(method, labels, seed) for method in self.methods]
        return found

    def rows(self, labels: int, seed: int) -> list[int]:
        """The numbers of the training examples of a sample, in their order in the data."""
        return sorted(self.orders[seed][:labels].tolist())

    def examples(self, labels: int, seed: int) -> int:
        """The labels in a sample's examples, of words or texts."""
        examples = self.data.splits["train"].take(self.rows(labels, seed))
        return len(examples.labelled()[0])

    def pool(self) -> list[int]:
        """The numbers of the training examples that any sample has."""
        longest = [order[: self.labels[-1]] for order in self.orders.values()]
        return sorted(set(np.concatenate(longest).tolist()))

    def outcomes(
        self, kept: KeptCells, progress: Progress
    ) -> tuple[dict[Coordinates, Outcome], int]:
        """Every cell's outcome, and how many of them were computed now."""
        found, computed = {}, 0
        test_labels = len(self.data.splits["test"].labelled()[0])
        for number, cell in enumerate(self.cells):
            progress("trained", number, len(self.cells))
            outcome = kept.read(cell, test_labels)
            if outcome is None:
                part = f"{number + 1} of {len(self.cells)} ({cell.method}, {cell.labels:,} labels)"
                outcome = self._outcome(cell, kept.folder, within(progress, part))
                kept.write(cell, outcome)
                computed += 1
            found[cell] = outcome
        progress("trained", len(self.cells), len(self.cells))
        return found, computed

    def _outcome(self, cell: Coordinates, folder: Path, progress: Progress) -> Outcome:
        rows = self.rows(cell.labels, cell.seed)
        if cell.method == "ngrams":
            return logistic_outcome(_limited(self.data, rows), ngram_features)
        if cell.method == "static":
            vectors = self.training.vectors
            assert vectors is not None
            return logistic_outcome(
                _limited(self.data, rows), partial(static_features, vectors=vectors)
            )
        pool = self.pool()
        place = {row: i for i, row in enumerate(pool)}
        epochs = self.training.epochs.get(cell.method)
        settings = replace(self.training.settings, seed=cell.seed, epochs=epochs)
        case = Case(self.model, _limited(self.data, pool), settings, progress)
        rates = self.training.rates.get(cell.method, ())
        return recipe_outcome(cell.method, case, [place[row] for row in rows], rates, folder)


def _limited(data: Data, rows: Sequence[int]) -> Data:
    """The data with these training examples only."""
    return replace(data, splits={**data.splits, "train": data.splits["train"].take(rows)})


def with_few_dev(data: Data, examples: int | None) -> Data:
    """The data with so many examples of dev, a fair sample of them; None for all."""
    dev = data.splits["dev"]
    if examples is None or examples >= len(dev):
        return data
    turned = replace(data, splits={**data.splits, "train": dev})
    few = dev.take(sorted(nested_order(turned, 0)[:examples].tolist()))
    return replace(data, splits={**data.splits, "dev": few})


def checkpoint_fingerprint(model: str, data: Data, training: Training) -> str:
    """A checksum of a checkpoint's configuration and weights.

    Raises ModelError where there is none.
    """
    files = find_model(Case(model, data, training.settings, silent))
    digest = xxhash.xxh3_128()
    for path in [files.folder / "config.json", *files.weights]:
        digest_file(path, digest)
    return str(digest.hexdigest())[:12]
