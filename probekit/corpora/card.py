"""Card: the description of a corpus in `corpora/`, and its checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from probekit import bundle, schema
from probekit.errors import CorpusError, unknown
from probekit.foreign import shortened, toml_table
from probekit.paths import path_of

SPLIT_NAMES = ("train", "dev", "test")

WORD_ANNOTATIONS = ("upos", "xpos", "lemma", "feats", "misc", "deprel")
SPAN_ANNOTATIONS = ("dependencies", "constituents", "roles", "entities", "mentions")

READER_ANNOTATIONS: dict[str, tuple[str, ...]] = {
    "conllu": WORD_ANNOTATIONS + SPAN_ANNOTATIONS,
    "ud_propbank": WORD_ANNOTATIONS + SPAN_ANNOTATIONS,
    "conll2012": ("xpos", "speaker", "constituents", "roles", "entities", "mentions"),
    "edges": (),
    "datasets": (),
    "csv": (),
    "minimal_pairs": ("pairs", "paradigm"),
}
"""The closed vocabulary of readers (`readers.READERS` has their functions), and the annotations
each can give; empty where the files name their own annotations."""


@dataclass(frozen=True)
class Source:
    """One file of a corpus on a public host, pinned to a commit.

    Attributes:
        repo: `OWNER/REPO`.
        commit: 40 hex digits.
        path: the file inside the repository; empty for the whole repository as an archive.
        sha256: of the file; for an archive, of its used members (see `checksum.digest_members`).
        git_blob: the git blob id, or its first digits, where only that is known.
        members: for an archive, a glob of the members to use, without the archive's top folder.
        split: the split the file is read as, if it is one split.
        bytes: the file's size, where it is known; a larger download is stopped.
    """

    repo: str
    commit: str
    path: str = ""
    sha256: str = ""
    git_blob: str = ""
    members: str = ""
    split: str = ""
    bytes: int = 0

    @property
    def place(self) -> str:
        """Where mirrors and the data folder keep it.

        `OWNER/REPO/COMMIT/PATH`, or `OWNER/REPO/COMMIT.tar.gz` for an archive.
        """
        if self.path:
            return f"{self.repo}/{self.commit}/{self.path}"
        return f"{self.repo}/{self.commit}.tar.gz"

    @property
    def url(self) -> str:
        """Its address on the public host."""
        if self.path:
            return f"https://raw.githubusercontent.com/{self.place}"
        return f"https://github.com/{self.repo}/archive/{self.commit}.tar.gz"


@dataclass(frozen=True)
class Card:
    """A corpus' title page.

    Attributes:
        name: the file's stem.
        title, description, licence, citation: for people.
        reader: a name in `readers.READERS`.
        annotations: what the corpus carries, as `Passage.tags` and `Passage.edges` call them.
        sources: files to fetch; empty if the files are stored beside the card.
        files: for files beside the card: split to path, relative to the card.
        dataset: for the reader `datasets`, a data set's name on the hub, in place of files.
        columns: reader-specific column names.
        path: where the card is stored.
    """

    name: str
    title: str
    licence: str
    reader: str
    annotations: tuple[str, ...] = field(metadata={"formerly": "layers"})
    path: Path
    description: str = ""
    citation: str = ""
    sources: tuple[Source, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    dataset: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def load_card(name_or_path: str | Path) -> Card:
    """Load the card of a shipped name, or a TOML file by its path.

    Raises:
        InputError: for an unknown name.
        CorpusError: for a file that is missing or is not TOML, for an unknown or missing key, a
            value of the wrong type, and an unknown reader, annotation or split.
    """
    is_path = isinstance(name_or_path, Path) or name_or_path.endswith(".toml")
    path = path_of(name_or_path) if is_path else bundle.find("corpora", str(name_or_path))
    table = toml_table(path, "corpus card", CorpusError)
    card = schema.read(Card, table, str(path), CorpusError, name=path.stem, path=path)
    _check_card(card)
    return card


def corpus_cards() -> list[Card]:
    """Every card in `corpora/`, by name."""
    return [load_card(name) for name in bundle.names("corpora")]


def _check_card(card: Card) -> None:
    where = str(card.path)
    _check_name(card.reader, READER_ANNOTATIONS, "reader", where)
    for annotation in card.annotations:
        if READER_ANNOTATIONS[card.reader]:
            _check_name(annotation, READER_ANNOTATIONS[card.reader], "annotation", where)
    for split in card.files:
        _check_name(split, SPLIT_NAMES, "split", where)
    for number, source in enumerate(card.sources, 1):
        _check_source(source, f"{where}, source {number}")
    if sum(map(bool, (card.sources, card.files, card.dataset))) != 1:
        raise CorpusError(f"{where}: a card has exactly one of [[sources]], [files] and 'dataset'")


def _check_source(source: Source, where: str) -> None:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source.repo) or ".." in source.repo:
        raise CorpusError(f"{where}: 'repo' is OWNER/REPO, not '{shortened(source.repo)}'")
    if not re.fullmatch(r"[0-9a-f]{40}", source.commit):
        raise CorpusError(
            f"{where}: 'commit' is 40 hexadecimal digits, not '{shortened(source.commit)}'"
        )
    inside = PurePosixPath(source.path)
    if inside.is_absolute() or ".." in inside.parts or "\\" in source.path:
        raise CorpusError(
            f"{where}: 'path' must stay inside the repository: '{shortened(source.path)}'"
        )
    if not (source.sha256 or source.git_blob):
        raise CorpusError(f"{where}: a checksum is missing ('sha256', or 'git_blob')")
    if bool(source.path) == bool(source.members):
        raise CorpusError(f"{where}: give 'path' for a file, or 'members' (a glob) for an archive")
    if source.bytes < 0:
        raise CorpusError(f"{where}: 'bytes' is the size of the file, not {source.bytes}")
    if source.split:
        _check_name(source.split, SPLIT_NAMES, "split", where)


def _check_name(name: str, valid: Iterable[str], what: str, where: str) -> None:
    if name not in valid:
        raise CorpusError(f"{where}: {unknown(what, name, valid)}")
