"""Output: the folder of a fine-tuning run, which holds one run only."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probekit.errors import InputError, StoreError
from probekit.results.folder import RECORD, cannot_write, make_folder
from probekit.results.run import plain
from probekit.tuning.diverged import DIVERGED
from probekit.tuning.other_request import other_request
from probekit.tuning.predictions import PREDICTIONS
from probekit.whole import written_whole

STARTED = "finetune.json"
"""What was asked for, written when a run begins."""

FOLDERS = ("checkpoint-*", "head", "compare-" + 8 * "[0-9a-f]")  # the last ones in a grid
FILES = (
    STARTED,
    DIVERGED,
    RECORD,
    "finetuned.csv",
    "history.csv",
    "head.safetensors",
    PREDICTIONS,
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "adapter_config.json",
    "adapter_model.safetensors",
    "README.md",  # of an adapter
    "training_args.bin",
    "trainer_state.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)
"""What a run writes: its own files, and those of a checkpoint. Other files in its folder stay."""


def require_free(out: Path, asked: Mapping[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Check that a run may be written to a folder.

    Args:
        out: the folder, which need not exist.
        asked: all that decides the result.
        resume: whether a run that was killed there goes on.
        overwrite: whether a run that is there is deleted.

    Raises InputError for a folder that holds another run, or other files.
    """
    if resume and overwrite:
        raise InputError("give resume=True or overwrite=True, not both")
    if out.exists() and not out.is_dir():
        raise InputError(f"out: {out} is a file: give a folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    found = started(out)
    if found is None:
        raise InputError(f"out: {out} holds other files: give a new folder")
    if resume:
        _require_same(out, found, plain(dict(asked)))
    elif not overwrite:
        raise InputError(
            f"out: {out} holds another run: give resume=True to go on with it, overwrite=True to "
            "delete it, or another folder"
        )


def begin(out: Path, asked: Mapping[str, Any], *, overwrite: bool) -> None:
    """Make the folder, and write what was asked for into it; `overwrite` deletes the run there.

    Raises StoreError where it cannot be written.
    """
    make_folder(out)
    try:
        if overwrite:
            _clear(out)
        with written_whole(out / STARTED) as file:
            file.write(json.dumps(plain(dict(asked)), indent=2).encode())
    except OSError as error:
        raise StoreError(cannot_write(out, error)) from error


def is_finished(out: Path) -> bool:
    """Whether the run in a folder has come to its end: its record is written last."""
    return (out / RECORD).is_file()


def started(out: Path) -> dict[str, Any] | None:
    """What the run in a folder was asked for; None where no run of `finetune` began there."""
    try:
        found = json.loads((out / STARTED).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _require_same(out: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    other = other_request(found, wanted)
    if other:
        raise InputError(
            f"resume: the run in {out} was started with {other}: give what it was started with, "
            "or overwrite=True"
        )


def _clear(out: Path) -> None:
    """Delete what a run writes, and nothing else. Raises OSError."""
    for pattern in FOLDERS:
        for path in out.glob(pattern):
            shutil.rmtree(path)
    for pattern in FILES:
        for path in out.glob(pattern):
            path.unlink()
