"""Cards: what they may say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probekit.corpora.card import READER_ANNOTATIONS, load_card
from probekit.corpora.readers import READERS
from probekit.errors import CorpusError, InputError

HEAD = 'title = "t"\nlicence = "l"\nreader = "conllu"\nannotations = ["upos"]\n'
FILES = '[files]\ntrain = "a.conllu"\n'
SOURCE = f"""[[sources]]
repo = "o/r"
commit = "{"a" * 40}"
path = "x.conllu"
sha256 = "{"0" * 64}"
split = "train"
"""


def card(text: str, folder: Path) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_own_card(tmp_path: Path) -> None:
    mine = load_card(card(HEAD + SOURCE, tmp_path))
    assert (mine.name, mine.annotations, mine.sources[0].split) == ("mine", ("upos",), "train")
    assert mine.sources[0].url == f"https://raw.githubusercontent.com/o/r/{'a' * 40}/x.conllu"
    assert load_card(str(card(HEAD + FILES, tmp_path))).files == {"train": "a.conllu"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "licens = 'x'\n" + FILES, "unknown key 'licens': did you mean 'licence'?"),
        (HEAD.replace('title = "t"\n', "") + FILES, "the key 'title' is missing"),
        (HEAD.replace('"t"', "3") + FILES, "'title' takes a text, not 3"),
        (HEAD.replace('["upos"]', '"upos"') + FILES, "'annotations' takes a list of texts"),
        (HEAD.replace('["upos"]', "[1]") + FILES, "'annotations' takes a list of texts"),
        (HEAD.replace("conllu", "conlu") + FILES, "unknown reader 'conlu': did you mean 'conllu'?"),
        (HEAD.replace("annotations", "layers") + FILES, "the key 'layers' is now 'annotations'"),
        (HEAD.replace("upos", "uppos") + FILES, "unknown annotation 'uppos': did you mean 'upos'?"),
        (HEAD + FILES.replace("train", "trian"), "unknown split 'trian': did you mean 'train'?"),
        (HEAD + "files = 3\n", "'files' takes a table of texts"),
        (HEAD, "exactly one of"),
        (HEAD + FILES + SOURCE, "exactly one of"),
        (
            HEAD + SOURCE.replace("sha256", "sha265"),
            "source 1: unknown key 'sha265': did you mean 'sha256'?",
        ),
        (HEAD + SOURCE.replace("a" * 40, "main"), "'commit' is 40 hexadecimal digits, not 'main'"),
        (HEAD + SOURCE.replace("o/r", "../x"), "'repo' is OWNER/REPO"),
        (HEAD + SOURCE.replace("x.conllu", "../../x"), "must stay inside the repository"),
        (HEAD + SOURCE.replace("x.conllu", "/etc/x"), "must stay inside the repository"),
        (HEAD + SOURCE.replace(f'sha256 = "{"0" * 64}"\n', ""), "a checksum is missing"),
        (HEAD + SOURCE.replace('path = "x.conllu"\n', ""), "give 'path' for a file, or 'members'"),
        (HEAD + SOURCE.replace('"train"', '"tst"'), "unknown split 'tst': did you mean 'test'?"),
        ("title = ", "is not TOML"),
    ],
)
def test_bad_cards_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as error:
        load_card(card(text, tmp_path))
    assert str(tmp_path / "mine.toml") in str(error.value) and message in str(error.value)


def test_missing_card_and_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot read the corpus card"):
        load_card(tmp_path / "none.toml")
    with pytest.raises(InputError, match="did you mean 'en_ewt'"):
        load_card("en_ewtt")


def test_readers_are_one_vocabulary() -> None:
    assert READERS.keys() == READER_ANNOTATIONS.keys()


def test_listing_cards_imports_nothing_heavy() -> None:
    code = (
        "import sys; from probekit.corpora.card import corpus_cards;"
        "from probekit.corpora.fetch import on_disk;"
        "import probekit.corpora.load; [on_disk(card) for card in corpus_cards()];"
        "heavy = {'numpy', 'requests', 'conllu', 'datasets', 'torch'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
