"""The Fisher information and elastic weight consolidation, against formulas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import log_softmax
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from probekit.corpora.passage import Corpus
from probekit.tuning.fisher import diagonal_fisher, fisher_of_checkpoint, linear_head
from probekit.tuning.language_model import declared_objective
from probekit.tuning.learner import Learner
from probekit.tuning.recipes import recipe_of
from probekit.tuning.starting import distance, starting_weights
from tests.tuning.made import case


def test_the_fisher_information_of_a_softmax_regression_is_the_formula() -> None:
    """With labels weighted by their probabilities p, that of the weight from x_j to k is the mean
    of p_k (1 − p_k) x_j²."""
    torch.manual_seed(0)
    inputs = torch.randn(30, 4, dtype=torch.float64)
    weight = torch.nn.Parameter(torch.randn(3, 4, dtype=torch.float64))
    probabilities = (inputs @ weight.T).softmax(-1).detach()
    likelihoods = []
    for x, p in zip(inputs, probabilities, strict=True):
        for label in range(3):
            likelihoods.append((log_softmax(weight @ x, -1)[label], float(p[label]) / len(inputs)))
    found = diagonal_fisher({"weight": weight}, likelihoods)["weight"]
    variance = probabilities * (1 - probabilities)
    expected = torch.einsum("nk,nj->kj", variance, inputs**2) / len(inputs)
    assert torch.allclose(found, expected, rtol=1e-10)


class Quadratic(torch.nn.Module):
    """½ Σ a (w − b)²."""

    def __init__(self, curvature: torch.Tensor, minimum: torch.Tensor) -> None:
        super().__init__()
        self.curvature, self.minimum = curvature, minimum
        self.w = torch.nn.Parameter(torch.zeros_like(minimum))

    def forward(self) -> torch.Tensor:
        return (self.curvature * (self.w - self.minimum) ** 2).sum() / 2


@pytest.mark.parametrize("strength", [0.0, 0.7, 1e6])
def test_ewc_on_a_quadratic_has_the_closed_form(strength: float) -> None:
    """Its minimum is (a b + λ F w₀) / (a + λ F)."""
    torch.manual_seed(0)
    a, b, start, fisher = (torch.rand(6, dtype=torch.float64) + 0.1 for _ in range(4))
    model = Quadratic(a, b)
    optimiser = torch.optim.LBFGS(model.parameters(), lr=1, max_iter=200, tolerance_grad=1e-12)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        whole = model() + strength / 2 * distance(model, {"w": start}, {"w": fisher})
        whole.backward()
        return whole

    for _ in range(20):
        optimiser.step(loss)
    expected = (a * b + strength * fisher * start) / (a + strength * fisher)
    assert torch.allclose(model.w.detach(), expected, rtol=1e-4)


def with_head(folder: Path, tokenizer: Path, kind: str) -> Path:
    """A tiny checkpoint with a language-modelling head."""
    loaded = AutoTokenizer.from_pretrained(tokenizer)
    torch.manual_seed(1)
    if kind == "mlm":
        loaded.add_special_tokens({"mask_token": "[MASK]"})
        config = BertConfig(
            vocab_size=len(loaded),
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        )
        BertForMaskedLM(config).save_pretrained(folder)
    else:
        config = GPT2Config(vocab_size=len(loaded), n_embd=16, n_layer=2, n_head=2, n_positions=64)
        GPT2LMHeadModel(config).save_pretrained(folder)
    loaded.save_pretrained(folder)
    return folder


def learner_of(model: Path, corpus: Corpus) -> Learner:
    return recipe_of("full", {}).open(case(model, corpus))


@pytest.mark.parametrize("kind", ["mlm", "clm"])
def test_it_is_that_of_pre_training_where_there_is_a_head(
    kind: str, tiny_bert: Path, tiny_gpt2: Path, small: Corpus, tmp_path: Path
) -> None:
    home = tiny_bert if kind == "mlm" else tiny_gpt2
    model = with_head(tmp_path / "model", home, kind)
    of, learner = case(model, small), learner_of(model, small)
    assert declared_objective(learner.files) == kind
    found, what = fisher_of_checkpoint(of, learner, small, "pos", 10)
    assert what == f"{kind} on 10 sentences of small"
    assert found.keys() == starting_weights(learner).keys()
    for name, value in found.items():
        assert value.min() >= 0 and value.isfinite().all(), name
    assert all(float(found[name].sum()) > 0 for name in found if ".weight" in name and "0." in name)


def test_it_is_that_of_a_task_where_there_is_none(
    tiny_bert: Path, small: Corpus, tmp_path: Path
) -> None:
    of, learner = case(tiny_bert, small), learner_of(tiny_bert, small)
    assert declared_objective(learner.files) == ""
    torch.manual_seed(3)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    found, what = fisher_of_checkpoint(of, learner, small, "pos", 20)
    assert torch.equal(torch.rand(1), drawn)  # training draws what it would have drawn
    assert what == "pos on 20 sentences of small"
    assert found.keys() == starting_weights(learner).keys()
    again, _ = fisher_of_checkpoint(of, learner, small, "pos", 20)
    assert all(torch.equal(found[name], again[name]) for name in found)
    assert float(found["bert.encoder.layer.2.output.dense.weight"].mean()) > 0


def test_a_dimension_that_has_collapsed_has_no_say_in_the_head() -> None:
    """It labels as without the dimension, and its weights are of ordinary size."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(300, 5)).astype(np.float32)
    labels = vectors[:, :3].argmax(axis=1)
    vectors[:, 4] *= 1e-32
    weight, bias = linear_head(vectors, labels)
    assert weight.abs().max() < 100
    found = torch.tensor(vectors) @ weight.T + bias
    without, its_bias = linear_head(vectors[:, :4], labels)
    expected = torch.tensor(vectors[:, :4]) @ without.T + its_bias
    assert (found.argmax(1) == expected.argmax(1)).float().mean() > 0.99
    assert (found.argmax(1).numpy() == labels).mean() > 0.9
