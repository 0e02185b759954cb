"""Head: the classification head of a fine-tuned checkpoint, and what it says after an erasure."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from probekit.errors import InputError
from probekit.models.checkpoint import choose_device
from probekit.models.files import find_files
from probekit.models.intervene import Blocks, at_position, at_words
from probekit.models.special_tokens import special_tokens
from probekit.models.weights import read_object
from probekit.progress import Progress
from probekit.states.settings import ExtractSettings
from probekit.stats.metrics import METRICS
from probekit.tuning.data import Data
from probekit.tuning.learner import Case, Learner, open_learner
from probekit.tuning.open_data import open_data
from probekit.tuning.output import started
from probekit.tuning.predicted import answers, chosen_labels, majority
from probekit.tuning.settings import TuningSettings
from probekit.tuning.table_rows import Columns
from probekit.usage.eraser import Eraser
from probekit.usage.erasure import HEAD
from probekit.usage.erasure_rows import Target

KINDS = ("ForSequenceClassification", "ForTokenClassification")
BATCH = 32  # texts


@dataclass(frozen=True)
class Head:
    """A checkpoint with its head, and the test examples that it labels.

    Attributes:
        data: the examples, whose training split is not read.
        learner: the model and its encoded examples.
        blocks: of the model below the head.
        target: what is measured.
        device: where it runs.
    """

    data: Data
    learner: Learner
    blocks: Blocks
    target: Target
    device: torch.device

    @cached_property
    def clean(self) -> np.ndarray:
        """The label of each test example or word, without an erasure, `(1, n)`."""
        return self.said()

    def said(self, layer: int = 0, eraser: Eraser | None = None) -> np.ndarray:
        """The label of each test example or word, `(1, n)`, with something erased from a layer."""
        change: Any = nullcontext()
        if eraser is not None:
            change = self.blocks.changed(layer, eraser.to(self.device))
        with change, torch.inference_mode():
            found = list(self._predictions())
        examples, encoded = self.data.splits["test"], self.learner.data["test"]
        predictions: Any = found if encoded.places is not None else np.array(found)
        return answers(examples, encoded.places, predictions).said[None]

    def _predictions(self) -> Any:
        """The label of each example, or of each position of an example."""
        items = self.learner.data["test"].items
        for start in range(0, len(items), BATCH):
            batch = self.learner.collator(items[start : start + BATCH])
            read = {
                name: value.to(self.device) for name, value in batch.items() if name != "labels"
            }
            logits = self.learner.model(**read, return_dict=True).logits
            yield from chosen_labels(logits, None).cpu().numpy()


def open_head(
    name: str, data: str | None, settings: ExtractSettings, n_blocks: int, progress: Progress
) -> tuple[Head | None, list[str]]:
    """The head of a checkpoint, if it has one, and warnings.

    Args:
        name: of the checkpoint.
        data: what it labels, as for `finetune`; None for what it was fine-tuned on, where
            `probekit finetune` made it.
        settings: how the checkpoint is read.
        n_blocks: of the model below the head.
        progress: called with the stage, the units done and how many there are.

    Raises InputError for data that the head was not trained for, and for data without a head.
    """
    how = settings.encoder
    files = find_files(name, allow_pickle=how.allow_pickle, remote_code=how.trust_remote_code)
    config = read_object(files.folder / "config.json")
    kinds = [str(kind) for kind in config.get("architectures") or [] if str(kind).endswith(KINDS)]
    if not kinds or files.adapter or files.seed is not None:
        if data is not None:
            raise InputError(
                f"data='{data}': '{name}' has no classification head that could be measured on it"
            )
        return None, []
    asked = started(files.folder) or {}
    columns = Columns()
    if data is None:
        data, columns = asked.get("data"), _columns(asked)
    if data is None:
        return None, [
            f"{name}: its head ({kinds[0]}) is not measured: say what it labels, such as "
            "data='CORPUS:TASK'"
        ]
    found = open_data(data, columns, progress)
    _require_labels(name, found, config)
    longest = int(asked.get("settings", {}).get("longest") or TuningSettings().longest)
    tuning = TuningSettings(
        longest=longest,
        device=how.device,
        allow_pickle=how.allow_pickle,
        trust_remote_code=how.trust_remote_code,
    )
    case = Case(name, found, tuning, progress)
    return _opened(case, n_blocks, settings.subwords == "cls"), list(found.warnings)


def _opened(case: Case, n_blocks: int, at_cls: bool) -> Head:
    name, data = case.model, case.data
    none = {split: examples.take([]) for split, examples in data.splits.items()}
    only_test = replace(data, splits={**none, "test": data.splits["test"]})
    learner = open_learner(replace(case, data=only_test))
    if learner.new:
        new = ", ".join(sorted(learner.new)[:3])
        raise InputError(f"data='{data.name}': '{name}' has no head for it ({new} would be random)")
    device = choose_device(case.settings.device)
    model = learner.model.to(device).eval()
    if model.config.is_encoder_decoder:
        raise InputError(
            f"'{name}' is an encoder-decoder, whose head is not measured: leave data out"
        )
    prefix, suffix = special_tokens(learner.tokenizer)
    where = at_position(0) if at_cls else at_words([*prefix.tolist(), *suffix.tolist()])
    blocks = Blocks(name, model.base_model, model.config, n_blocks, where)
    said = answers(data.splits["test"], learner.data["test"].places, _nothing(learner))
    groups = np.unique(said.groups, return_inverse=True)[1]
    metric = METRICS["accuracy"]

    def counts(predicted: np.ndarray) -> np.ndarray:
        cells = predicted.reshape(-1, len(said.gold))
        found = metric.counts(cells, said.gold, groups, None)
        return found.reshape(*predicted.shape[:-1], *found.shape[1:])

    floor = majority(data)
    target = Target(HEAD, metric, counts, float((floor.gold == floor.said).mean()), len(said.gold))
    return Head(data, learner, blocks, target, device)


def _nothing(learner: Learner) -> Any:
    """A prediction for every example or position, of no label."""
    encoded = learner.data["test"]
    if encoded.places is None:
        return np.zeros(len(encoded), dtype=np.int64)
    return [np.zeros(length, dtype=np.int64) for length in encoded.lengths]


def _columns(asked: dict[str, Any]) -> Columns:
    given = asked.get("columns", {})
    return Columns(tuple(given.get("text", ())), given.get("label", ""), False)


def _require_labels(name: str, data: Data, config: dict[str, Any]) -> None:
    """Raise InputError where a head has other labels than the data, or predicts numbers."""
    if data.target == "numbers":
        raise InputError(
            f"data='{data.name}': its labels are numbers, and a head's accuracy is measured"
        )
    of_head = tuple(str(label) for label in config.get("id2label", {}).values())
    if of_head != data.classes:
        shown = ", ".join(of_head[:5]) + (", …" if len(of_head) > 5 else "")
        raise InputError(
            f"data='{data.name}': the head of '{name}' has other labels ({shown}): give the data "
            "that it was trained on"
        )
