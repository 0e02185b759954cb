"""Doctor: what there is to know of a model and how it would read a corpus, before anyone spends an
hour."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from probekit.corpora.passage import SPLITS, Corpus
from probekit.engine.workers import workers
from probekit.errors import ModelError
from probekit.models.align import NO_WORD, align, windows
from probekit.models.checkpoint import Checkpoint
from probekit.models.families import UNKNOWN
from probekit.models.layers import in_words
from probekit.models.model import Model, Reader, open_model
from probekit.models.static import StaticVectors
from probekit.models.words import WordReader
from probekit.states.extract import describe, plan_shards
from probekit.states.settings import ExtractSettings
from probekit.states.store import states_root, store_of

Facts = dict[str, Any]
SAMPLE = 6_000  # words that are read to tell how long all would take
TOO_MANY_LOST = 0.01  # words without a subword
TOO_MANY_UNKNOWN = 0.05  # subwords that stand for anything the vocabulary lacks
FEW_CAPITALS = 0.01  # subwords with capitals in a vocabulary of lower-cased text: names of special ones, symbols
EXAMPLES = 5
_DIRECTION = (
    "is_decoder",
    "is_causal",
    "use_bidirectional_attention",
)  # keys that decide what a word sees


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        facts: by section, each a name and a value.
        problems: what would make results wrong, a sentence each.
        warnings: what a reader must know.
    """

    facts: dict[str, Facts]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(name: str, corpus: Corpus, settings: ExtractSettings) -> Examination:
    """Look at a model by name, and at what it makes of `corpus`.

    Raises ModelError where there is no such model, or its configuration or tokenizer cannot be
    read.
    """
    model = open_model(name, settings.encoder)
    facts = {"model": _of_model(model)}
    problems: list[str] = []
    if isinstance(model, Checkpoint):
        facts["words and subwords"], found = _of_subwords(model, corpus)
        problems += found
    elif isinstance(model, StaticVectors):
        facts["words"], found = _of_words(model, corpus)
        problems += found
    facts["store and time"] = _of_store(model, corpus, settings)
    reader = model.reader(settings.subwords, settings.batch_tokens)
    warnings: list[str] = []
    try:
        facts["store and time"] |= _of_run(reader, model, corpus, problems)
        if isinstance(model, Checkpoint):
            facts["model"]["attention"], warnings = _attention(model)
    except ModelError as error:
        problems.append(str(error))
    return Examination(facts, tuple(problems), (*model.warnings, *warnings))


def _of_model(model: Model) -> Facts:
    facts: Facts = {"name": model.name}
    if isinstance(model, Checkpoint):
        config, encoder = model.encoder.config, model.encoder
        count, types = _weights(model)
        facts |= {
            "family": f"{encoder.family.title} ({config.model_type})",
            "folder": str(model.files.folder),
            "adapter": str(model.files.adapter) if model.files.adapter else None,
            "attention": encoder.family.attention,
            "stack": encoder.stack if encoder.stack != "auto" else "the only one",
            "site": encoder.site,
            "parameters on disk": count,
            "types on disk": types,
            "computed in": str(model.dtype).removeprefix("torch."),
            "bits of its weights": model.bits,
            "device": str(encoder.device),
            "tokenizer": type(encoder.tokenizer).__name__
            + (" (fast)" if encoder.tokenizer.is_fast else " (slow)"),
            "vocabulary": len(encoder.tokenizer),
            "subwords read at once": encoder.limit,
            "batches": model.facts()["batches"],
        }
    facts |= {
        "layers, counting 0": model.n_layers,
        "width": model.dim,
        "layers mean": in_words(model.facts()["layers"]),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _attention(model: Checkpoint) -> tuple[str, list[str]]:
    """What a word sees, as the loaded model shows, and what a reader must know of it."""
    encoder, config = model.encoder, model.encoder.config.get_text_config()
    family = encoder.family
    if encoder.stack == "decoder":  # it sees all of the text through the encoder
        return family.attention, []
    ahead = encoder.looks_ahead()
    seen = "both sides" if ahead else "left"
    if family is UNKNOWN:
        return seen, []
    if ahead == (family.stacks != ("decoder",)):
        return family.attention, []
    set_by = [
        f"{key}: {getattr(config, key)}"
        for key in _DIRECTION
        if getattr(config, key, None) is not None
    ]
    said = f"{seen}, by its configuration ({', '.join(set_by) or 'no known key'})"
    return said, [f"{model.name}: a word sees {said}; models of its family see {family.attention}"]


def _weights(model: Checkpoint) -> tuple[int, str]:
    """Numbers on disk, and their types, from the files' headers."""
    from safetensors import safe_open

    count, types = 0, Counter[str]()
    for path in (*model.files.weights, *model.files.adapter_weights):
        if path.suffix != ".safetensors":
            continue
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 - not a dictionary
                part = file.get_slice(name)
                count += int(np.prod(part.get_shape()))
                types[part.get_dtype()] += 1
    return count, ", ".join(types) or "unknown (pickled)"


def _of_subwords(model: Checkpoint, corpus: Corpus) -> tuple[Facts, list[str]]:
    """How words become subwords: sentences are audited one by one."""
    encoder = model.encoder
    texts = [passage.words for split in SPLITS for passage in corpus.splits[split]]
    aligned = align(texts, encoder.tokenizer)
    words = sum(map(len, texts))
    owned = sum(int((subwords.word != NO_WORD).sum()) for subwords in aligned)
    lost = [
        text[i]
        for text, subwords in zip(texts, aligned, strict=True)
        for i in np.setdiff1d(np.arange(subwords.n_words), subwords.word)
    ]
    read = [windows(number, subwords, encoder.limit) for number, subwords in enumerate(aligned)]
    cut = [
        word
        for text, subwords in zip(texts, aligned, strict=True)
        for word in _too_long(text, subwords.word, encoder.limit)
    ]
    unknown_id = encoder.tokenizer.unk_token_id
    every = np.concatenate([subwords.ids for subwords in aligned])
    unknown = float((every == unknown_id).mean()) if unknown_id is not None else 0.0
    facts: Facts = {
        "corpus": corpus.name,
        "words": words,
        "subwords per word": round(owned / max(words - len(lost), 1), 3),
        "words with no subword": _some(lost),
        "share of subwords unknown": round(unknown, 5),
        "subwords of the longest sentence": max(len(subwords.ids) for subwords in aligned),
        "sentences read in several windows": sum(len(one) > 1 for one in read),
        "words cut by the length limit": _some(cut),
    }
    problems = _lost(len(lost) / max(words, 1), "subword")
    problems += _lost_capitals(encoder.tokenizer)
    if unknown > TOO_MANY_UNKNOWN:
        problems.append(
            f"{unknown:.1%} of the subwords are unknown to the vocabulary: does it know this language?"
        )
    return facts, problems


def _lost_capitals(tokenizer: Any) -> list[str]:
    """Whether text is lower-cased although the vocabulary was made of text that was not."""
    if not tokenizer.is_fast:
        return []
    for word in ("The", "Paris", "I"):
        cased, lower = (
            tokenizer(form, add_special_tokens=False)["input_ids"] for form in (word, word.lower())
        )
        if cased != lower:
            return []
    names = [name for name in tokenizer.get_vocab() if not name.startswith(("[", "<"))]
    share = sum(any(map(str.isupper, name)) for name in names) / max(len(names), 1)
    if share <= FEW_CAPITALS:
        return []
    return [
        f"the tokenizer lower-cases text, and {share:.0%} of its vocabulary have capitals, which it never uses: is "
        "do_lower_case right in its tokenizer_config.json?"
    ]


def _of_words(model: StaticVectors, corpus: Corpus) -> tuple[Facts, list[str]]:
    """Which words have vectors."""
    words = [word for split in SPLITS for word in corpus.splits[split].words.texts()]
    lost = [word for word in words if not model.has(word)]
    facts: Facts = {"corpus": corpus.name, "words": len(words), "words with no vector": _some(lost)}
    return facts, _lost(len(lost) / max(len(words), 1), "vector")


def _lost(share: float, what: str) -> list[str]:
    if share <= TOO_MANY_LOST:
        return []
    return [f"{share:.1%} of the words have no {what}, and would be probed as zeros"]


def _too_long(text: Sequence[str], owner: np.ndarray, limit: int) -> list[str]:
    counts = np.bincount(owner[owner != NO_WORD], minlength=len(text))
    return [text[i] for i in np.flatnonzero(counts > limit).tolist()]


def _some(words: Sequence[str]) -> Facts:
    return {"count": len(words), "examples": list(dict.fromkeys(words))[:EXAMPLES]}


def _of_store(model: Model, corpus: Corpus, settings: ExtractSettings) -> Facts:
    folder = store_of(describe(model, corpus, "sentence", settings))
    shards = plan_shards(model, corpus, "sentence")
    files = sum(len(runs) for runs in shards.values()) * model.n_layers
    here = len(list(folder.glob("*.safetensors")))
    words = sum(int(corpus.offsets(split)[-1]) for split in SPLITS)
    size = words * model.n_layers * model.dim * np.dtype(settings.store_dtype).itemsize
    root = next(path for path in (states_root(), *states_root().parents) if path.exists())
    return {
        "cache": str(folder),
        "files there already": here,
        "files of all layers": files,
        "store in MB": round(size / 1e6, 1),
        "free on its disk in MB": round(shutil.disk_usage(root).free / 1e6),
    }


def _of_run(reader: Reader, model: Model, corpus: Corpus, problems: list[str]) -> Facts:
    """Load it, read some sentences from all over the corpus, and tell how long all would take."""
    started = time.perf_counter()
    reader.load(model.n_layers - 1)
    loading = time.perf_counter() - started
    texts = [passage.words for split in SPLITS for passage in corpus.splits[split]]
    sample = texts[:: max(1, sum(map(len, texts)) // SAMPLE)]
    values = np.zeros((model.n_layers, sum(map(len, sample)), model.dim), dtype=np.float32)
    read = partial(reader.read, layers=range(model.n_layers), values=values)
    batches = list(reader.batches(sample))
    started = time.perf_counter()
    with workers(reader.device) as pool:
        filled = np.concatenate(list(pool.map(read, batches)))
    spent = time.perf_counter() - started
    problems += _of_values(values[:, filled])
    facts: Facts = {"loading in s": round(loading, 1)}
    if isinstance(reader, WordReader):
        rate = sum(batch.rows for batch in batches) / spent
        every = sum(batch.rows for batch in reader.batches(texts))
        facts["subwords per second"] = round(rate)
        facts["extraction on this machine in s, about"] = round(every / rate, 1)
    return facts


def _of_values(values: np.ndarray) -> list[str]:
    """What is wrong with vectors `(layers, words, dim)`."""
    problems = []
    bad = [layer for layer, state in enumerate(values) if not np.isfinite(state).all()]
    if bad:
        problems.append(f"hidden states are not finite at layers {', '.join(map(str, bad))}")
    large = [
        k
        for k, state in enumerate(values)
        if k not in bad and np.abs(state).max(initial=0) > torch.finfo(torch.float16).max
    ]
    if large:
        problems.append(
            f"hidden states at layers {', '.join(map(str, large))} need store_dtype='float32'"
        )
    flat = [
        k
        for k, state in enumerate(values)
        if k not in bad and state.shape[0] > 1 and state.std(axis=0).max() < 1e-6
    ]
    if flat:
        problems.append(f"every word has the same vector at layers {', '.join(map(str, flat))}")
    return problems
