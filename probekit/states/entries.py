"""Entries: the stores of states as `probekit cache` lists, checks and deletes them.

Stores may appear and disappear meanwhile, and a damaged one does not hide the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from probekit.errors import StoreError
from probekit.places.local import LocalPlace
from probekit.places.place import Listed, Place, read
from probekit.places.states import place_of_states
from probekit.states.shard import matches_itself
from probekit.states.store import FORMAT, LONGEST_MANIFEST, MANIFEST, is_key, key_of
from probekit.whole import remove_abandoned


@dataclass(frozen=True)
class StoreEntry:
    """A store as `probekit cache` lists it.

    Attributes:
        place: where its files lie.
        manifest: its manifest; empty where that cannot be read.
        files: number of shard files.
        size: bytes of all files.
        used: time of the latest write, in seconds since 1970.
        problem: what is wrong with the store as a whole; empty for a sound one.
    """

    place: Place
    manifest: dict[str, Any]
    files: int
    size: int
    used: float
    problem: str = ""

    @property
    def key(self) -> str:
        """Its name."""
        return self.place.name

    def damaged(self) -> Iterator[tuple[str, str]]:
        """Files that are damaged or cannot be read, and what is wrong with each."""
        if self.problem:
            yield str(self.place), self.problem
            return
        for name in _shards(self.place.listing()):
            problem = self._problem_of(name)
            if problem:
                yield str(self.place.at(name)), problem

    def _problem_of(self, name: str) -> str:
        try:
            with self.place.open(name) as file:
                return "" if matches_itself(self.key, name, file) else "damaged"
        except FileNotFoundError:
            still_listed = name in _shards(self.place.listing())
            return "unreadable (not a plain file)" if still_listed else ""
        except StoreError as error:
            return f"unreadable ({error})"

    def remove(self) -> None:
        """Delete the store.

        Raises StoreError where that fails.
        """
        self.place.remove()


def entries() -> list[StoreEntry]:
    """Every store of states, the latest written last.

    Raises StoreError where they cannot be listed.
    """
    root = place_of_states()
    found = [_entry(root.inside(one.name), one) for one in _stores(root)]
    return sorted(found, key=lambda entry: entry.used)


def remove_leftovers() -> None:
    """Remove the temporary files that killed runs left in every store."""
    root = place_of_states()
    root.tidy()
    for one in _stores(root):
        place = root.inside(one.name)
        place.tidy()
        if isinstance(place, LocalPlace):
            remove_abandoned(place.folder, ".tmp*")  # of earlier versions


def _stores(root: Place) -> list[Listed]:
    """The folders that may be stores. What else is there belongs to somebody else."""
    return [one for one in root.listing() if one.is_folder and is_key(one.name)]


def _shards(listed: list[Listed]) -> list[str]:
    return sorted(one.name for one in listed if one.name.endswith(".safetensors"))


def _entry(place: Place, listed: Listed) -> StoreEntry:
    try:
        place.check()
        files = place.listing()
    except StoreError as error:
        return StoreEntry(place, {}, 0, 0, listed.written, str(error))
    manifest, problem = _manifest(place)
    return StoreEntry(
        place=place,
        manifest=manifest,
        files=len(_shards(files)),
        size=sum(one.size for one in files),
        used=max([listed.written, *(one.written for one in files)]),
        problem=problem,
    )


def _manifest(place: Place) -> tuple[dict[str, Any], str]:
    """The manifest of a store, and what is wrong with it."""
    try:
        text = read(place, MANIFEST, LONGEST_MANIFEST)
        manifest = json.loads(text)
    except FileNotFoundError:
        return {}, "it has no manifest"
    except StoreError as error:
        return {}, f"its manifest is unreadable ({error})"
    except (ValueError, RecursionError):
        return {}, "its manifest is damaged"
    if not isinstance(manifest, dict):
        return {}, "its manifest is damaged"
    if isinstance(manifest.get("format"), int) and manifest["format"] < FORMAT:
        return manifest, "of an earlier version, no longer used"
    return manifest, "" if key_of(text) == place.name else "its manifest is damaged"
