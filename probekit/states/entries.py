"""Entries: the stores in the cache as `probekit cache` lists, checks and deletes them.

Stores may appear and disappear meanwhile, and a damaged one does not hide the others.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probekit import cache
from probekit.errors import StoreError
from probekit.states.shard import matches_itself
from probekit.states.store import FORMAT, MANIFEST, key_of, states_root
from probekit.whole import inside, part_of, reason, remove_abandoned


@dataclass(frozen=True)
class StoreEntry:
    """A store as `probekit cache` lists it.

    Attributes:
        folder: its folder.
        manifest: its manifest; empty where that cannot be read.
        files: number of shard files.
        size: bytes of all files.
        used: time of the latest write, in seconds since 1970.
        problem: what is wrong with the store as a whole; empty for a sound one.
    """

    folder: Path
    manifest: dict[str, Any]
    files: int
    size: int
    used: float
    problem: str = ""

    def damaged(self) -> Iterator[tuple[Path, str]]:
        """Files that are damaged or cannot be read, and what is wrong with each."""
        if self.problem:
            yield self.folder, self.problem
            return
        for path in inside(self.folder, "*.safetensors"):
            try:
                with cache.open_to_read(path) as file:
                    is_whole = matches_itself(path, file)
            except FileNotFoundError:
                continue  # deleted meanwhile
            except OSError as error:
                yield path, f"unreadable ({reason(error)})"
                continue
            if not is_whole:
                yield path, "damaged"

    def remove(self) -> None:
        """Delete the store.

        Raises StoreError where that fails.
        """
        try:
            if self.folder.is_symlink():
                self.folder.unlink()
                return
            # A renamed folder is gone for everybody at once, and removed later if this is killed.
            renamed = part_of(self.folder)
            self.folder.rename(renamed)
            shutil.rmtree(renamed)
        except FileNotFoundError:
            return  # another process deleted it
        except OSError as error:
            raise StoreError(f"cannot delete {self.folder}: {reason(error)}") from error


def entries() -> list[StoreEntry]:
    """Every store in the cache, the latest written last.

    Raises StoreError where the cache cannot be listed.
    """
    found = [_entry(folder) for folder in _folders()]
    return sorted(found, key=lambda entry: entry.used)


def remove_leftovers() -> None:
    """Remove the temporary files that killed runs left in every store."""
    remove_abandoned(states_root())
    for folder in _folders():
        remove_abandoned(folder)
        remove_abandoned(folder, ".tmp*")  # of earlier versions


def _folders() -> list[Path]:
    root = states_root()
    try:
        found = [path for path in root.iterdir() if not path.name.startswith(".")]
        return [path for path in found if path.is_dir() or path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot list {root}: {reason(error)}") from error


def _entry(folder: Path) -> StoreEntry:
    if folder.is_symlink():
        used = _status(folder).st_mtime
        return StoreEntry(folder, {}, 0, 0, used, "a link, which a store must not be")
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        return StoreEntry(folder, {}, 0, 0, 0.0, f"unreadable ({reason(error)})")
    every = [_status(path) for path in paths]
    present = [found for found in every if found.st_mode]
    times = [found.st_mtime for found in (*present, _status(folder))]
    manifest, problem = _manifest(folder)
    return StoreEntry(
        folder=folder,
        manifest=manifest,
        files=sum(path.suffix == ".safetensors" for path in paths),
        size=sum(found.st_size for found in present),
        used=max(times),
        problem=problem,
    )


def _manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest of a store, and what is wrong with it."""
    try:
        with cache.open_to_read(folder / MANIFEST) as file:
            text = file.read()
        manifest = json.loads(text)
    except FileNotFoundError:
        return {}, "it has no manifest"
    except OSError as error:
        return {}, f"its manifest is unreadable ({reason(error)})"
    except (ValueError, RecursionError):
        return {}, "its manifest is damaged"
    if not isinstance(manifest, dict):
        return {}, "its manifest is damaged"
    if isinstance(manifest.get("format"), int) and manifest["format"] < FORMAT:
        return manifest, "of an earlier version, no longer used"
    return manifest, "" if key_of(text) == folder.name else "its manifest is damaged"


def _status(path: Path) -> os.stat_result:
    """The result of `lstat`; all zeros where the file was deleted meanwhile."""
    try:
        return path.lstat()
    except OSError:
        return os.stat_result([0] * 10)
