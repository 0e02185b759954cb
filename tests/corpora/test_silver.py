"""Silver: plain text through real taggers becomes CoNLL-U that other libraries read, that says who
predicted it, and that can be probed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import conllu
import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.corpora.silver.plain import Unit
from probekit.corpora.silver.sentence import Sentence, Word, lines_of
from probekit.corpora.silver.stanza_tagger import sentence_of
from probekit.errors import CorpusError, InputError, ProbekitError
from tests.commands import run_main

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what these libraries import is older than what is installed
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example
    from stanza.models.common.doc import (  # type: ignore[import-untyped,unused-ignore]
        Document,
    )


pytestmark = pytest.mark.slow  # taggers are trained


@pytest.fixture(scope="session")
def pipeline(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of spaCy with a tagger and a parser, trained for some seconds."""
    nlp = spacy.blank("en")
    for part in ("morphologizer", "tagger", "parser"):
        nlp.add_pipe(part)
    examples = []
    for passage in sample.splits["train"][:150]:
        heads = list(range(len(passage.words)))
        relations = ["ROOT"] * len(heads)
        for (head, _), (word, _) in (edge.spans for edge in passage.edges["dependencies"]):
            heads[word] = head
        for edge in passage.edges["dependencies"]:
            relations[edge.spans[1][0]] = edge.label
        gold = Doc(
            nlp.vocab,
            words=list(passage.words),
            pos=[tag or "" for tag in passage.tags["upos"]],
            tags=[tag or "" for tag in passage.tags["xpos"]],
            heads=heads,
            deps=relations,
        )
        examples.append(Example(nlp.make_doc(" ".join(passage.words)), gold))
    optimizer = nlp.initialize(lambda: examples)
    for step in range(60):
        start = 25 * step % len(examples)
        nlp.update(examples[start : start + 25], sgd=optimizer)
    nlp.meta["name"], nlp.meta["version"] = "tiny", "1.2.3"
    folder = tmp_path_factory.mktemp("spacy") / "tiny"
    nlp.to_disk(folder)
    return folder


@pytest.fixture
def texts(sample: Corpus, tmp_path: Path) -> list[Path]:
    """Four documents of plain text, by paragraphs of several lines."""
    paths = []
    for number in range(4):
        passages = sample.splits["train"][30 * number : 30 * number + 30]
        lines = [" ".join(passage.words) for passage in passages]
        paragraphs = ["\n".join(lines[i : i + 3]) for i in range(0, len(lines), 3)]
        path = tmp_path / f"text {number}.txt"
        path.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def forms(path: Path) -> list[str]:
    """The words of a file, as the library conllu reads them."""
    found: list[str] = []
    for sentence in conllu.parse(path.read_text(encoding="utf-8")):
        found += [token["form"] for token in sentence if isinstance(token["id"], int)]
    return found


def test_text_becomes_conllu_that_can_be_probed(
    pipeline: Path, texts: list[Path], tiny_bert: Path, tmp_path: Path
) -> None:
    seen: list[tuple[str, float, float]] = []
    out = pk.annotate(
        texts,
        f"spacy:{pipeline}",
        tmp_path / "new" / "silver.conllu",
        progress=lambda *now: seen.append(now),
    )
    parsed = conllu.parse(out.read_text(encoding="utf-8"))
    documents = [one.metadata["newdoc id"] for one in parsed if "newdoc id" in one.metadata]
    assert documents == ["text 0", "text 1", "text 2", "text 3"]
    assert parsed[0].metadata["sent_id"] == "text 0-1"
    assert len({one.metadata["sent_id"] for one in parsed}) == len(parsed)
    for sentence in parsed:
        text = ""
        for token in sentence:
            spaced = (token["misc"] or {}).get("SpaceAfter") != "No"
            text += token["form"] + (" " if spaced else "")
        assert text.strip() == sentence.metadata["text"]
        assert [token["id"] for token in sentence] == list(range(1, len(sentence) + 1))
        roots = [token for token in sentence if token["head"] == 0]
        assert roots and {token["deprel"] for token in roots} == {"root"}
        assert all(0 <= token["head"] <= len(sentence) for token in sentence)
    written = "".join(path.read_text(encoding="utf-8") for path in texts)
    assert "".join(forms(out)) == "".join(written.split())
    assert {token["upos"] for sentence in parsed for token in sentence} > {"NOUN", "VERB"}
    assert seen[-1][1] == seen[-1][2] == sum(path.stat().st_size for path in texts)
    corpus = pk.load_corpus(out)
    (said,) = [warning for warning in corpus.warnings if "predicted by" in warning]
    assert "predicted by spaCy en_tiny 1.2.3, and scores measure agreement with it" in said
    quick = pk.FitSettings(words=5_000)
    scores = pk.probe(tiny_bert, ["pos", "dep"], corpus=corpus, fit_settings=quick, progress=False)
    assert any("predicted by spaCy" in warning for warning in scores.warnings)
    assert set(scores.table["task"]) == {"pos", "dep"}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A pipeline of spaCy that tags by rule and knows no sentences."""
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": "dog"}]], {"POS": "NOUN", "LEMMA": "dog"})
    nlp.to_disk(tmp_path / "rules")
    return tmp_path / "rules"


def test_lines_are_read_by_themselves(rules: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("The dog\nsleeps .\r\n\n  The\tcat  \n", encoding="utf-8")
    found = {}
    units: tuple[Unit, ...] = ("line", "paragraph")
    for unit in units:
        out = pk.annotate(text, f"spacy:{rules}", tmp_path / f"{unit}.conllu", unit=unit)
        parsed = conllu.parse(out.read_text(encoding="utf-8"))
        found[unit] = [sentence.metadata["text"] for sentence in parsed]
    assert found["line"] == ["The dog", "sleeps .", "The cat"]
    assert found["paragraph"] == ["The dog sleeps .", "The cat"]


def test_files_of_one_name_are_different_documents(pipeline: Path, tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "text.txt")
        paths[-1].write_text("A dog sleeps .", encoding="utf-8")
    out = pk.annotate(paths, f"spacy:{pipeline}", tmp_path / "x.conllu")
    content = out.read_text(encoding="utf-8")
    for path in paths:
        assert f"# newdoc id = {path.with_suffix('')}\n" in content


def test_a_pipeline_without_sentences_gets_borders(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A dog. Another dog.", encoding="utf-8")
    out = pk.annotate(tmp_path / "a.txt", f"spacy:{rules}", tmp_path / "a.conllu")
    sentences = conllu.parse(out.read_text(encoding="utf-8"))
    assert [one.metadata["text"] for one in sentences] == ["A dog.", "Another dog."]
    assert [token["head"] for token in sentences[0]] == [None] * 3
    assert [token["upos"] for token in sentences[0]] == ["_", "NOUN", "_"]
    assert [token["misc"] for token in sentences[0]] == [None, {"SpaceAfter": "No"}, None]


STANZA = [
    {"id": (1, 2), "text": "du", "misc": "SpaceAfter=No"},
    {"id": 1, "text": "de", "lemma": "de", "upos": "ADP", "head": 3, "deprel": "case"},
    {"id": 2, "text": "le", "upos": "DET", "feats": "Number=Sing", "head": 3, "deprel": "det"},
    {"id": 3, "text": "pain", "upos": "NOUN", "head": 0, "deprel": "root"},
]


def test_a_sentence_of_stanza() -> None:
    (sentence,) = Document([STANZA]).sentences
    assert list(lines_of(sentence_of(sentence))) == [
        "1-2\tdu\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No",
        "1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_",
        "2\tle\t_\tDET\t_\tNumber=Sing\t3\tdet\t_\t_",
        "3\tpain\t_\tNOUN\t_\t_\t0\troot\t_\t_",
    ]


def test_a_column_is_one_line() -> None:
    (line,) = lines_of(Sentence("x", [Word("10\t000", lemma="a\nb")]))
    assert line == "1\t10 000\ta b\t_\t_\t_\t_\t_\t_\t_"


def spoiled(texts: list[Path]) -> Path:
    texts[0].write_bytes(b"good\n\xff\n")
    return texts[0]


WRONG: dict[str, tuple[Callable[[list[Path], Path], dict[str, Any]], str]] = {
    "no such tagger": (lambda *_: {"tagger": "spcy:x"}, "did you mean 'spacy'.*stanza:LANGUAGE"),
    "no model": (lambda *_: {"tagger": "spacy"}, "without a model"),
    "no such pipeline": (lambda *_: {"tagger": "spacy:none"}, "spacy download none"),
    "no such language": (lambda *_: {"tagger": "stanza:fr"}, r"stanza\.download\('fr'\)"),
    "no such text": (lambda *_: {"texts": "none.txt"}, "there is no file none.txt"),
    "a text twice": (lambda texts, _: {"texts": [texts[0], texts[0]]}, "twice"),
    "not UTF-8": (lambda texts, _: {"texts": spoiled(texts)}, ":2: byte 0xff is not UTF-8"),
    "another ending": (lambda *_: {"out": "x.txt"}, "NAME.conllu"),
    "over a text": (lambda texts, _: {"out": texts[0]}, "one of the texts"),
    "in a file": (lambda texts, _: {"out": texts[0] / "x.conllu"}, "cannot write"),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes_are_explained_in_one_line(
    case: str, pipeline: Path, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANZA_RESOURCES_DIR", str(tmp_path / "stanza"))
    make, message = WRONG[case]
    good = {"texts": texts, "tagger": f"spacy:{pipeline}", "out": tmp_path / "x.conllu"}
    with pytest.raises(ProbekitError, match=message) as refused:
        pk.annotate(**{**good, **make(texts, pipeline)}, progress=False)
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "x.conllu").exists()


def test_an_empty_text(pipeline: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.txt has no words"):
        pk.annotate(tmp_path / "a.txt", f"spacy:{pipeline}", tmp_path / "x.conllu")


def test_a_paragraph_that_is_too_long(pipeline: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word " * 250_000, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a\.txt:1: a paragraph of 1,249,999 .* unit='line'"):
        pk.annotate(tmp_path / "a.txt", f"spacy:{pipeline}", tmp_path / "x.conllu")


def test_a_blank_pipeline_predicts_nothing(tmp_path: Path, texts: list[Path]) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(InputError, match="predicts no annotation"):
        pk.annotate(texts, f"spacy:{tmp_path / 'blank'}", tmp_path / "x.conllu")


@pytest.mark.parametrize("library", ["spacy", "stanza"])
def test_a_missing_package_is_named(
    library: str, texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"pip install 'probekit-nlp\[annotate\]'"):
        pk.annotate(texts, f"{library}:en", tmp_path / "x.conllu")


def test_the_command(
    pipeline: Path,
    texts: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "x.conllu"
    arguments = ["annotate", *map(str, texts), "--with", f"spacy:{pipeline}", "--out", str(out)]
    status, printed, err = run_main(arguments, monkeypatch, capsys)
    assert (status, (printed + err).splitlines()[-1]) == (0, str(out))
    assert len(pk.load_corpus(out).splits["train"]) > 10
