"""Time that ForgettingCallback adds to training with the Hugging Face Trainer, by default."""

from __future__ import annotations

import tempfile
import time

from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

import probekit as pk
from probekit.models.names import resolve
from tests.benchmarks.genre import BATCH, GENRES, genre
from tests.benchmarks.timing import figure

STEPS = 500  # the callback's default interval


def main() -> None:
    source = resolve("minilm").location
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=len(GENRES))
    examples = [
        {
            **tokenizer(" ".join(passage.words), truncation=True, max_length=128),
            "labels": genre(passage),
        }
        for passage in pk.load_corpus("en_ewt").splits["train"]
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            max_steps=STEPS,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = Trainer(model, arguments, train_dataset=examples, processing_class=tokenizer)
        callback = pk.ForgettingCallback(trainer)
        trainer.add_callback(callback)
        started = time.perf_counter()
        trainer.train()
        training = time.perf_counter() - started - callback.seconds
    measurements = len(callback.history)
    print(f"  {STEPS} steps {training:.1f} s, {measurements} measurements {callback.seconds:.1f} s")
    figure(
        "one measurement / the steps between two",
        callback.seconds / measurements / training,
        "< 0.05",
    )
