"""Parsed corpora come back from the cache as their readers gave them, and only those."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import probekit as pk
from probekit.cli import main
from probekit.corpora import assemble, parsed
from probekit.corpora.passage import Corpus, Passage
from tests.corpora.test_passages import made

FILES = {"train": 40, "dev": 3, "test": 3}  # sentences


@pytest.fixture(autouse=True)
def however_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parsed, "LEAST_BYTES", 0)
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    folder.mkdir()
    for split, n in FILES.items():
        lines = [
            f"# sent_id = {split}{i}\n1\tWord{i}\t_\tNOUN\t_\t_\t0\troot\t_\tA=b\n\n"
            for i in range(n)
        ]
        (folder / f"x-ud-{split}.conllu").write_text("".join(lines))
    return folder


@pytest.fixture
def parsing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of corpora that are parsed."""
    names: list[str] = []
    parse = assemble._parsed

    def noted(name: str, *rest: object) -> Corpus:
        names.append(name)
        return parse(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(assemble, "_parsed", noted)
    return names


def test_a_second_reading_parses_nothing(treebank: Path, parsing: list[str]) -> None:
    first, second = pk.load_corpus(treebank), pk.load_corpus(treebank)
    assert parsing == ["bank"]
    assert second.splits == first.splits and second.warnings == first.warnings
    assert (second.name, second.source, second.card) == (first.name, first.source, first.card)
    assert (second.fingerprint, second.annotation) == (first.fingerprint, first.annotation)


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(made(), max_size=5),
    st.lists(made(), max_size=5),
    st.lists(st.text(max_size=5), max_size=3),
)
def test_every_corpus_comes_back(
    tmp_path: Path, train: list[Passage], test: list[Passage], warnings: list[str]
) -> None:
    given_one = Corpus("made", {"train": train, "test": test}, warnings=tuple(warnings))
    parsed.write(tmp_path / "x.arrow", given_one)
    assert parsed.read(tmp_path / "x.arrow", "made") == given_one


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".other"))
    path.symlink_to(path.with_suffix(".other"))


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _link,
        lambda path: path.write_bytes(path.read_bytes()[:50]),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_one_is_parsed_again(
    treebank: Path, parsing: list[str], damage: Callable[[Path], None]
) -> None:
    first = pk.load_corpus(treebank)
    (path,) = parsed.folder().glob("*.arrow")
    damage(path)
    assert pk.load_corpus(treebank).splits == first.splits and len(parsing) == 2
    assert pk.load_corpus(treebank).splits == first.splits and len(parsing) == 2


def test_what_it_was_made_from_counts(
    treebank: Path, parsing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pk.load_corpus(treebank)
    train = treebank / "x-ud-train.conllu"
    train.write_text(train.read_text().replace("NOUN", "VERB", 1))
    assert pk.load_corpus(treebank).splits["train"][0].tags["upos"] == ("VERB",)
    monkeypatch.setattr(parsed, "_code", lambda: "a later version")
    pk.load_corpus(treebank)
    assert len(parsing) == 3 and len(list(parsed.folder().iterdir())) == 1  # the others gave way


def test_a_cache_that_cannot_be_written_costs_time_only(treebank: Path, parsing: list[str]) -> None:
    parsed.folder().parent.mkdir()
    parsed.folder().write_text("in the way")
    assert pk.load_corpus(treebank).splits == pk.load_corpus(treebank).splits and len(parsing) == 2


def test_prune_deletes_them(treebank: Path) -> None:
    pk.load_corpus(treebank)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["probekit", "cache", "prune", "--all"])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code and not list(parsed.folder().iterdir())
