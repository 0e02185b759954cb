"""States against a naive extractor: one sentence at a time, one word at a time."""

from __future__ import annotations

import shutil
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from probekit.corpora.passage import Corpus, Passage
from probekit.errors import InputError, ProbekitWarning, StoreError
from probekit.models.align import Window
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.model import open_model
from probekit.models.words import GPU_BATCH, batches
from probekit.progress import silent
from probekit.states import extract as extraction
from probekit.states.extract import _shards, extract, extract_from, in_context
from probekit.states.settings import ExtractSettings
from probekit.states.states import States
from tests.made import file_of, folder_of, stored


@lru_cache(maxsize=1)
def plain(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and model as transformers gives them."""
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def naive(folder: Path, words: list[str], subwords: str = "mean") -> np.ndarray:
    """(layers, words, dim): the words joined by spaces, the model run on them alone."""
    tokenizer, model = plain(folder)
    encoded = tokenizer(" ".join(words), return_offsets_mapping=True, return_tensors="pt")
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        hidden = model(**encoded, output_hidden_states=True).hidden_states
    vectors, start = [], 0
    for word in words:
        own = []
        for i, (begin, end) in enumerate(offsets):
            if begin < start + len(word) and end > max(start, begin):
                own.append(i)
        take = {"mean": own, "first": own[:1], "last": own[-1:]}[subwords]
        vectors.append(torch.stack([layer[0, take].mean(0) for layer in hidden]))
        start += len(word) + 1
    return torch.stack(vectors, dim=1).numpy()


@pytest.mark.parametrize("checkpoint", ["tiny_bert", "tiny_gpt2"])
@pytest.mark.parametrize("subwords", ["mean", "first", "last"])
def test_states_are_the_naive_extractors(
    checkpoint: str, subwords: str, small: Corpus, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(checkpoint)
    states = extract(str(folder), small, subwords=subwords)
    offsets = small.offsets("test")
    for number, passage in enumerate(small.splits["test"][:25]):
        found = states.read("test", int(offsets[number]), int(offsets[number + 1]))
        np.testing.assert_allclose(
            found, naive(folder, list(passage.words), subwords), atol=5e-3, rtol=1e-3
        )


def test_cls_is_the_first_state_of_the_text(small: Corpus, tiny_bert: Path) -> None:
    states = extract(str(tiny_bert), small, subwords="cls")
    tokenizer, model = plain(tiny_bert)
    offsets = small.offsets("test")
    for number, passage in enumerate(small.splits["test"][:10]):
        found = states.read("test", int(offsets[number]), int(offsets[number + 1]))
        with torch.no_grad():
            encoded = tokenizer(" ".join(passage.words), return_tensors="pt")
            hidden = model(**encoded, output_hidden_states=True).hidden_states
        expected = np.stack([state[0, :1].numpy() for state in hidden])
        np.testing.assert_allclose(
            found, np.repeat(expected, len(passage.words), axis=1), atol=5e-3, rtol=1e-3
        )
    assert states.manifest["subwords"] == "cls"
    assert folder_of(stored(states).store) != folder_of(
        stored(extract(str(tiny_bert), small)).store
    )


def test_a_model_without_cls_is_refused_before_any_work(
    tiny_gpt2: Path, small: Corpus, own_cache: Path, tmp_path: Path
) -> None:
    vectors = tmp_path / "w2v.txt"
    vectors.write_text("1 2\nthe 0.5 0.5\n")
    module = torch.nn.Sequential(torch.nn.Embedding(30_000, 4))
    tokenizer, _ = plain(tiny_gpt2)
    models: list[tuple[Any, dict[str, Any]]] = [
        (str(tiny_gpt2), {}),
        (str(vectors), {}),
        (module, {"tokenizer": tokenizer, "layers": ["0"]}),
    ]
    for model, options in models:
        with pytest.raises(InputError, match=r"subwords cannot be 'cls' for .* span = 'last'"):
            extract(model, small, subwords="cls", **options)
    assert not (own_cache / "states").exists()


def test_a_real_model_agrees_too(small: Corpus) -> None:
    from probekit.models.names import packaged_minilm

    folder = packaged_minilm()
    if folder is None:
        pytest.skip("the extra [demo] is not installed")
    states = extract("minilm", Corpus("few", {s: p[:20] for s, p in small.splits.items()}))
    offsets = small.offsets("train")
    for number, passage in enumerate(small.splits["train"][:20]):
        found = states.read("train", int(offsets[number]), int(offsets[number + 1])).astype(
            np.float32
        )
        expected = naive(folder, list(passage.words))
        assert np.abs(found - expected).max() / np.abs(expected).max() < 1e-3


@pytest.mark.parametrize("checkpoint", ["tiny_bert", "tiny_gpt2"])
def test_blocks_nobody_needs_are_not_run(
    checkpoint: str, small: Corpus, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(checkpoint))
    every = extract(folder, small)
    encoder = Checkpoint(str(folder), EncoderSettings()).encoder
    encoder.load(2)
    run: list[int] = []
    lists = [m for m in encoder.held.model.modules() if isinstance(m, torch.nn.ModuleList)]
    for i, block in enumerate(next(blocks for blocks in lists if len(blocks) == 2)):
        block.register_forward_hook(lambda *_, i=i: run.append(i))
    assert len(encoder.hidden_states([np.array([5, 6])])) == 3
    assert run == [0, 1]
    shutil.rmtree(folder_of(stored(every).store))
    some = extract(folder, small, layers=(0, 2))
    assert some.layers == (0, 2)
    np.testing.assert_allclose(
        some.read("dev", 0, 50), _again(folder, small).read("dev", 0, 50, [0, 2]), atol=2e-3
    )


def _again(folder: str, corpus: Corpus) -> States:
    return extract(folder, corpus, subwords="mean", batch_tokens=128)


def test_batches_keep_to_their_budget(small: Corpus, tiny_bert: Path) -> None:
    from probekit.models.align import align, windows

    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    subwords = align([p.words for p in small.splits["train"]], tokenizer)
    every = []
    for number, text in enumerate(subwords):
        every += windows(number, text, 62)
    found = list(batches(every, 256))
    texts = sorted(window.text for window in chain.from_iterable(found))
    assert texts == list(range(len(subwords)))
    for batch in found:
        longest = max(w.stop - w.start for w in batch)
        assert longest * len(batch) <= 256 or len(batch) == 1


def test_large_batches_have_texts_of_similar_length() -> None:
    lengths = np.random.default_rng(0).integers(4, 120, 4_000).tolist()
    nothing = np.zeros(0, dtype=int)
    every = [Window(i, 0, length, nothing, nothing) for i, length in enumerate(lengths)]
    found = list(batches(every, GPU_BATCH))
    padded = sum(len(batch) * (batch[0].stop - batch[0].start) for batch in found)
    assert padded < 1.1 * sum(lengths) and len(found) < 40
    for batch in found:
        assert len(batch) * (batch[0].stop - batch[0].start) <= GPU_BATCH


def test_a_long_sentence_is_read_in_windows(tiny_bert: Path) -> None:
    words = tuple(f"word{i % 7}" for i in range(300))
    corpus = Corpus("long", {s: (Passage(s, s, words),) for s in ("train", "dev", "test")})
    states = extract(str(tiny_bert), corpus)
    vectors = states.read("train", 0, 300)
    assert np.isfinite(vectors).all() and (np.abs(vectors).sum(-1) > 0).all()
    assert states.words_without_vector() == []


@pytest.mark.parametrize("model", ["tiny_bert", "tiny_gpt2"])
def test_a_long_document_is_worked_off_in_shards_with_the_same_vectors(
    model: str, small: Corpus, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    passages = small.splits["train"]
    long = tuple(
        Passage(p.id, "one" if i > 3 else "short", p.words) for i, p in enumerate(passages)
    )
    corpus = Corpus("long", {"train": long, "dev": passages[:5], "test": passages[:5]})
    name, n = str(request.getfixturevalue(model)), int(corpus.offsets("train")[-1])
    together = extract(name, corpus, context="document")
    expected = together.read("train", 0, n).astype(np.float32)
    assert len(stored(together).shards["train"]) == 1
    folder_of(stored(together).store).rename(
        folder_of(stored(together).store).with_name("elsewhere")
    )
    monkeypatch.setattr("probekit.states.extract.LONG", 200)
    monkeypatch.setattr("probekit.states.extract.SHARD_WORDS", 200)
    cut = extract(name, corpus, context="document")
    shards = stored(cut).shards["train"]
    assert len(shards) > 5 and max(shard.stop - shard.start for shard in shards) <= 200
    starts, stops = [shard.start for shard in shards], [shard.stop for shard in shards]
    assert starts[1:] == stops[:-1] and stops[-1] == n
    assert cut.computed == sum(len(runs) for runs in stored(cut).shards.values())
    assert cut.without_vector == together.without_vector
    np.testing.assert_allclose(cut.read("train", 0, n).astype(np.float32), expected, atol=4e-3)


@pytest.mark.parametrize(
    "lengths, words, longest, expected",
    [
        ([5, 5, 5], 8, 100, [(0, 10), (10, 15)]),
        ([5, 250, 5], 8, 100, [(0, 5), (5, 88), (88, 171), (171, 255), (255, 260)]),
        ([100, 101], 8, 100, [(0, 100), (100, 150), (150, 201)]),
        ([250], 200, 100, [(0, 125), (125, 250)]),
        ([], 8, 100, []),
        ([0], 8, 100, []),
        ([3, 0, 7], 4, 100, [(0, 10)]),
    ],
)
def test_shards_are_whole_units_or_parts_of_one(
    lengths: list[int],
    words: int,
    longest: int,
    expected: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("probekit.states.extract.LONG", longest)
    units = np.cumsum([0, *lengths])
    found = list(_shards("train", units, words))
    assert [(shard.start, shard.stop) for shard in found] == expected
    assert [shard.number for shard in found] == list(range(len(found)))


def test_documents_are_read_together(small: Corpus, tiny_bert: Path) -> None:
    alone = extract(str(tiny_bert), small)
    together = in_context(alone, "document")
    document = [
        p for p in small.splits["train"] if p.document == small.splits["train"][0].document
    ][:2]
    n = len(document[0].words)
    assert np.abs(together.read("train", 0, n)[3] - alone.read("train", 0, n)[3]).max() > 0.01
    # Layer 0 of the first sentence sees no neighbours: the same either way.
    np.testing.assert_allclose(
        together.read("train", 0, n)[0], alone.read("train", 0, n)[0], atol=1e-3
    )
    assert len(document) == 2


def test_words_without_a_subword_are_named(tiny_bert: Path) -> None:
    passages = (Passage("1", "d", ("the", "\u200b", "cat")),)
    corpus = Corpus("odd", {"train": passages, "dev": passages, "test": passages})
    states = extract(str(tiny_bert), corpus)
    assert states.words_without_vector() == [
        ("train", "\u200b"),
        ("dev", "\u200b"),
        ("test", "\u200b"),
    ]
    assert not states.read("train", 1, 2).any() and states.read("train", 0, 1).any()
    assert extract(str(tiny_bert), corpus).without_vector["test"] == (1,)


def test_the_second_time_nothing_is_computed(small: Corpus, tiny_bert: Path) -> None:
    first = extract(str(tiny_bert), small)
    assert first.computed and not first.reused
    second = extract(str(tiny_bert), small)
    assert second.reused == first.computed and not second.computed


def test_a_checkpoint_is_known_by_its_weights(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    extract(str(tiny_bert), small)
    moved = shutil.copytree(tiny_bert, tmp_path / "moved")
    assert not extract(str(moved), small).computed
    model = AutoModel.from_pretrained(moved)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[5, 0] += 0.1
    model.save_pretrained(moved)
    assert extract(str(moved), small).computed


def test_a_damaged_shard_is_computed_again_with_a_warning(small: Corpus, tiny_bert: Path) -> None:
    states = extract(str(tiny_bert), small)
    before = states.read("train", 0, 100)
    path = file_of(stored(states).store, stored(states).shards["train"][0], 1)
    content = bytearray(path.read_bytes())
    content[-10] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.warns(ProbekitWarning, match="computed again"):
        again = extract(str(tiny_bert), small)
    assert again.computed == 1
    np.testing.assert_array_equal(again.read("train", 0, 100), before)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(ProbekitWarning, match="computed again"):
        assert extract(str(tiny_bert), small).computed == 1


def test_more_layers_reuse_those_that_are_there(small: Corpus, tiny_bert: Path) -> None:
    few = extract(str(tiny_bert), small, layers=(1,))
    times = {
        path: path.stat().st_mtime_ns for path in folder_of(stored(few).store).glob("*.safetensors")
    }
    extract(str(tiny_bert), small)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_reading_across_shards(
    small: Corpus, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = extract(str(tiny_bert), small).read("train", 0, 600)
    monkeypatch.setattr(extraction, "SHARD_WORDS", 100)
    other = Corpus("other name", small.splits)
    states = extract(str(tiny_bert), other)
    assert len(stored(states).shards["train"]) > 3
    np.testing.assert_allclose(states.read("train", 0, 600), whole, atol=2e-3)
    np.testing.assert_array_equal(
        states.read("train", 37, 411), states.read("train", 0, 600)[:, 37:411]
    )


def test_values_too_large_for_half_precision_are_an_error(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "large")
    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        model.embeddings.LayerNorm.weight.mul_(1e6)
    model.save_pretrained(folder)
    with pytest.raises(StoreError, match="store_dtype='float32'"):
        extract(str(folder), small)
    states = extract(str(folder), small, store_dtype="float32")
    assert np.isfinite(states.read("dev", 0, 10)).all()


def test_layers_that_are_not_there(small: Corpus, tiny_bert: Path) -> None:
    with pytest.raises(InputError, match="no layer 9: its layers are 0"):
        extract(str(tiny_bert), small, layers=(9,))


def test_settings_are_part_of_the_key(small: Corpus, tiny_bert: Path) -> None:
    folders = {
        extract(str(tiny_bert), small, **change).folder  # type: ignore[arg-type]
        for change in (
            {},
            {"subwords": "first"},
            {"context": "document"},
            {"store_dtype": "float32"},
        )
    }
    assert len(folders) == 4


def test_a_model_that_was_released_reads_on(
    tiny_bert: Path, small: Corpus, own_cache: Path
) -> None:
    """Its upper blocks were dropped for lower layers, and are loaded again."""
    model = open_model(str(tiny_bert), EncoderSettings())
    low = extract_from(model, small, "sentence", ExtractSettings(layers=(1,)), silent).numpy(
        "dev", 1
    )
    every = extract_from(model, small, "document", ExtractSettings(), silent).numpy("dev")
    shutil.rmtree(own_cache)
    assert np.array_equal(low, extract(tiny_bert, small, layers=1).numpy("dev", 1))
    assert np.array_equal(every, extract(tiny_bert, small, context="document").numpy("dev"))
