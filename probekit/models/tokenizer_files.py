"""Tokenizer files: in which folder a model's tokenizer lies, and what else decides on its subwords."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from probekit.errors import InputError, ModelError
from probekit.models.weights import read_object

SETTINGS = "tokenizer_config.json"  # all that tokenizers of characters and bytes have
VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "*.spm", "tekken.json")
OTHERS = ("merges.txt", "added_tokens.json", "special_tokens_map.json", SETTINGS)
_NAMED = "tokenizer.json, vocab.txt, vocab.json, tokenizer.model …"
# sentence-transformers' settings of a transformer; older versions name them after the class.
_SENTENCE_SETTINGS = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
# Arguments of the libraries below; none is applied, since some of them may name code or other
# models.
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
    """Where a model's tokenizer may lie, the likeliest first, each with what is reported if it lies
    there.

    Args: name: of the model. homes: its folder, or its adapter's and then its base's; of a
        Trainer's checkpoint, the run's folder follows.

    Raises ModelError where none has a tokenizer.
    """
    places: list[tuple[Path, str | None]] = []
    for home in homes:
        places.append((home, None))
        if re.fullmatch(r"checkpoint-\d+", home.name):
            places.append(
                (
                    home.parent,
                    f"{name}: it has no tokenizer; that of its run is read, {home.parent}",
                )
            )
    whole = [place for place in places if vocabularies(place[0])]
    settings_only = [
        place for place in places if not vocabularies(place[0]) and (place[0] / SETTINGS).is_file()
    ]
    if not whole and not settings_only:
        raise ModelError(no_tokenizer(name, homes))
    return whole[:1] or settings_only


def no_tokenizer(name: str, homes: list[Path]) -> str:
    """What is said where there is none."""
    return (
        f"the model '{name}' has no tokenizer: none of {_NAMED} in {', '.join(map(str, homes))}: give another model's "
        "with tokenizer=NAME_OR_FOLDER"
    )


def vocabularies(folder: Path) -> list[Path]:
    """The files of a folder that hold a vocabulary, in name order."""
    return sorted(
        {path for pattern in VOCABULARIES for path in folder.glob(pattern) if path.is_file()}
    )


def tokenizer_files(folder: Path) -> Iterator[Path]:
    """Every file of a folder that a tokenizer may be made of."""
    yield from vocabularies(folder)
    yield from (folder / name for name in OTHERS if (folder / name).is_file())


def require_packages(folder: Path, name: str) -> None:
    """Raise InputError where only a SentencePiece model is there, and not the packages that read
    it."""
    found = vocabularies(folder)
    models = [path for path in found if path.suffix in (".model", ".spm")]
    if not models or len(models) < len(found):
        return
    missing = [
        package for package in ("sentencepiece", "google.protobuf") if not _is_installed(package)
    ]
    if missing:
        raise InputError(
            f"the tokenizer of '{name}' is a SentencePiece model ({models[0].name}), and {' and '.join(missing)} "
            "cannot be imported: pip install 'probekit-nlp[sentencepiece]'"
        )


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of the package that it is a part of
        return False


def lower_cases(homes: list[Path]) -> str | None:
    """The file by which sentence-transformers lower-cases every text (`do_lower_case`), or None."""
    file = _sentence_settings(homes)
    return file.name if file and read_object(file).get("do_lower_case") is True else None


def not_applied(homes: list[Path]) -> list[str]:
    """The keys of sentence-transformers' settings that would change the states there, and change
    none here."""
    file = _sentence_settings(homes)
    settings = read_object(file) if file else {}
    return [key for key in _SENTENCE_ARGUMENTS if settings.get(key)]


def _sentence_settings(homes: list[Path]) -> Path | None:
    files = [home / file for home in homes for file in _SENTENCE_SETTINGS]
    return next((file for file in files if file.is_file()), None)
