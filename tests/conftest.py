"""Fixtures of several rooms. Every test has its own cache and no hub."""

from __future__ import annotations

import gc
import os
import re

# Before anything imports huggingface_hub: no test uses the hub.
os.environ["HF_HUB_OFFLINE"] = "1"
# Before anything imports torch: threads that share an operation of a tiny model sleep while they
# wait for each other, which would otherwise take a third of the time of all tests.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Likewise where tests run in several processes, which share the cores.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from probekit import bundle
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import SPLITS, Corpus
from probekit.results.results import Results
from tests.checkpoints import make_bert, make_gpt2
from tests.families import make_family
from tests.ranges import require_in_range

MakeFamily = Callable[..., Path]

# The same examples in every run: what passes here passes elsewhere. To look for new ones:
# HYPOTHESIS_PROFILE=search python -m pytest -k NAME
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """CANINE is slow: its tokenizer lists 1.1 million characters each time it is opened."""
    for item in items:
        if re.search(r"\bcanine\b", item.name):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Exempt what is imported by now from garbage collection: it stays."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test."""
    monkeypatch.setenv("PROBEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PROBEKIT_STATES", raising=False)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def in_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of every result that a command makes in a test lie where their columns say."""
    of_command = Results.of_command

    def checked(results: Results, arguments: Sequence[str]) -> Results:
        require_in_range(results)
        return of_command(results, arguments)

    monkeypatch.setattr(Results, "of_command", checked)


@pytest.fixture(scope="session")
def sample() -> Corpus:
    """The bundled corpus."""
    return load_corpus("sample")


@pytest.fixture(scope="session")
def small(sample: Corpus) -> Corpus:
    """Some documents of every split of the bundled corpus."""
    splits = {split: passages[:120] for split, passages in sample.splits.items()}
    return Corpus("small", splits)


@pytest.fixture(scope="session")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first documents of every split of the bundled corpus, as files: for commands that read
    any text."""
    folder = tmp_path_factory.mktemp("brief") / "brief"
    folder.mkdir()
    for split in SPLITS:
        text = (bundle.folder("corpora") / "sample" / f"{split}.conllu").read_text(encoding="utf-8")
        sentences = text.split("\n\n")[:120]
        (folder / f"{split}.conllu").write_text("\n\n".join(sentences) + "\n\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_bert(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT, 3 layers × 32, at most 64 subwords."""
    return make_bert(tmp_path_factory.mktemp("bert") / "tiny-bert", _texts(sample))


@pytest.fixture(scope="session")
def tiny_gpt2(sample: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2, 3 layers × 32, at most 64 subwords, without a padding token."""
    return make_gpt2(tmp_path_factory.mktemp("gpt2") / "tiny-gpt2", _texts(sample))


def _texts(corpus: Corpus) -> list[str]:
    return [" ".join(passage.words) for passage in corpus.splits["train"]]


@pytest.fixture(scope="session")
def family_texts(sample: Corpus) -> list[str]:
    """What the tokenizers of families learn from."""
    return [" ".join(passage.words) for passage in sample.splits["train"][:400]]


@pytest.fixture(scope="session")
def families(family_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> MakeFamily:
    """Makes each family's checkpoint once, with a tokenizer that names no longest text where
    `endless`. Read only."""
    root = tmp_path_factory.mktemp("families")
    made: dict[tuple[str, bool], Path] = {}

    def give(family: str, *, endless: bool = False) -> Path:
        key = (family, endless)
        if key not in made:
            folder = root / (f"{family}-endless" if endless else family)
            made[key] = make_family(family, folder, family_texts, endless=endless)
        return made[key]

    return give
