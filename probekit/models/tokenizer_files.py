"""Tokenizer files: the folder of a model's tokenizer, and the settings that decide its subwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from probekit.errors import InputError, ModelError
from probekit.models.weights import read_object

SETTINGS = "tokenizer_config.json"  # the only file of tokenizers of characters and bytes
VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "tekken.json")
OTHERS = ("merges.txt", "added_tokens.json", "special_tokens_map.json", SETTINGS)
_EXAMPLES = "tokenizer.json, vocab.txt, vocab.json, tokenizer.model …"
# sentence-transformers' settings of a transformer; older versions name the file after the class.
_SENTENCE_SETTINGS = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
# Arguments for other libraries. They are not applied, since some may name code or other models.
_SENTENCE_ARGUMENTS = (
    "model_args",
    "model_kwargs",
    "tokenizer_args",
    "processor_kwargs",
    "config_args",
    "config_kwargs",
    "query_expansion",
)


def tokenizer_folders(name: str, homes: list[Path]) -> list[tuple[Path, str | None]]:
    """The folders in which to look for a model's tokenizer, the likeliest first, each with the
    warning to report if the tokenizer is read from there.

    Args:
        name: name of the model.
        homes: its folder, or its adapter's followed by its base's. The folder of a Trainer's
            checkpoint is followed by the run's folder.

    Raises ModelError where none has a tokenizer.
    """
    places: list[tuple[Path, str | None]] = []
    for home in homes:
        places.append((home, None))
        if re.fullmatch(r"checkpoint-\d+", home.name):
            run = home.parent
            places.append((run, f"{name}: it has no tokenizer; its run's is read, {run}"))
    settings_only: list[tuple[Path, str | None]] = []
    for folder, warning in places:
        if vocabularies(folder):
            return [(folder, warning)]
        if (folder / SETTINGS).is_file():
            settings_only.append((folder, warning))
    if not settings_only:
        raise ModelError(no_tokenizer(name, homes))
    return settings_only


def no_tokenizer(name: str, homes: list[Path]) -> str:
    """The message for a model without a tokenizer."""
    folders = ", ".join(map(str, homes))
    return (
        f"the model '{name}' has no tokenizer: none of {_EXAMPLES} in {folders}: give another "
        "model's with tokenizer=NAME_OR_FOLDER"
    )


def vocabularies(folder: Path) -> list[Path]:
    """The files of a folder that hold a vocabulary, in order of their names."""
    found: set[Path] = set()
    for pattern in VOCABULARIES:
        found.update(path for path in folder.glob(pattern) if path.is_file())
    return sorted(found)


def tokenizer_files(folder: Path) -> Iterator[Path]:
    """Every file of a folder that a tokenizer may use."""
    yield from vocabularies(folder)
    yield from (folder / name for name in OTHERS if (folder / name).is_file())


def require_packages(folder: Path, name: str) -> None:
    """Raise InputError where the only vocabulary is a SentencePiece model, and a package that reads
    it is missing."""
    found = vocabularies(folder)
    models = [path for path in found if path.suffix in (".model", ".spm")]
    if not models or len(models) < len(found):
        return
    missing = [
        package for package in ("sentencepiece", "google.protobuf") if not _is_installed(package)
    ]
    if missing:
        raise InputError(
            f"the tokenizer of '{name}' is a SentencePiece model ({models[0].name}), and "
            f"{' and '.join(missing)} cannot be imported: pip install 'probekit-nlp[sentencepiece]'"
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the parent package is missing
        return False


def lower_cases(homes: list[Path]) -> str | None:
    """The file that makes sentence-transformers lower-case texts (`do_lower_case`), or None."""
    file = _sentence_settings(homes)
    if file is None or read_object(file).get("do_lower_case") is not True:
        return None
    return file.name


def not_applied(homes: list[Path]) -> list[str]:
    """The keys of sentence-transformers' settings that are not applied here."""
    file = _sentence_settings(homes)
    if file is None:
        return []
    settings = read_object(file)
    return [key for key in _SENTENCE_ARGUMENTS if settings.get(key)]


def _sentence_settings(homes: list[Path]) -> Path | None:
    for home in homes:
        for name in _SENTENCE_SETTINGS:
            if (home / name).is_file():
                return home / name
    return None
