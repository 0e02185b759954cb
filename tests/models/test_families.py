"""Every family: vectors are those of a direct pass over one text, and the table says what layers
are."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.models.encoder import takes_numbers
from probekit.models.families import FAMILIES as KNOWN
from probekit.models.families import Stack, family_of, has_final_norm
from probekit.models.layers import explain_layers
from probekit.states.extract import extract
from tests.families import FAMILIES, make_family

PAIRS = ("t5", "mt5", "byt5", "bart")
CASES = []
for _family in FAMILIES:
    for _stack in ("encoder", "decoder") if _family in PAIRS else ("auto",):
        CASES.append(pytest.param(_family, _stack, id=f"{_family}-{_stack}"))


@pytest.fixture(scope="session")
def few(sample: Corpus) -> Corpus:
    """Sentences of different lengths, short enough to be read whole character by character."""
    short = [p for p in sample.splits["train"] if len(" ".join(p.words)) < 55][:32]
    assert len({len(p.words) for p in short}) > 3
    return Corpus(
        "short", {"train": tuple(short), "dev": tuple(short[:2]), "test": tuple(short[:2])}
    )


@lru_cache(maxsize=1)
def plain(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and model as transformers gives them."""
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def direct(folder: Path, stack: str, words: tuple[str, ...]) -> np.ndarray:
    """`(layers, words, dim)` from one pass over one text, by transformers alone."""
    tokenizer, model = plain(folder)
    text = " ".join(words)
    encoded = tokenizer(text, return_tensors="pt")
    ids = encoded["input_ids"]
    more: dict[str, Any] = {}
    if stack == "decoder":
        start = torch.full((1, 1), model.config.decoder_start_token_id)
        more["decoder_input_ids"] = torch.cat([start, ids], dim=1)
    module = model.get_encoder() if stack == "encoder" else model
    with torch.no_grad():
        output = module(input_ids=ids, output_hidden_states=True, **more)
    states = output.decoder_hidden_states if stack == "decoder" else output.hidden_states
    if model.config.model_type == "mamba":  # begins after its first block
        states = (model.get_input_embeddings()(ids).detach(), *states[:-2], states[-1])
    offsets = []
    if tokenizer.is_fast:
        offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    found = []
    for start, word in zip(np.cumsum([0] + [len(w) + 1 for w in words]), words, strict=False):
        if tokenizer.is_fast:
            own = []
            for i, (begin, end) in enumerate(offsets):
                if begin < start + len(word) and end > max(start, begin):
                    own.append(i)
        else:  # one subword per character of these texts, after [CLS] where there is one
            first = int(ids[0, 0] == (tokenizer.cls_token_id if tokenizer.cls_token else -1))
            own = list(range(first + start, first + start + len(word)))
        own = [i + (stack == "decoder") for i in own]
        layers = [_characters(state[0], ids.shape[1])[own].mean(0) for state in states]
        found.append(torch.stack(layers))
    return torch.stack(found, dim=1).numpy()


def _characters(state: torch.Tensor, width: int) -> torch.Tensor:
    """One state per character: CANINE repeats its molecules before it reads characters again."""
    if len(state) >= width:
        return state
    return torch.cat([state[1:].repeat_interleave(4, dim=0), state[-1:].repeat(width, 1)])[:width]


@pytest.mark.parametrize(("family", "stack"), CASES)
def test_a_batch_gives_what_each_text_alone_gives(
    family: str, stack: Stack, families: Any, few: Corpus
) -> None:
    folder = families(family)
    states = extract(
        str(folder),
        few,
        store_dtype="float32",
        batch_tokens=1 << 16,
        encoder=EncoderSettings(stack=stack),
    )
    offsets = few.offsets("train")
    for i, passage in enumerate(few.splits["train"]):
        expected = direct(folder, stack, passage.words)
        found = states.read("train", int(offsets[i]), int(offsets[i + 1]))
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=2e-4, rtol=1e-4)


def test_every_row_is_compared_with_a_model() -> None:
    assert set(KNOWN) == {family for family in FAMILIES if family != "byt5"}


def _blocks(encoder: Any) -> torch.nn.ModuleList:
    stack = encoder.held.model.get_decoder() if encoder.stack == "decoder" else encoder.held.model
    lists = [m for m in stack.modules() if isinstance(m, torch.nn.ModuleList)]
    return next(blocks for blocks in lists if len(blocks) == encoder.n_blocks)


@pytest.mark.parametrize(
    ("family", "stack"), [case for case in CASES if case.id not in ("albert-auto", "canine-auto")]
)
def test_the_table_says_what_layers_are(family: str, stack: Stack, families: Any) -> None:
    encoder = Checkpoint(str(families(family)), EncoderSettings(stack=stack)).encoder
    encoder.load(encoder.n_blocks)
    seen: dict[Any, torch.Tensor] = {}

    def first_of(output: Any) -> torch.Tensor:
        return output[0] if isinstance(output, tuple) else output

    blocks = _blocks(encoder)
    blocks[0].register_forward_pre_hook(
        lambda module, args, named: seen.update(
            {"in": args[0] if args else named["hidden_states"]}
        ),
        with_kwargs=True,
    )
    for i, block in enumerate(blocks):
        block.register_forward_hook(
            lambda module, args, output, i=i: seen.update({i: first_of(output)})
        )
    states = encoder.hidden_states([np.arange(5, 25)])
    raw = [seen["in"], *(seen[i] for i in range(len(blocks)))]
    if family == "xlnet":  # reads time first
        raw = [state.transpose(0, 1) for state in raw]
    assert encoder.config.model_type in KNOWN
    for state, expected in zip(states[:-1], raw, strict=False):
        torch.testing.assert_close(state, expected)
    same = torch.allclose(states[-1], raw[-1], atol=1e-5)
    assert same is not has_final_norm(encoder.config)
    means, deviations = states[0].mean(-1), states[0].std(-1)
    is_normalised = means.abs().max() < 1e-4 and (deviations - 1).abs().max() < 0.05
    assert bool(is_normalised) == (family_of(encoder.config).embeddings == "normalised")


# Pre-norm families, whose blocks add to the stream.
PRE_NORM = (
    "gpt2",
    "gpt_neox",
    "opt",
    "bloom",
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "phi",
    "phi3",
    "modernbert",
)


@pytest.mark.parametrize("family", [*PRE_NORM, "t5"])
def test_attention_and_network_are_what_a_block_adds(family: str, families: Any) -> None:
    subwords = [np.arange(5, 25), np.arange(7, 12)]
    states = {}
    for site in ("residual", "attn", "mlp"):
        encoder = Checkpoint(str(families(family)), EncoderSettings(site=site)).encoder
        encoder.load(encoder.n_blocks)
        states[site] = encoder.hidden_states(subwords)
    for k in range(1, len(states["attn"]) - 1):  # the last layer is layer-normalised
        added = states["attn"][k] + states["mlp"][k]
        torch.testing.assert_close(states["residual"][k][0], (states["residual"][k - 1] + added)[0])


# Post-norm families, with the names of the norms within a block.
_OF_BERT = ("attention.output.LayerNorm", "output.LayerNorm")
POST_NORM = {
    "bert": _OF_BERT,
    "roberta": _OF_BERT,
    "electra": _OF_BERT,
    "deberta": _OF_BERT,
    "deberta-v2": _OF_BERT,
    "mpnet": ("attention.LayerNorm", "output.LayerNorm"),
    "distilbert": ("sa_layer_norm", "output_layer_norm"),
    "albert": ("attention.LayerNorm", "full_layer_layer_norm"),
    "bart": ("self_attn_layer_norm", "final_layer_norm"),
}


@pytest.mark.parametrize("family", POST_NORM)
def test_attention_and_network_are_what_a_block_adds_before_its_norms(
    family: str, families: Any
) -> None:
    subwords = [np.arange(5, 25)]
    states = {}
    for site in ("residual", "attn", "mlp"):
        encoder = Checkpoint(str(families(family)), EncoderSettings(site=site)).encoder
        encoder.load(encoder.n_blocks)
        states[site] = encoder.hidden_states(subwords)
    if family == "albert":  # one block, run again and again
        groups = encoder.held.model.encoder.albert_layer_groups
        blocks = [groups[0].albert_layers[0]] * encoder.n_blocks
    else:
        blocks = list(_blocks(encoder))
    assert len(states["attn"]) == len(states["mlp"]) == encoder.n_layers
    for k, block in enumerate(blocks, start=1):
        first, second = (block.get_submodule(name) for name in POST_NORM[family])
        with torch.no_grad():
            between = first(states["residual"][k - 1] + states["attn"][k])
            expected = second(between + states["mlp"][k])
        torch.testing.assert_close(states["residual"][k], expected, atol=1e-5, rtol=1e-5)


def test_a_model_that_narrows_its_last_layer(
    family_texts: list[str], few: Corpus, tmp_path: Path
) -> None:
    """As OPT-350M does: its embeddings are narrower than its blocks, and so is what it returns."""
    narrow = {"word_embed_proj_dim": 16, "do_layer_norm_before": False}
    folder = make_family("opt", tmp_path / "opt", family_texts, narrow)
    states = extract(str(folder), few, store_dtype="float32")
    assert "the last one like the others" in explain_layers(states.manifest["layers"])
    tokenizer, model = plain(folder)
    seen: list[torch.Tensor] = []
    model.decoder.layers[-1].register_forward_hook(
        lambda module, args, output: seen.append(output[0] if isinstance(output, tuple) else output)
    )
    words = few.splits["train"][0].words
    encoded = tokenizer(" ".join(words), return_tensors="pt")
    with torch.no_grad():
        model(encoded["input_ids"])
    own = [i for i, (a, b) in enumerate(encoded[0].offsets) if a < len(words[0]) and b > a]
    expected = seen[0].reshape(1, -1, states.dim)[0, own].mean(0)
    np.testing.assert_allclose(states.read("train", 0, 1)[-1, 0], expected.numpy(), atol=1e-4)


@pytest.mark.parametrize(("family", "stack"), CASES)
def test_lower_layers_alone_are_the_same(family: str, stack: Stack, families: Any) -> None:
    subwords = [np.arange(5, 25), np.arange(7, 12)]
    found = []
    for last in (1, None):
        encoder = Checkpoint(str(families(family)), EncoderSettings(stack=stack)).encoder
        encoder.load(encoder.n_layers - 1 if last is None else last)
        found.append(encoder.hidden_states(subwords))
    for k in range(2):
        torch.testing.assert_close(found[0][k], found[1][k])


@pytest.mark.parametrize(("family", "stack"), CASES)
def test_some_layers_are_those_of_all(family: str, stack: Stack, families: Any) -> None:
    encoder = Checkpoint(str(families(family)), EncoderSettings(stack=stack)).encoder
    encoder.load(encoder.n_layers - 1)
    subwords, wanted = [np.arange(5, 25), np.arange(7, 12)], [encoder.n_layers - 1, 1]
    every, some = encoder.hidden_states(subwords), encoder.hidden_states(subwords, wanted)
    assert len(some) == 2
    for layer, states in zip(wanted, some, strict=True):
        torch.testing.assert_close(states, every[layer], rtol=0, atol=0)


@pytest.mark.skipif(not takes_numbers(), reason="transformers returns all hidden states")
def test_layers_that_nobody_wants_are_not_kept(families: Any) -> None:
    subwords = [np.arange(5, 25)]
    for family in ("gpt2", "llama", "bert", "t5"):
        encoder = Checkpoint(str(families(family)), EncoderSettings()).encoder
        encoder.load(encoder.n_layers - 1)
        kept = encoder._states_from(encoder.inputs.of(subwords, encoder.rows), [2])
        assert [k for k, states in enumerate(kept) if states is not None] == [2], family
    encoder = Checkpoint(str(families("gpt2")), EncoderSettings(site="mlp")).encoder
    encoder.load(3)
    encoder.hidden_states(subwords, [2])
    assert [added is not None for added in encoder.held.captured.added] == [False, True, False]


def test_a_site_or_stack_that_is_not_there(families: Any) -> None:
    with pytest.raises(InputError, match="no site 'attn', only residual"):
        Checkpoint(str(families("mamba")), EncoderSettings(site="attn"))
    with pytest.raises(InputError, match="one stack"):
        Checkpoint(str(families("bert")), EncoderSettings(stack="decoder"))


def test_subwords_a_model_does_not_know(families: Any) -> None:
    encoder = Checkpoint(str(families("bert")), EncoderSettings()).encoder
    encoder.load(1)
    with pytest.raises(ModelError, match="do not belong together"):
        encoder.hidden_states([np.array([5, 100_000])])
