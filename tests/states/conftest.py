"""Checkpoints of families, each made once for all tests of states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from probekit.corpora.passage import Corpus
from tests.families import make_family

MakeFamily = Callable[..., Path]


@pytest.fixture(scope="session")
def family_texts(sample: Corpus) -> list[str]:
    """What the tokenizers of families learn from."""
    return [" ".join(passage.words) for passage in sample.splits["train"][:400]]


@pytest.fixture(scope="session")
def families(family_texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> MakeFamily:
    """Makes each family's checkpoint once, with a tokenizer that names no longest text where `endless`. Read only."""
    root = tmp_path_factory.mktemp("families")
    made: dict[tuple[str, bool], Path] = {}

    def give(family: str, *, endless: bool = False) -> Path:
        key = (family, endless)
        if key not in made:
            folder = root / (f"{family}-endless" if endless else family)
            made[key] = make_family(family, folder, family_texts, endless=endless)
        return made[key]

    return give
