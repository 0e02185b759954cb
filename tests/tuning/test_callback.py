"""The callback in a real Trainer: what it logs, what it leaves alone, and what it does at its
limit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.tuning.callback import ForgettingCallback


class Words(torch.utils.data.Dataset):
    """Sentences, labelled by whether they are long."""

    def __init__(self, corpus: Corpus, tokenizer: Any) -> None:
        texts = [" ".join(passage.words) for passage in corpus.splits["train"][:64]]
        self.encoded = tokenizer(
            texts, truncation=True, max_length=32, padding="max_length", return_tensors="pt"
        )
        self.labels = torch.tensor([int(len(text) > 60) for text in texts])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {
            **{name: values[i] for name, values in self.encoded.items()},
            "labels": self.labels[i],
        }


def trainer(
    folder: Path, corpus: Corpus, out: Path, rate: float = 1e-4, epochs: int = 2
) -> Trainer:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    arguments = TrainingArguments(
        output_dir=str(out),
        num_train_epochs=epochs,
        per_device_train_batch_size=8,
        learning_rate=rate,
        report_to=[],
        logging_steps=4,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    data = Words(corpus, tokenizer)
    return Trainer(model=model, args=arguments, train_dataset=data, processing_class=tokenizer)


@pytest.mark.slow
def test_it_logs_and_leaves_training_alone(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    plain = trainer(tiny_bert, small, tmp_path)
    plain.train()
    watched = trainer(tiny_bert, small, tmp_path)
    callback = ForgettingCallback(watched, ["pos", "dep"], corpus=small, every=4)
    watched.add_callback(callback)
    watched.train()
    assert [row["step"] for row in callback.history] == [0, 4, 8, 12, 16]
    assert (
        callback.history[0]["probe_pos_retention"]
        == callback.history[0]["probe_dep_retention"]
        == 1
    )
    assert {f"probe_pos_layer_{layer}" for layer in range(4)} <= set(callback.history[0])
    logged = [row for row in watched.state.log_history if "probe_pos_best" in row]
    assert [row["step"] for row in logged] == [4, 8, 12, 16]
    losses = [row["loss"] for row in plain.state.log_history if "loss" in row]
    assert losses == [row["loss"] for row in watched.state.log_history if "loss" in row]
    assert len(losses) == 4  # the trainer's own log is there too
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, watched.model.state_dict()[name]), name


@pytest.mark.slow
@pytest.mark.parametrize(("probe", "seeds"), [("linear", 1), ("mlp", [1, 2])])
def test_the_probes_are_those_of_probe(
    tiny_bert: Path, small: Corpus, tmp_path: Path, probe: str, seeds: int | list[int]
) -> None:
    watched = trainer(tiny_bert, small, tmp_path)
    callback = ForgettingCallback(watched, ["pos"], corpus=small, probe=probe, seeds=seeds)
    few = callback.corpus
    scores = pk.probe(
        str(tiny_bert),
        ["pos"],
        corpus=few,
        probes=probe,
        seeds=seeds,
        extract_settings=pk.ExtractSettings(store_dtype="float32"),
        fit_settings=callback.fit_settings,
    ).table
    found = callback._scores()
    means = scores.dropna(subset=["layer"]).groupby("layer")["score"].mean()
    assert list(means.index) == [0, 1, 2, 3]
    for layer, score in means.items():
        assert found[f"probe_pos_layer_{layer}"] == pytest.approx(score, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("at_limit", ["log", "stop", "roll back"])
def test_at_the_limit(tiny_bert: Path, small: Corpus, tmp_path: Path, at_limit: Any) -> None:
    watched = trainer(tiny_bert, small, tmp_path, rate=0.5)  # destroys everything
    before = {name: value.clone() for name, value in watched.model.state_dict().items()}
    callback = ForgettingCallback(
        watched, ["pos"], corpus=small, layers=[3], every=4, limit=0.9, at_limit=at_limit
    )
    watched.add_callback(callback)
    watched.train()
    assert callback.history[1]["probe_pos_retention"] < 0.9
    assert watched.state.global_step == (16 if at_limit == "log" else 4)
    same = all(
        torch.equal(value, before[name]) for name, value in watched.model.state_dict().items()
    )
    assert same == (at_limit == "roll back")


def test_the_limit_can_be_of_the_last_layer(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    """The blocks are destroyed, the embeddings are not: the best layer hides what the last one
    lost."""
    watched = trainer(tiny_bert, small, tmp_path)
    for limit_of, stopped in (("best", False), ("last", True)):
        callback = ForgettingCallback(watched, ["pos"], corpus=small, limit=0.9, limit_of=limit_of)  # type: ignore[arg-type]
        control, state = TrainerControl(), TrainerState()
        callback.on_train_begin(watched.args, state, control)
        kept = {name: value.clone() for name, value in watched.model.state_dict().items()}
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in watched.model.bert.encoder.parameters():
                parameter.normal_(std=3)
        callback._measure(state, control)
        watched.model.load_state_dict(kept)
        measured = callback.history[-1]
        assert measured["probe_pos_last_retention"] < 0.9 < measured["probe_pos_retention"]
        assert control.should_training_stop == stopped
    with pytest.raises(InputError, match="did you mean 'last'"):
        ForgettingCallback(watched, ["pos"], corpus=small, limit_of="lats")  # type: ignore[arg-type]


def test_a_task_of_which_nothing_was_known_hides_no_other(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    watched = trainer(tiny_bert, small, tmp_path)
    callback = ForgettingCallback(watched, ["pos", "dep"], corpus=small, limit=0.9)
    for of_dep, stops in ((0.5, True), (np.nan, False)):
        found = {"probe_pos_retention": np.nan, "probe_dep_retention": of_dep}
        callback._scores = partial(dict, found)  # type: ignore[method-assign]
        control = TrainerControl()
        callback._measure(TrainerState(), control)
        assert control.should_training_stop == stops


def test_mistakes(tiny_bert: Path, small: Corpus, tmp_path: Path) -> None:
    watched = trainer(tiny_bert, small, tmp_path)
    with pytest.raises(InputError, match="did you mean 'stop'"):
        ForgettingCallback(watched, ["pos"], corpus=small, at_limit="stopp")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="did you mean 'linear'"):
        ForgettingCallback(watched, ["pos"], corpus=small, probe="lnear")
    with pytest.raises(InputError, match="seeds is empty"):
        ForgettingCallback(watched, ["pos"], corpus=small, seeds=[])
    with pytest.raises(InputError, match="reads documents"):
        ForgettingCallback(watched, ["coref"], corpus=small)
    watched.processing_class = None
    with pytest.raises(InputError, match="no tokenizer"):
        ForgettingCallback(watched, ["pos"], corpus=small)
