"""BERT tokenizer: WordPiece, as BERT has it, the same in every process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def bert_tokenizer(
    texts: Iterable[str], vocabulary: int, special: Sequence[str] = SPECIAL
) -> Tokenizer:
    """Train a tokenizer: lower case, `##`, `[CLS]` and `[SEP]` around a text.

    The trainer numbers the characters within words in an order that differs from process to
    process, and breaks ties between subwords by these numbers. So they are given to it in order, as
    special tokens, and what it found goes into another tokenizer, without these.
    """
    texts, trained = list(texts), _untrained({})
    inner: set[str] = set()
    for text in texts:
        normalised = trained.normalizer.normalize_str(text)
        for word, _ in trained.pre_tokenizer.pre_tokenize_str(normalised):
            inner.update(f"##{character}" for character in word[1:])
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, special_tokens=[*special, *sorted(inner)], show_progress=False
    )
    trained.train_from_iterator(texts, trainer)
    tokenizer = _untrained(trained.get_vocab())
    tokenizer.add_special_tokens(list(special))
    around = [(name, tokenizer.token_to_id(name)) for name in special]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=around
    )
    return tokenizer


def _untrained(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
