"""Tiny checkpoints, made from configurations and a tokenizer trained on a few words, without
download or chance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, PreTrainedTokenizerFast

from tests.bert_tokenizer import bert_tokenizer


def make_bert(
    folder: Path, texts: Iterable[str], *, layers: int = 3, dim: int = 32, positions: int = 64
) -> Path:
    """A random BERT with a WordPiece vocabulary, at `folder`."""
    tokenizer = bert_tokenizer(texts, 400)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=positions,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * dim,
        max_position_embeddings=positions,
        # Larger than usual, so that a random model is not nearly the identity.
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def make_gpt2(
    folder: Path, texts: Iterable[str], *, layers: int = 3, dim: int = 32, positions: int = 64
) -> Path:
    """A random GPT-2 with a byte-level vocabulary and no padding token, at `folder`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=positions).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_embd=dim,
        n_layer=layers,
        n_head=4,
        n_positions=positions,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2Model(config).save_pretrained(folder)
    return folder
