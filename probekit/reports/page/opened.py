"""Opened: the results in the folders of a report, of one set of corpora."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from probekit.errors import InputError
from probekit.forgetting.comparison import Comparison
from probekit.forgetting.gate.gated import MEASURED as COMPARED
from probekit.forgetting.gate.gated import Gated
from probekit.paths import path_of
from probekit.replications.replicated import MEASURED, Replicated
from probekit.reports.read import Kind, read
from probekit.results.results import Results
from probekit.usage.use_change import UseChange

USE = "use"
"""The folder of a change of use, inside that of a comparison."""


class Opened(NamedTuple):
    """Results, and the folder that they are from."""

    folder: Path
    found: Results


class Text(NamedTuple):
    """A corpus that results are of: its name, and the fingerprint of words and labels; of results
    without one it is empty."""

    name: str
    fingerprint: str


def opened(folders: Sequence[str | Path]) -> list[Opened]:
    """The results in some folders, and those that a folder has inside.

    Raises InputError where a folder is given twice or has no results, where results are damaged,
    and where they are of different corpora.
    """
    places: dict[Path, Path] = {}
    for folder in folders:
        path = path_of(folder)
        real = path.resolve()
        if real in places:
            raise InputError(f"folders has {path} twice: give each folder once")
        places[real] = path
    found = []
    for real, path in places.items():
        one = read(path)
        found.append(Opened(path, one))
        for name, inside in _inside(path, one):
            if real / name not in places:
                found.append(Opened(path / name, inside))
    _require_one_set_of_corpora(found)
    return found


def _inside(folder: Path, found: Kind) -> Iterator[tuple[str, Results]]:
    """The results in folders inside that of others, by the folder's name."""
    if isinstance(found, Gated) and found.found is not None:
        yield COMPARED, found.found
    elif isinstance(found, Replicated) and found.found is not None:
        yield MEASURED, found.found
    elif isinstance(found, Comparison) and UseChange.is_in(folder / USE):
        yield USE, UseChange.read(folder / USE)


def corpora_of(found: Results) -> set[Text]:
    """The corpora that results are of, by their tables; none where they are of other data."""
    texts = set()
    for frame in found.tables.values():
        if "corpus" not in frame:
            continue
        columns = [name for name in ("corpus", "corpus_fingerprint") if name in frame]
        for values in frame[columns].drop_duplicates().itertuples(index=False):
            texts.add(Text(str(values[0]), str(values[1]) if len(columns) > 1 else ""))
    known = {text.name for text in texts if text.fingerprint}
    return {text for text in texts if text.name and (text.fingerprint or text.name not in known)}


def _require_one_set_of_corpora(found: Sequence[Opened]) -> None:
    """Raise InputError where two results share no corpus, or have two of one name."""
    texts = [(one.folder, corpora_of(one.found)) for one in found]
    texts = [(folder, mine) for folder, mine in texts if mine]
    if not texts:
        return
    first, most = max(texts, key=lambda one: len(one[1]))
    for folder, mine in texts:
        for text in mine:
            same = [other for other in most if other.name == text.name]
            if not same:
                names = ", ".join(sorted(other.name for other in most))
                raise InputError(
                    f"folders are of different corpora: {folder} of {text.name}, {first} of "
                    f"{names}; a report compares results on the same text, so write one for each"
                )
            if not any(_may_be_same(text, other) for other in same):
                raise InputError(
                    f"folders are of different corpora, both named {text.name}: its words or "
                    f"labels in {folder} and {first} differ; write a report for each"
                )


def _may_be_same(one: Text, other: Text) -> bool:
    """Whether two corpora of one name have the same words and labels, as far as is known."""
    is_known = bool(one.fingerprint and other.fingerprint)
    return not is_known or one.fingerprint == other.fingerprint
