"""Real corpora from the mirror, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probekit.corpora.card import Card, load_card
from probekit.corpora.fetch import on_disk
from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus


def require(name: str) -> Card:
    """The card of a corpus whose files the mirror has; skips where it does not."""
    mirror = os.environ.get("PROBEKIT_MIRROR", "")
    if not mirror:
        pytest.skip("PROBEKIT_MIRROR is not set")
    if mirror.startswith("http") or not on_disk(load_card(name)):
        pytest.skip(f"PROBEKIT_MIRROR ({mirror}) is not a folder with the files of {name}")
    return load_card(name)


@pytest.fixture(scope="package")
def ewt() -> Corpus:
    require("en_ewt")
    return load_corpus("en_ewt")


@pytest.fixture(scope="package")
def gum() -> Corpus:
    require("en_gum")
    return load_corpus("en_gum", allow_modified=True)


@pytest.fixture
def ewt_dev() -> Path:
    """The path of EWT's dev file."""
    card = require("en_ewt")
    place = next(source.place for source in card.sources if source.split == "dev")
    return Path(os.environ["PROBEKIT_MIRROR"]) / place
