"""Doctor: facts about a model and how it would read a corpus, before anyone spends an hour."""

from __future__ import annotations

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
from probekit.errors import ModelError, StoreError
from probekit.models.align import NO_WORD, align, windows
from probekit.models.block_by_block import why_not
from probekit.models.checkpoint import Checkpoint
from probekit.models.encoder_model import EncoderModel
from probekit.models.families import UNKNOWN
from probekit.models.layers import explain_layers
from probekit.models.loaded import LoadedModel, as_loaded
from probekit.models.model import Model, Reader, open_model
from probekit.models.static import StaticVectors
from probekit.models.words import WordReader
from probekit.progress import silent
from probekit.states.extract import describe, plan_shards
from probekit.states.layers_text import layers_text
from probekit.states.reading import read_each, require_readable
from probekit.states.settings import ExtractSettings
from probekit.states.store import store_of
from probekit.states.sweep import Sweep
from probekit.states.sweep_facts import sweep_facts

Facts = dict[str, Any]
SAMPLE = 6_000  # words that are read to estimate the time for all
MAX_LOST = 0.01  # share of words without a subword
MAX_UNKNOWN = 0.05  # share of subwords outside the vocabulary
MAX_CAPITALS = 0.01  # share of subwords with capitals in a lower-cased vocabulary (special tokens)
EXAMPLES = 5
_DIRECTION_KEYS = ("is_decoder", "is_causal", "use_bidirectional_attention")


@dataclass(frozen=True)
class Examination:
    """What the doctor found.

    Attributes:
        facts: by section, values by name.
        problems: what would make results wrong, one sentence each.
        warnings: one sentence each.
    """

    facts: dict[str, Facts]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(subject: str | LoadedModel, corpus: Corpus, settings: ExtractSettings) -> Examination:
    """Examine a model, and how it would read `corpus`.

    Raises ModelError where the model does not exist, or its configuration or tokenizer cannot be
    read.
    """
    model = open_model(as_loaded(subject), settings.encoder)
    facts = {"model": _model_facts(model)}
    problems: list[str] = []
    if isinstance(model, EncoderModel):
        facts["words and subwords"], found = _subword_facts(model, corpus)
        problems += found
    elif isinstance(model, StaticVectors):
        facts["words"], found = _word_facts(model, corpus)
        problems += found
    if settings.states == "none":
        require_readable(model, settings)
        (states,) = read_each(model, corpus, ["sentence"], settings, silent)
        assert isinstance(states.values, Sweep)
        odd = _OddVectors()
        try:
            facts["sweep"] = sweep_facts(states.values, odd.add)
        except (ModelError, StoreError) as error:
            problems.append(str(error))
        problems += odd.problems()
        return Examination(facts, tuple(problems), tuple(states.warnings))
    facts["store and time"] = _store_facts(model, corpus, settings)
    reader = model.reader(settings.subwords, settings.batch_tokens)
    warnings: list[str] = []
    try:
        facts["store and time"] |= _run_facts(reader, model, corpus, problems)
        if isinstance(model, EncoderModel):
            facts["model"]["attention"], warnings = _attention(model)
    except ModelError as error:
        problems.append(str(error))
    return Examination(facts, tuple(problems), (*model.warnings, *warnings))


def _model_facts(model: Model) -> Facts:
    facts: Facts = {"name": model.name}
    if isinstance(model, EncoderModel):
        config, encoder = model.encoder.config, model.encoder
        files = model.files if isinstance(model, Checkpoint) else None
        speed = "fast" if encoder.tokenizer.is_fast else "slow"
        facts |= {
            "family": f"{encoder.family.title} ({config.model_type})",
            "folder": str(files.folder) if files else "none: it is in memory",
            "adapter": str(files.adapter) if files and files.adapter else None,
            "attention": encoder.family.attention,
            "stack": encoder.stack if encoder.stack != "auto" else "the only one",
            "site": encoder.site,
            **_weight_facts(model),
            "computed in": str(model.dtype).removeprefix("torch."),
            "bits of its weights": model.bits,
            "device": str(encoder.device),
            "tokenizer": f"{type(encoder.tokenizer).__name__} ({speed})",
            "vocabulary": len(encoder.tokenizer),
            "subwords read at once": encoder.limit,
            "batches": model.facts()["batches"],
            "block by block": _block_by_block(model),
        }
    facts |= {
        "layers, counting 0": model.n_layers,
        "width": model.dim,
        "layers mean": explain_layers(model.facts()["layers"]),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _block_by_block(model: EncoderModel) -> str:
    """Whether a model can be read without states on disk (`states='none'`)."""
    why = why_not(model.encoder)
    if why:
        return f"no: it {why}"
    return "yes, if a trial shows it" if model.encoder.family is UNKNOWN else "yes"


def _attention(model: EncoderModel) -> tuple[str, list[str]]:
    """Which side of a word the loaded model sees, and a warning where its family sees another."""
    encoder, config = model.encoder, model.encoder.config.get_text_config()
    family = encoder.family
    if encoder.stack == "decoder":  # through the encoder it sees the whole text
        return family.attention, []
    ahead = encoder.looks_ahead()
    seen = "both sides" if ahead else "left"
    if family is UNKNOWN:
        return seen, []
    if ahead == (family.stacks != ("decoder",)):
        return family.attention, []
    set_by = [
        f"{key}: {getattr(config, key)}"
        for key in _DIRECTION_KEYS
        if getattr(config, key, None) is not None
    ]
    found = f"{seen}, by its configuration ({', '.join(set_by) or 'no known key'})"
    return found, [
        f"{model.name}: a word sees {found}; models of its family see {family.attention}"
    ]


def _weight_facts(model: EncoderModel) -> Facts:
    """The number and types of the weights on disk, from the headers of the files."""
    if not isinstance(model, Checkpoint):
        return {}
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
    known = ", ".join(types) or "unknown (pickled)"
    return {"parameters on disk": count, "types on disk": known}


def _subword_facts(model: EncoderModel, corpus: Corpus) -> tuple[Facts, list[str]]:
    """How the words of every sentence become subwords."""
    encoder = model.encoder
    texts = _texts(corpus)
    aligned = align(texts, encoder.tokenizer)
    words = sum(map(len, texts))
    owned, split_up = 0, 0
    lost: list[str] = []
    cut: list[str] = []
    for number, (text, subwords) in enumerate(zip(texts, aligned, strict=True)):
        owned += int((subwords.word != NO_WORD).sum())
        split_up += len(windows(number, subwords, encoder.limit)) > 1
        lost += [text[i] for i in np.setdiff1d(np.arange(subwords.n_words), subwords.word)]
        cut += _too_long(text, subwords.word, encoder.limit)
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
        "sentences read in several windows": split_up,
        "words cut by the length limit": _some(cut),
    }
    problems = _lost(len(lost) / max(words, 1), "subword")
    problems += _lost_capitals(encoder.tokenizer)
    if unknown > MAX_UNKNOWN:
        problems.append(
            f"{unknown:.1%} of the subwords are unknown to the vocabulary: was it made for this "
            "language?"
        )
    return facts, problems


def _lost_capitals(tokenizer: Any) -> list[str]:
    """A problem where the tokenizer lower-cases text and its vocabulary is of cased text."""
    if not tokenizer.is_fast:
        return []
    for word in ("The", "Paris", "I"):
        cased = tokenizer(word, add_special_tokens=False)["input_ids"]
        lower = tokenizer(word.lower(), add_special_tokens=False)["input_ids"]
        if cased != lower:
            return []
    names = [name for name in tokenizer.get_vocab() if not name.startswith(("[", "<"))]
    share = sum(any(map(str.isupper, name)) for name in names) / max(len(names), 1)
    if share <= MAX_CAPITALS:
        return []
    return [
        f"the tokenizer lower-cases text, and {share:.0%} of its vocabulary have capitals, which "
        "it never uses: is do_lower_case right in its tokenizer_config.json?"
    ]


def _word_facts(model: StaticVectors, corpus: Corpus) -> tuple[Facts, list[str]]:
    """Which words have vectors."""
    words: list[str] = []
    for split in SPLITS:
        words += corpus.splits[split].words.texts()
    lost = [word for word in words if not model.has(word)]
    facts: Facts = {"corpus": corpus.name, "words": len(words), "words with no vector": _some(lost)}
    return facts, _lost(len(lost) / max(len(words), 1), "vector")


def _texts(corpus: Corpus) -> list[Sequence[str]]:
    """The words of every passage of all splits."""
    texts: list[Sequence[str]] = []
    for split in SPLITS:
        texts += [passage.words for passage in corpus.splits[split]]
    return texts


def _lost(share: float, what: str) -> list[str]:
    if share <= MAX_LOST:
        return []
    return [f"{share:.1%} of the words have no {what}, and would be probed as zeros"]


def _too_long(text: Sequence[str], owner: np.ndarray, limit: int) -> list[str]:
    counts = np.bincount(owner[owner != NO_WORD], minlength=len(text))
    return [text[i] for i in np.flatnonzero(counts > limit).tolist()]


def _some(words: Sequence[str]) -> Facts:
    return {"count": len(words), "examples": list(dict.fromkeys(words))[:EXAMPLES]}


def _store_facts(model: Model, corpus: Corpus, settings: ExtractSettings) -> Facts:
    place = store_of(describe(model, corpus, "sentence", settings))
    shards = plan_shards(model, corpus, "sentence")
    files = sum(len(runs) for runs in shards.values()) * model.n_layers
    existing = sum(one.name.endswith(".safetensors") for one in place.listing())
    words = sum(int(corpus.offsets(split)[-1]) for split in SPLITS)
    size = words * model.n_layers * model.dim * np.dtype(settings.store_dtype).itemsize
    facts: Facts = {
        "cache": str(place),
        "files there already": existing,
        "files of all layers": files,
        "store in MB": round(size / 1e6, 1),
    }
    free = place.free()
    return facts if free is None else {**facts, "free on its disk in MB": round(free / 1e6)}


def _run_facts(reader: Reader, model: Model, corpus: Corpus, problems: list[str]) -> Facts:
    """Load the model, read a sample of the corpus's sentences, and estimate the time for all."""
    started = time.perf_counter()
    reader.load(model.n_layers - 1)
    loading = time.perf_counter() - started
    texts = _texts(corpus)
    sample = texts[:: max(1, sum(map(len, texts)) // SAMPLE)]
    values = np.zeros((model.n_layers, sum(map(len, sample)), model.dim), dtype=np.float32)
    read = partial(reader.read, layers=range(model.n_layers), values=values)
    batches = list(reader.batches(sample))
    started = time.perf_counter()
    with workers(reader.device) as pool:
        filled = np.concatenate(list(pool.map(read, batches)))
    spent = time.perf_counter() - started
    odd = _OddVectors()
    for layer, of_layer in enumerate(values):
        odd.add(layer, of_layer[filled])
    problems += odd.problems()
    facts: Facts = {"loading in s": round(loading, 1)}
    if isinstance(reader, WordReader):
        rate = sum(batch.rows for batch in batches) / spent
        every = sum(batch.rows for batch in reader.batches(texts))
        facts["subwords per second"] = round(rate)
        facts["extraction on this machine in s, about"] = round(every / rate, 1)
    return facts


class _OddVectors:
    """Layers whose vectors of words would make results wrong."""

    def __init__(self) -> None:
        self._infinite: list[int] = []
        self._large: list[int] = []
        self._constant: list[int] = []

    def add(self, layer: int, values: np.ndarray) -> None:
        """Look at the vectors of a layer, `(words, dim)`."""
        if not np.isfinite(values).all():
            self._infinite.append(layer)
            return
        if np.abs(values).max(initial=0) > torch.finfo(torch.float16).max:
            self._large.append(layer)
        if values.shape[0] > 1 and values.std(axis=0).max() < 1e-6:
            self._constant.append(layer)

    def problems(self) -> list[str]:
        """One sentence each."""
        found = []
        if self._infinite:
            found.append(f"hidden states are not finite at {layers_text(self._infinite)}")
        if self._large:
            found.append(f"hidden states at {layers_text(self._large)} need store_dtype='float32'")
        if self._constant:
            found.append(f"every word has the same vector at {layers_text(self._constant)}")
        return found
