"""States: the hidden states of a corpus, with their provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from probekit import doors, html
from probekit.corpora.passage import SPLITS, Context, Corpus, Split
from probekit.errors import InputError, unknown
from probekit.models.model import Model
from probekit.places.local import LocalPlace
from probekit.states.arrays import Arrays
from probekit.states.settings import ExtractSettings
from probekit.states.stored import Stored
from probekit.states.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd
    import torch

GIVEN = "given"  # the site, in a manifest, of vectors that the user computed


@dataclass(frozen=True, repr=False)
class States:
    """One vector per word and layer of a corpus.

    Attributes:
        model: name of the checkpoint in results.
        corpus: the corpus.
        layers: numbers of the layers; 0 is the embeddings.
        n_layers: number of layers of the whole model, the embeddings included.
        dim: width of a vector.
        values: the numbers, on disk or in memory, or what computes them layer by layer.
        manifest: fingerprints and conventions, in codes; equal manifests have equal vectors.
        without_vector: positions, by split, of the words without a subword; their vectors are zero.
        settings: how the corpus was read.
        context: what the model read in one pass: each passage, or each document up to the model's
            limit.
        seconds: time spent on extraction; 0 where all states were in the cache.
        computed: number of shards computed now.
        reused: number of shards found in the cache.
        model_warnings: warnings about the model.
        module: the model, where it cannot be opened by name.
    """

    model: str
    corpus: Corpus
    layers: tuple[int, ...]
    n_layers: int
    dim: int
    values: Stored | Arrays | Sweep
    manifest: Mapping[str, Any]
    without_vector: Mapping[Split, tuple[int, ...]]
    settings: ExtractSettings = field(default_factory=ExtractSettings)
    context: Context = "sentence"
    seconds: float = 0.0
    computed: int = 0
    reused: int = 0
    model_warnings: tuple[str, ...] = ()
    module: Model | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Without the model, whose vectors are in `values`."""
        return {**vars(self), "module": None}

    @classmethod
    def of(
        cls,
        vectors: Mapping[Split, Any],
        corpus: Corpus,
        *,
        name: str = "given vectors",
        context: Context = "sentence",
    ) -> States:
        """States of your own vectors.

        Args:
            vectors: for each split, an array or tensor `(layers, words, dim)`, or `(words, dim)`
                for one layer, with one row per word of the split in the order of
                `corpus.splits[split].words`. Half precision stays, other types become float32.
            corpus: the words.
            name: name of the vectors in results.
            context: what their model read in one pass. Tasks of another context are refused.

        Raises InputError where the shape of the vectors does not fit the corpus.
        """
        doors.of_type("corpus", corpus, Corpus)
        doors.of_type("name", name, str)
        doors.choice("context", context, ("sentence", "document"))
        doors.of_type("vectors", vectors, Mapping)
        values: dict[Split, np.ndarray] = {}
        for split in SPLITS:
            values[split] = _checked(vectors, split, corpus)
        layers, _, dim = values["train"].shape
        for split, array in values.items():
            if array.shape[::2] != (layers, dim) or array.dtype != values["train"].dtype:
                found = f"{array.shape[0]} layers of width {array.shape[2]} ({array.dtype})"
                expected = f"{layers} of width {dim} ({values['train'].dtype})"
                raise InputError(f"vectors: '{split}' has {found}, and 'train' {expected}")
        zeros: dict[Split, tuple[int, ...]] = {}
        for split, array in values.items():
            is_zero = ~array.any(axis=(0, 2))
            zeros[split] = tuple(np.flatnonzero(is_zero).tolist())
        numbers = tuple(range(layers))
        return cls(
            model=name,
            corpus=corpus,
            layers=numbers,
            n_layers=layers,
            dim=dim,
            values=Arrays(corpus, numbers, values, context),
            manifest=_manifest(values, corpus, context),
            without_vector=zeros,
            context=context,
        )

    def __repr__(self) -> str:
        layers = f"{len(self.layers)} of {self.n_layers} layers"
        words = sum(int(self.corpus.offsets(split)[-1]) for split in self.corpus.splits)
        size = f"{words:,} words × {self.dim} in {self.dtype}"
        return f"States({self.model!r} on {self.corpus.name!r}: {layers}, {size})"

    def _repr_html_(self) -> str:
        import pandas as pd

        facts = {
            "layers": ", ".join(map(str, self.layers)),
            "context": self.context,
            "stored in": self.stored_in or "memory",
        }
        frame = pd.DataFrame(facts.items(), columns=["what", "value"])
        return html.page(repr(self), frame, self.warnings)

    @property
    def dtype(self) -> str:
        """Type of the numbers."""
        return self.values.dtype

    @property
    def folder(self) -> Path | None:
        """The folder of their store; None in memory, and behind a URL."""
        place = self.values.store.place if isinstance(self.values, Stored) else None
        return place.folder if isinstance(place, LocalPlace) else None

    @property
    def stored_in(self) -> str:
        """The folder or URL of their store; empty in memory."""
        return str(self.values.store.place) if isinstance(self.values, Stored) else ""

    @property
    def is_given(self) -> bool:
        """Whether they are the user's own vectors."""
        return isinstance(self.values, Arrays)

    def read(
        self,
        split: Split,
        start: int,
        stop: int,
        layers: Sequence[int] | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Vectors of the words from `start` up to `stop`, `(layers, stop - start, dim)`.

        Args:
            split: the split.
            start, stop: positions in the split.
            layers: numbers of the layers to read; None for all.
            out: an array of that shape and of `dtype` to write into; None for a new one.
        """
        if layers is None:
            layers = self.layers
        return self.values.read(split, start, stop, layers, out)

    def numpy(self, split: Split, layers: int | Sequence[int] | None = None) -> np.ndarray:
        """The vectors of a split as an array of type `dtype`.

        Row i belongs to row i of `words(split)`.

        Args:
            split: the split.
            layers: one layer, several, or None for all.

        Returns `(words, dim)` for a single layer, else `(layers, words, dim)`.

        Raises InputError for an unknown split, or a layer that was not read.
        """
        doors.choice("split", split, SPLITS)
        wanted = self.layers if layers is None else doors.whole_numbers("layers", layers)
        odd = [layer for layer in wanted if layer not in self.layers]
        if odd:
            raise InputError(
                f"layers: '{self.model}' was read at {list(self.layers)}, not at {odd[0]}"
            )
        n_words = int(self.corpus.offsets(split)[-1])
        found = self.read(split, 0, n_words, wanted)
        is_single = layers is not None and np.ndim(layers) == 0
        return found[0] if is_single else found

    def torch(self, split: Split, layers: int | Sequence[int] | None = None) -> torch.Tensor:
        """The vectors of a split as a tensor on the CPU: see `numpy`."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(self.numpy(split, layers)))

    def words(self, split: Split) -> pd.DataFrame:
        """The words of a split, one row per vector: `word`, `passage`, `document`, and `place`, the
        word's position in the passage."""
        import pandas as pd

        doors.choice("split", split, SPLITS)
        passages = self.corpus.splits[split]
        lengths = np.diff(passages.offsets)
        columns = {
            "word": passages.words.texts(),
            "passage": np.repeat(np.array(passages.ids.texts(), dtype=object), lengths),
            "document": np.repeat(np.array(passages.documents.texts(), dtype=object), lengths),
            "place": np.arange(len(passages.words)) - np.repeat(passages.offsets[:-1], lengths),
        }
        return pd.DataFrame(columns)

    def words_without_vector(self) -> list[tuple[Split, str]]:
        """The words without a subword, whose vectors are zero."""
        found: list[tuple[Split, str]] = []
        for split, positions in self.without_vector.items():
            words = self.corpus.splits[split].words.take(np.array(positions, dtype=np.int64))
            found += [(split, word) for word in words.texts()]
        return found

    @property
    def warnings(self) -> list[str]:
        """Warnings about the model, and about words without a vector."""
        lost = self.words_without_vector()
        if not lost:
            return list(self.model_warnings)
        distinct = list(dict.fromkeys(word for _, word in lost))
        examples = ", ".join(map(repr, distinct[:5]))
        total = sum(int(self.corpus.offsets(split)[-1]) for split in SPLITS)
        what = "no subword" if "window" in self.manifest else "no vector"
        share = f"{len(lost):,} of {total:,} words"
        text = f"{self.model} on {self.corpus.name}: {share} have {what} ({examples}): zero vectors"
        return [*self.model_warnings, text]


def _checked(vectors: Mapping[Split, Any], split: Split, corpus: Corpus) -> np.ndarray:
    """The vectors of a split, `(layers, words, dim)`. Raises InputError."""
    odd = [name for name in vectors if name not in SPLITS]
    if odd:
        raise InputError(f"vectors: {unknown('split', str(odd[0]), SPLITS)}")
    if split not in vectors:
        raise InputError(
            f"vectors has no '{split}': it takes an array for each of {', '.join(SPLITS)}"
        )
    array = _as_array(vectors[split])
    shape = array.shape
    if array.ndim == 2:
        array = array[None]
    n_words = int(corpus.offsets(split)[-1])
    fits = array.ndim == 3 and array.shape[1] == n_words and 0 not in array.shape[::2]
    if not (fits and np.issubdtype(array.dtype, np.number)):
        raise InputError(
            f"vectors: '{split}' takes numbers (layers, {n_words:,} words, width) or "
            f"({n_words:,} words, width), one row per word of '{corpus.name}', "
            f"not {array.dtype} {shape}"
        )
    if array.dtype != np.float16:
        array = array.astype(np.float32)
    is_finite = np.isfinite(array).all(axis=(0, 2))
    broken = np.flatnonzero(~is_finite)
    if len(broken):
        raise InputError(
            f"vectors: '{split}' has {len(broken):,} words with numbers that are not finite "
            f"(first: row {broken[0]})"
        )
    return array


def _as_array(given: Any) -> np.ndarray:
    """An array or tensor as an array; numpy has no bfloat16."""
    if not hasattr(given, "detach"):
        return np.asarray(given)
    tensor = given.detach().cpu()
    is_half = str(tensor.dtype) == "torch.float16"
    return np.asarray(tensor if is_half else tensor.float())


def _manifest(
    values: Mapping[Split, np.ndarray], corpus: Corpus, context: Context
) -> dict[str, Any]:
    digest = xxhash.xxh3_128()
    for split, array in values.items():
        digest.update(f"{split} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return {
        "model": {"vectors": digest.hexdigest()},
        "corpus": {"text": corpus.fingerprint},
        "context": context,
        "layers": {"site": GIVEN},
        "dtype": str(values["train"].dtype),
    }
