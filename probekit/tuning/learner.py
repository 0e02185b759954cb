"""Learner: a model with a head and the encoded data that it learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from probekit.errors import InputError, ModelError, first_line
from probekit.models.families import family_of
from probekit.models.files import Files, find_files
from probekit.models.loading.config import load_config
from probekit.models.loading.quiet import quiet_loading
from probekit.models.loading.tokenizer import load_tokenizer
from probekit.models.window import positions_of
from probekit.progress import Progress
from probekit.tuning.data import Data
from probekit.tuning.encoded import Encoded, encode
from probekit.tuning.settings import TuningSettings

ENDLESS = 1_000_000  # tokenizers without a limit name a longer text than this


@dataclass(frozen=True)
class Case:
    """What is fine-tuned on what, and how.

    Attributes:
        model: the name of the starting checkpoint.
        data: the examples.
        settings: with the rate and the number of epochs filled in.
        progress: is called with the stage, the units done and the number of units.
    """

    model: str
    data: Data
    settings: TuningSettings
    progress: Progress


@dataclass
class Learner:
    """A model that is trained, and its data.

    Attributes:
        model: the module that the Trainer trains.
        tokenizer: of the model; None where the data are not subwords.
        data: the encoded examples by split.
        collator: makes a batch of encoded examples.
        new: names of parameters that the checkpoint does not have, such as those of the head.
        files: of the starting checkpoint.
        warnings: what a reader must know.
        start: copies of the weights that training begins with, where a recipe needs them.
        before: scores of the checkpoint before training by split, where a recipe needs them.
    """

    model: Any
    tokenizer: Any
    data: Mapping[str, Encoded]
    collator: Any
    new: frozenset[str]
    files: Files
    warnings: tuple[str, ...] = ()
    start: Mapping[str, torch.Tensor] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)


def find_model(case: Case) -> Files:
    """The files of the starting checkpoint.

    Raises ModelError where there are none, or where it is an adapter.
    """
    settings = case.settings
    files = find_files(
        case.model, allow_pickle=settings.allow_pickle, remote_code=settings.trust_remote_code
    )
    if files.adapter is not None:
        raise ModelError(
            f"'{case.model}' is an adapter: merge it into its base first (merge_and_unload)"
        )
    return files


def open_learner(case: Case, *, scratch: bool = False, before: int = 0) -> Learner:
    """The checkpoint with a new head for the data, and the data encoded for it.

    Args:
        case: the model, the data and the settings.
        scratch: whether all weights are new.
        before: positions that are used before every text.

    Raises ModelError where the checkpoint cannot be read, or its architecture has no such head.
    """
    import transformers

    data, settings = case.data, case.settings
    files = find_model(case)
    remote_code = settings.trust_remote_code
    config = load_config(files, remote_code)
    tokenizer, _, warnings = load_tokenizer(files, remote_code)
    _describe_labels(config, data)
    kind: Any = transformers.AutoModelForSequenceClassification
    if data.target == "words":
        kind = transformers.AutoModelForTokenClassification
    is_random = scratch or files.seed is not None
    transformers.set_seed(settings.seed if files.seed is None else files.seed)
    try:
        with quiet_loading():
            if is_random:
                model = kind.from_config(config, trust_remote_code=remote_code)
                new = frozenset(name for name, _ in model.named_parameters())
            else:
                model, new = _trained(kind, files, config, settings)
    except ModelError:
        raise
    except Exception as error:  # of any type, from the model's own code
        raise ModelError(first_line(f"'{case.model}' cannot be given a head", error)) from error
    model.float()
    give_padding(model, tokenizer)
    longest = longest_of(settings.longest, config, tokenizer, before)
    encoded: dict[str, Encoded] = {}
    for number, (split, examples) in enumerate(data.splits.items()):
        case.progress("encoding", number, len(data.splits))
        encoded[split] = encode(examples, data.target, tokenizer, longest)
    case.progress("encoding", len(data.splits), len(data.splits))
    collator: Any = transformers.DataCollatorWithPadding(tokenizer)
    if data.target == "words":
        collator = transformers.DataCollatorForTokenClassification(tokenizer)
    notes = (*files.warnings, *warnings, *_cut(data, encoded, longest))
    return Learner(model, tokenizer, encoded, collator, new, files, notes)


def _describe_labels(config: Any, data: Data) -> None:
    """Put the labels of the data into a configuration."""
    if data.target == "numbers":
        config.num_labels = 1
        config.problem_type = "regression"
        return
    config.id2label = dict(enumerate(data.classes))
    config.label2id = {label: number for number, label in enumerate(data.classes)}
    if data.target == "texts":
        config.problem_type = "single_label_classification"


def _trained(
    kind: Any, files: Files, config: Any, settings: TuningSettings
) -> tuple[Any, frozenset[str]]:
    """The model with the weights of the checkpoint, and the names of new ones.

    Raises ModelError where a weight below the head is missing or has another shape.
    """
    model, report = kind.from_pretrained(
        files.folder,
        config=config,
        use_safetensors=None if settings.allow_pickle else True,
        trust_remote_code=settings.trust_remote_code,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    wrong = [key for key, *_ in report["mismatched_keys"]]
    new = frozenset([*report["missing_keys"], *wrong])
    below = sorted(
        name
        for name in new
        if name.startswith(f"{model.base_model_prefix}.") and "pooler" not in name
    )
    if below:
        raise ModelError(
            f"the weights of '{files.name}' do not fit its configuration ({', '.join(below[:3])}): "
            "the model would be partly random"
        )
    return model, new


def give_padding(model: Any, tokenizer: Any) -> None:
    """Give a tokenizer without a padding token one, and tell the model which it is."""
    if tokenizer.pad_token is None:
        # Padding is masked, so that any subword will do.
        any_subword = tokenizer.convert_ids_to_tokens(0)
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or any_subword
    model.config.pad_token_id = tokenizer.pad_token_id


def longest_of(wanted: int, config: Any, tokenizer: Any, before: int = 0) -> int:
    """Subwords of a text with special tokens: as wanted, and at most what the model can read
    when `before` positions are used before the text.

    Raises InputError where this leaves no position.
    """
    positions = int(positions_of(config, family_of(config)))
    if before >= positions:
        raise InputError(
            f"the recipe's setting 'length' = {before} leaves no position for text: the model has "
            f"{positions:,}"
        )
    limits = [wanted, positions - before]
    if tokenizer.model_max_length < ENDLESS:
        limits.append(int(tokenizer.model_max_length))
    return min(limits)


def _cut(data: Data, encoded: Mapping[str, Encoded], longest: int) -> list[str]:
    """A warning about texts longer than the limit."""
    cut = {split: one.cut for split, one in encoded.items() if one.cut}
    if not cut:
        return []
    counts = ", ".join(
        f"{count:,} of {len(encoded[split]):,} in {split}" for split, count in cut.items()
    )
    return [f"{data.name}: texts of more than {longest} subwords are cut there: {counts}"]
