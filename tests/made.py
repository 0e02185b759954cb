"""Corpora and states made by hand, with known contents."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from probekit.corpora.passage import Corpus, Passage, Split
from probekit.places.local import LocalPlace
from probekit.states.shard import Shard
from probekit.states.states import States
from probekit.states.store import Store, name_of, open_store
from probekit.states.stored import Stored

SIZES: dict[Split, int] = {"train": 400, "dev": 100, "test": 100}
WORDS = 10


def made_corpus(
    labels: Mapping[Split, np.ndarray],
    annotation: str = "upos",
    words: int = WORDS,
    name: str = "made",
) -> Corpus:
    """Passages of `words` words each, tagged with `labels` `(n,)` of every split in turn."""
    splits: dict[Split, Any] = {}
    for split, values in labels.items():
        tags = [str(value) for value in values]
        passages = []
        for start in range(0, len(tags), words):
            part = tuple(tags[start : start + words])
            number = start // words
            forms = tuple(f"w{start + i}{split}" for i in range(len(part)))
            passages.append(
                Passage(f"{split}-{number}", f"{split}-d{number // 5}", forms, {annotation: part})
            )
        splits[split] = tuple(passages)
    return Corpus(name, splits)


def made_states(
    corpus: Corpus, values: Mapping[Split, np.ndarray], *, shard_words: int = 700, **facts: str
) -> States:
    """States of `corpus` with the given vectors `(layers, words, dim)` per split, in a store of
    several shards."""
    layers, _, dim = values["train"].shape
    manifest = {"corpus": {"name": corpus.name, "text": corpus.fingerprint}, "context": "sentence"}
    manifest["model"] = {"weights": "made", "tokenizer": "made", **facts}
    manifest["layers"] = {"site": "made"}
    store = open_store(manifest, dim, "float16")
    shards: dict[Split, tuple[Shard, ...]] = {}
    for split, vectors in values.items():
        borders = [*range(0, vectors.shape[1], shard_words), vectors.shape[1]]
        pairs = pairwise(borders)
        shards[split] = tuple(Shard(split, i, a, b) for i, (a, b) in enumerate(pairs))
        for shard in shards[split]:
            for layer in range(layers):
                part = vectors[layer, shard.start : shard.stop].astype(np.float16)
                store.write(shard, layer, part, [])
    return States(
        model="made",
        corpus=corpus,
        layers=tuple(range(layers)),
        n_layers=layers,
        dim=dim,
        values=Stored(store, shards),
        manifest=manifest,
        without_vector=dict.fromkeys(values, ()),
        reused=sum(map(len, shards.values())),
    )


def stored(states: States) -> Stored:
    """Where states are stored on disk."""
    assert isinstance(states.values, Stored)
    return states.values


def folder_of(store: Store) -> Path:
    """The folder of a store on disk."""
    assert isinstance(store.place, LocalPlace)
    return store.place.folder


def file_of(store: Store, shard: Shard, layer: int) -> Path:
    """The file of a shard at a layer in a store on disk."""
    return folder_of(store) / name_of(shard, layer)
