"""Tiny checkpoints with a language-modelling head: random weights, and a tokenizer trained on a few
words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.bert_tokenizer import bert_tokenizer

Kind = Literal["gpt2", "llama", "bert", "t5"]
KINDS: tuple[Kind, ...] = ("gpt2", "llama", "bert", "t5")
POSITIONS = 192
_SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_MORE = {**_SMALL, "intermediate_size": 64, "max_position_embeddings": POSITIONS}


def make_language_model(
    kind: Kind,
    folder: Path,
    texts: Iterable[str],
    *,
    side: str = "right",
    bos: bool = True,
    vocabulary: int | None = None,
    size: Mapping[str, int] | None = None,
) -> Path:
    """A random checkpoint with its head, at `folder`; with `bos` a decoder has a BOS token.

    `vocabulary` is the largest size of its vocabulary, and `size` replaces keys of its
    configuration.
    """
    tokenizer = _tokenizer(kind, texts, side, bos, vocabulary)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    _model_of(kind, len(tokenizer), size or {}).save_pretrained(folder)
    return folder


def _model_of(kind: Kind, rows: int, size: Mapping[str, int]) -> Any:
    if kind == "gpt2":
        return transformers.GPT2LMHeadModel(
            transformers.GPT2Config(
                vocab_size=rows,
                initializer_range=0.2,
                bos_token_id=0,
                eos_token_id=0,
                **{"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": POSITIONS, **size},
            )
        )
    if kind == "llama":
        return transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=rows, initializer_range=0.2, num_key_value_heads=2, **{**_MORE, **size}
            )
        )
    if kind == "bert":
        return transformers.BertForMaskedLM(
            transformers.BertConfig(vocab_size=rows, initializer_range=0.2, **{**_MORE, **size})
        )
    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=rows,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_decoder_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def _tokenizer(
    kind: Kind, texts: Iterable[str], side: str, bos: bool, vocabulary: int | None
) -> PreTrainedTokenizerFast:
    if kind == "bert":
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        tokenizer = bert_tokenizer(texts, vocabulary or 120, special)
        named = dict(zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True))
    else:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        special = ["<pad>", "</s>", "<s>"]
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary or 320,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        named = {"pad": "<pad>", "eos": "</s>"}
        if bos:
            named["bos"] = "<s>"
        tokenizer.train_from_iterator(texts, trainer)
    around = {"llama": "<s> $A", "t5": "$A </s>"}
    if kind in around:
        added = [(name, tokenizer.token_to_id(name)) for name in special]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=around[kind], special_tokens=added
        )
    given = {f"{name}_token": token for name, token in named.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=POSITIONS, padding_side=side, **given
    )
