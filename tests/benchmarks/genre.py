"""Fine-tune minilm on the genre of EWT's sentences (from their ids), one epoch at each learning
rate: checkpoints for `probekit compare`. Run it as `python -m tests.benchmarks.genre FOLDER [RATE
...]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import probekit as pk
from probekit.corpora.passage import Passage
from probekit.models.names import resolve

GENRES = ("answers", "email", "newsgroup", "reviews", "weblog")
RATES = (2e-5, 1e-4, 5e-4)
BATCH, WARMUP = 16, 0.1


def main() -> None:
    folder, *rates = sys.argv[1:]
    corpus = pk.load_corpus("en_ewt")
    for rate in map(float, rates) if rates else RATES:
        started = time.perf_counter()
        accuracy = finetune(
            corpus.splits["train"], corpus.splits["dev"], rate, Path(folder) / f"genre-{rate:g}"
        )
        print(
            f"rate {rate:g}: dev accuracy {accuracy:.3f}, {time.perf_counter() - started:.0f} s",
            flush=True,
        )


def finetune(train: Sequence[Passage], dev: Sequence[Passage], rate: float, out: Path) -> float:
    """One epoch of AdamW with a linear warm-up and decay; saves the checkpoint, returns its
    accuracy on dev."""
    source = resolve("minilm").location
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=len(GENRES))
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    # Batches of like lengths, in random order: on a CPU padding costs as much as text.
    order = sorted(range(len(train)), key=lambda i: len(train[i].words))
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    steps = len(batches)
    model.train()
    for step, number in enumerate(torch.randperm(steps).tolist()):
        scale = min((step + 1) / (WARMUP * steps), (steps - step) / ((1 - WARMUP) * steps))
        for group in optimiser.param_groups:
            group["lr"] = rate * scale
        chosen = [train[i] for i in batches[number]]
        logits = model(**_encoded(tokenizer, chosen)).logits
        cross_entropy(logits, _labels(chosen)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    model.eval()
    with torch.no_grad():
        right = [
            (
                model(**_encoded(tokenizer, dev[i : i + 64])).logits.argmax(-1)
                == _labels(dev[i : i + 64])
            )
            .sum()
            .item()
            for i in range(0, len(dev), 64)
        ]
    return sum(right) / len(dev)


def _encoded(tokenizer: object, passages: Sequence[Passage]) -> dict[str, torch.Tensor]:
    texts = [" ".join(passage.words) for passage in passages]
    return tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")  # type: ignore[operator]


def _labels(passages: Sequence[Passage]) -> torch.Tensor:
    return torch.tensor([genre(passage) for passage in passages])


def genre(passage: Passage) -> int:
    """The number of a sentence's genre."""
    return GENRES.index(passage.document.partition("-")[0])


if __name__ == "__main__":
    main()
