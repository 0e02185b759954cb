"""Tokenizer: the tokenizer of a checkpoint, or of another folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from probekit.errors import ModelError, first_line
from probekit.models.files import Files
from probekit.models.loading.quiet import quiet_loading
from probekit.models.tokenizer_files import (
    lower_cases,
    no_tokenizer,
    not_applied,
    require_packages,
    tokenizer_folders,
    vocabularies,
)


def load_tokenizer(
    files: Files, remote_code: bool, folder: Path | None = None
) -> tuple[Any, Path, tuple[str, ...]]:
    """The tokenizer, a fast one where there is one; its folder; and warnings about it.

    Args:
        files: files of the model.
        remote_code: whether Python code of the tokenizer may run.
        folder: folder of another tokenizer to use in place of the model's own.

    Raises ModelError where there is none, InputError where a package that reads it is not
    installed.
    """
    homes = [folder] if folder else files.homes
    problem: ModelError | None = None
    for place, warning in tokenizer_folders(files.name, homes):
        try:
            tokenizer = _load_tokenizer(files.name, place, remote_code)
        except ModelError as error:
            problem = error
            continue
        warnings = [warning] if warning else []
        if folder:
            warnings = [f"{files.name}: read with the tokenizer of {place}"]
        elif files.adapter and place != files.folder and not warning:
            warnings = [f"{files.name}: the adapter's own tokenizer is read"]
        warnings += _apply_sentence_settings(files, tokenizer)
        return tokenizer, place, tuple(warnings)
    raise problem or ModelError(no_tokenizer(files.name, homes))


def _apply_sentence_settings(files: Files, tokenizer: Any) -> list[str]:
    """Apply sentence-transformers' settings to a tokenizer, as far as they are known; warnings."""
    warnings = []
    file = lower_cases(files.homes)
    if file:
        _lower_case(tokenizer)
        warnings.append(f"{files.name}: texts are lower-cased (do_lower_case in its {file})")
    unused = ", ".join(not_applied(files.homes))
    if unused:
        warnings.append(
            f"{files.name}: {unused} of its settings for sentence-transformers: not applied"
        )
    return warnings


def _load_tokenizer(name: str, folder: Path, remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    require_packages(folder, name)
    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=remote_code)
    except Exception as error:  # the Rust code of tokenizers raises bare Exception
        # Only tokenizers of characters and bytes need no vocabulary.
        if vocabularies(folder) or "trust_remote_code" in str(error):
            raise ModelError(
                first_line(
                    f"the tokenizer of '{name}' cannot be loaded",
                    error,
                    of_file="its tokenizer_config.json",
                )
            ) from error
        raise ModelError(no_tokenizer(name, [folder])) from error
    # Without its vocabulary a tokenizer may load, and knows no word.
    if not vocabularies(folder) and tokenizer.vocab_files_names:
        raise ModelError(no_tokenizer(name, [folder]))
    return tokenizer


def _lower_case(tokenizer: Any) -> None:
    """Make a tokenizer lower-case every text first, as sentence-transformers does."""
    if not tokenizer.is_fast:
        tokenizer.do_lower_case = True
        return
    from tokenizers import normalizers

    backend = tokenizer.backend_tokenizer
    steps = [normalizers.Lowercase()]
    if backend.normalizer is not None:
        steps.append(backend.normalizer)
    backend.normalizer = normalizers.Sequence(steps)
