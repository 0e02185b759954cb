"""A tiny checkpoint of every family: a random model from its configuration, and a tokenizer of the
kind it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    ByT5Tokenizer,
    CanineTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from tests.bert_tokenizer import bert_tokenizer

DIM, LAYERS, POSITIONS = 32, 3, 64

_BERT = {
    "hidden_size": DIM,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 2 * DIM,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.2,
}
_LLAMA = {**_BERT, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": None}
_T5 = {
    "d_model": DIM,
    "d_kv": 8,
    "d_ff": 2 * DIM,
    "num_layers": LAYERS,
    "num_decoder_layers": LAYERS - 1,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
_BART = {
    "d_model": DIM,
    "encoder_layers": LAYERS,
    "decoder_layers": LAYERS - 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 2 * DIM,
    "decoder_ffn_dim": 2 * DIM,
    "max_position_embeddings": POSITIONS,
    "init_std": 0.2,
}
# Family: class, kind of tokenizer, configuration.
FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("BertModel", "wordpiece", _BERT),
    "roberta": (
        "RobertaModel",
        "bytes",
        {**_BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1},
    ),
    "distilbert": (
        "DistilBertModel",
        "wordpiece",
        {
            "dim": DIM,
            "n_layers": LAYERS,
            "n_heads": 4,
            "hidden_dim": 64,
            "max_position_embeddings": POSITIONS,
        },
    ),
    "albert": ("AlbertModel", "unigram", {**_BERT, "embedding_size": 16}),
    "electra": ("ElectraModel", "wordpiece", {**_BERT, "embedding_size": 16}),
    "deberta-v2": (
        "DebertaV2Model",
        "unigram",
        {
            **_BERT,
            "relative_attention": True,
            "position_buckets": 16,
            "pos_att_type": ["p2c", "c2p"],
        },
    ),
    "deberta": (
        "DebertaModel",
        "bytes",
        {**_BERT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    ),
    "camembert": (
        "CamembertModel",
        "unigram",
        {**_BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1},
    ),
    "xlm-roberta": (
        "XLMRobertaModel",
        "unigram",
        {**_BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1},
    ),
    "xlnet": (
        "XLNetModel",
        "unigram",
        {"d_model": DIM, "n_layer": LAYERS, "n_head": 4, "d_inner": 2 * DIM},
    ),
    "mpnet": (
        "MPNetModel",
        "wordpiece",
        {**_BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1},
    ),
    "modernbert": (
        "ModernBertModel",
        "bytes",
        {**_BERT, "local_attention": 8, "global_attn_every_n_layers": 2, "pad_token_id": 1},
    ),
    "gpt2": (
        "GPT2Model",
        "bytes",
        {
            "n_embd": DIM,
            "n_layer": LAYERS,
            "n_head": 4,
            "n_positions": POSITIONS,
            "initializer_range": 0.2,
        },
    ),
    "gpt_neox": ("GPTNeoXModel", "bytes", _BERT),
    "opt": (
        "OPTModel",
        "bytes",
        {**_BERT, "ffn_dim": 2 * DIM, "word_embed_proj_dim": DIM, "init_std": 0.2},
    ),
    "bloom": (
        "BloomModel",
        "bytes",
        {"hidden_size": DIM, "n_layer": LAYERS, "n_head": 4, "initializer_range": 0.2},
    ),
    "llama": ("LlamaModel", "metaspace", _LLAMA),
    "mistral": ("MistralModel", "metaspace", {**_LLAMA, "sliding_window": 8}),
    "qwen2": ("Qwen2Model", "bytes", _LLAMA),
    "qwen3": ("Qwen3Model", "tiktoken", _LLAMA),
    "gemma": ("GemmaModel", "metaspace", _LLAMA),
    "gemma2": ("Gemma2Model", "metaspace", {**_LLAMA, "sliding_window": 8}),
    "gemma3_text": ("Gemma3TextModel", "metaspace", {**_LLAMA, "sliding_window": 8}),
    "phi": ("PhiModel", "bytes", {**_BERT, "pad_token_id": None}),
    "phi3": ("Phi3Model", "metaspace", _LLAMA),
    "t5": ("T5Model", "unigram", _T5),
    "mt5": ("MT5Model", "unigram", _T5),
    "byt5": ("T5Model", "byt5", _T5),
    "canine": (
        "CanineModel",
        "canine",
        {**_BERT, "num_hash_buckets": 64, "local_transformer_stride": 128},
    ),
    "bart": ("BartModel", "bytes", {**_BART, "pad_token_id": 1}),
    "mamba": (
        "MambaModel",
        "bytes",
        {"hidden_size": DIM, "num_hidden_layers": LAYERS, "state_size": 8},
    ),
}
_ROBERTA = {**_BERT, "max_position_embeddings": POSITIONS + 2, "pad_token_id": 1}
# Families that probekit does not list.
UNLISTED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "fnet": ("FNetModel", "unigram", _BERT),
    "convbert": (
        "ConvBertModel",
        "wordpiece",
        {**_BERT, "embedding_size": DIM, "conv_kernel_size": 5},
    ),
    "nystromformer": ("NystromformerModel", "bytes", _ROBERTA),
    "yoso": ("YosoModel", "bytes", _ROBERTA),
    "funnel": (
        "FunnelModel",
        "wordpiece",
        {"d_model": DIM, "n_head": 4, "d_head": 8, "d_inner": 2 * DIM, "block_sizes": [1, 1, 1]},
    ),
    "data2vec-text": ("Data2VecTextModel", "bytes", _ROBERTA),
    "xmod": (
        "XmodModel",
        "bytes",
        {**_ROBERTA, "languages": ["en_XX"], "default_language": "en_XX"},
    ),
    "roberta-prelayernorm": ("RobertaPreLayerNormModel", "bytes", _ROBERTA),
    "xlm-roberta-xl": ("XLMRobertaXLModel", "bytes", _ROBERTA),
    "ibert": ("IBertModel", "bytes", _ROBERTA),
    "longformer": ("LongformerModel", "bytes", {**_ROBERTA, "attention_window": 8}),
    "big_bird": ("BigBirdModel", "bytes", {**_BERT, "block_size": 4, "num_random_blocks": 1}),
    "rembert": ("RemBertModel", "unigram", {**_BERT, "input_embedding_size": 16}),
    "biogpt": ("BioGptModel", "bytes", {**_BERT, "pad_token_id": 1}),
    "mbart": ("MBartModel", "bytes", {**_BART, "pad_token_id": 1}),
    "pegasus_x": ("PegasusXModel", "bytes", {**_BART, "pad_token_id": 1}),
}

# Of these, what is not one vector a layer and subword: how many hidden states they give.
UNREADABLE = {"funnel": 7, "pegasus_x": 4}
READABLE = [family for family in UNLISTED if family not in UNREADABLE]


def make_family(
    family: str,
    folder: Path,
    texts: Iterable[str],
    size: dict[str, Any] | None = None,
    *,
    vocabulary: int | None = None,
    endless: bool = False,
) -> Path:
    """A random checkpoint of `family`, at `folder`: tiny, or with `size` in its configuration and
    `vocabulary` subwords; with a tokenizer that names no longest text where `endless`."""
    name, kind, settings = (FAMILIES | UNLISTED)[family]
    tokenizer = (
        TOKENIZERS[kind](texts) if vocabulary is None else TOKENIZERS[kind](texts, vocabulary)
    )
    if vocabulary is not None:
        tokenizer.model_max_length = 512
    if endless:
        tokenizer.model_max_length = int(1e30)
    tokenizer.save_pretrained(folder)
    model_class = getattr(transformers, name)
    special = {
        key: getattr(tokenizer, key) for key in ("pad_token_id", "bos_token_id", "eos_token_id")
    }
    config = model_class.config_class(
        **{"vocab_size": len(tokenizer), **special, **settings, **(size or {})}
    )
    torch.manual_seed(0)
    model_class(config).save_pretrained(folder)
    return folder


def wordpiece(texts: Iterable[str], vocabulary: int = 400) -> PreTrainedTokenizerFast:
    """As BERT has it: lower case, `##`."""
    tokenizer = bert_tokenizer(texts, vocabulary)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names)


def bytes_(texts: Iterable[str], vocabulary: int = 500) -> PreTrainedTokenizerFast:
    """As RoBERTa and GPT-2 have it: subwords of bytes; a space belongs to the following word."""
    return _of_bytes(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), vocabulary)


def tiktoken(texts: Iterable[str], vocabulary: int = 500) -> PreTrainedTokenizerFast:
    """As Llama 3 and Tekken have it: subwords of bytes, cut by an expression that takes digits by
    threes."""
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
    others = r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
    cut = f"{words}|{others}"
    split = pre_tokenizers.Split(Regex(cut), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return _of_bytes(texts, pre_tokenizers.Sequence([split, byte_level]), vocabulary)


def _of_bytes(
    texts: Iterable[str], cut: pre_tokenizers.PreTokenizer, vocabulary: int
) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=alphabet,
        special_tokens=special,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), add_prefix_space=False
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names)


def unigram(texts: Iterable[str], vocabulary: int = 400) -> PreTrainedTokenizerFast:
    """As SentencePiece makes them for T5 and XLM-R: likely vocabulary, `▁` for a space."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names)


def metaspace(texts: Iterable[str], vocabulary: int = 700) -> PreTrainedTokenizerFast:
    """As Llama and Mistral have it: merged vocabulary, bytes for the unknown, a beginning and no
    padding."""
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    # No subword spans two words, as in SentencePiece.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<unk>", "<s>", "</s>", *alphabet],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names)


TOKENIZERS: dict[str, Callable[..., PreTrainedTokenizerBase]] = {
    "wordpiece": wordpiece,
    "bytes": bytes_,
    "tiktoken": tiktoken,
    "unigram": unigram,
    "metaspace": metaspace,
    "byt5": lambda texts: ByT5Tokenizer(model_max_length=POSITIONS),
    "canine": lambda texts: CanineTokenizer(model_max_length=POSITIONS),
}
