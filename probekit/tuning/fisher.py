"""Fisher: how much each weight of a checkpoint matters for what it was trained for.

The diagonal of the Fisher information is the mean square of the gradient of a log-likelihood, whose
labels are drawn from the model's own predictions (Kirkpatrick et al. 2017; Kunstner et al. 2019 on
why they are not the gold ones). The likelihood is that of the pre-training objective where the
checkpoint has a language-modelling head, else that of a probing task.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax

from probekit.corpora.passage import Corpus
from probekit.errors import InputError
from probekit.tasks.question import ask
from probekit.tasks.task import load_task
from probekit.tuning.corpus_data import from_corpus
from probekit.tuning.data import NONE, UNSEEN
from probekit.tuning.encoded import LOST, encode
from probekit.tuning.language_model import (
    LONGEST,
    declared_objective,
    language_model,
    read_for,
    texts_of,
)
from probekit.tuning.learner import Case, Learner


def diagonal_fisher(
    parameters: Mapping[str, torch.nn.Parameter],
    likelihoods: Iterable[tuple[torch.Tensor, float]],
) -> dict[str, torch.Tensor]:
    """The diagonal of the Fisher information.

    Args:
        parameters: by name.
        likelihoods: log-likelihoods of drawn labels, and the weight of each; weights sum to 1.

    Returns one value for each weight, from 0 on, by the names of the parameters.
    """
    found = {name: torch.zeros_like(one) for name, one in parameters.items()}
    own = list(parameters.values())
    for likelihood, weight in likelihoods:
        gradients = torch.autograd.grad(likelihood, own, allow_unused=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            if gradient is not None:
                found[name] += weight * gradient**2
    return found


def fisher_of_checkpoint(
    case: Case, learner: Learner, corpus: Corpus, task: str, sentences: int
) -> tuple[dict[str, torch.Tensor], str]:
    """The Fisher information of the weights that the checkpoint has.

    Args:
        case, learner: what is fine-tuned.
        corpus: the text, and the labels of the task.
        task: a probing task that labels words, for checkpoints without a language-modelling head.
        sentences: how many sentences of its training split are read.

    Returns it by the names of the learner's parameters, and on what it was estimated.

    Raises InputError for a task that does not label words; ModelError where the head that the
    configuration names cannot be loaded.
    """
    random = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = learner.model
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    try:
        objective = declared_objective(learner.files)
        if objective:
            whole = language_model(case, learner.files, objective).to(device)
            texts = texts_of(corpus, sentences)
            drawn = language_likelihoods(whole, learner.tokenizer, texts, objective)
            home, what = whole, f"{objective} on {len(texts):,} sentences of {corpus.name}"
        else:
            drawn = _task_likelihoods(learner, corpus, task, sentences)
            home, what = model, f"{task} on {sentences:,} sentences of {corpus.name}"
        ours = {name for name, _ in model.named_parameters()} - learner.new
        parameters = {name: one for name, one in home.named_parameters() if name in ours}
        found = diagonal_fisher(parameters, drawn)
    finally:
        model.train(was_training)
        torch.random.set_rng_state(random)
    for name, parameter in model.named_parameters():
        if name in ours and name not in found:  # the objective does not reach it
            found[name] = torch.zeros_like(parameter)
    return found, what


def language_likelihoods(
    model: Any, tokenizer: Any, texts: Sequence[str], objective: str
) -> Iterator[tuple[torch.Tensor, float]]:
    """Of each text the log-likelihood of subwords drawn from the model's predictions, and 1 / n.

    Raises InputError for a masked model whose tokenizer has no mask.
    """
    random = torch.Generator().manual_seed(0)
    for text in texts:
        read, labels = read_for(model, tokenizer, [text], objective, random)
        chosen = labels != NONE
        if chosen.any():
            yield _drawn(model(**read).logits[chosen]), 1 / len(texts)


def _drawn(logits: torch.Tensor) -> torch.Tensor:
    """The log-likelihood of labels drawn from logits `(n, labels)`."""
    with torch.no_grad():
        labels = torch.distributions.Categorical(logits=logits).sample()
    return -cross_entropy(logits, labels, reduction="sum")


def _task_likelihoods(
    learner: Learner, corpus: Corpus, task: str, sentences: int
) -> Iterator[tuple[torch.Tensor, float]]:
    """The same of a probing task, with a linear head on the last layer."""
    if load_task(task).shape != "word":
        raise InputError(
            f"the recipe's setting 'task' takes a task that labels words, such as pos, not '{task}'"
        )
    ask(load_task(task), corpus)
    data = from_corpus(corpus, task).limited(sentences)
    encoded = encode(data.splits["train"], "words", learner.tokenizer, LONGEST)
    base, device = learner.model.base_model, next(learner.model.parameters()).device
    read, labels = [], []
    for item, places, gold in zip(
        encoded.items, encoded.places or [], data.splits["train"].labels, strict=True
    ):
        kept = (places != LOST) & (gold != NONE) & (gold != UNSEEN)
        if kept.any():
            inputs = {
                name: torch.tensor([value], device=device)
                for name, value in item.items()
                if name != "labels"
            }
            read.append((inputs, torch.tensor(places[kept], device=device)))
            labels.append(gold[kept])
    with torch.no_grad():
        vectors = [base(**inputs)[0][0, at].cpu().numpy() for inputs, at in read]
    weight, bias = linear_head(np.concatenate(vectors), np.concatenate(labels))
    for inputs, at in read:
        logits = base(**inputs)[0][0, at] @ weight.T.to(device) + bias.to(device)
        yield _drawn(log_softmax(logits, -1)), 1 / len(read)


def linear_head(vectors: np.ndarray, labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """A logistic regression's weights `(labels, width)` and biases `(labels,)`.

    All dimensions are divided by one number. Divided by its own deviation, one that is constant but
    for rounding (the last layer of all-MiniLM-L6-v2 has two, of about 1e-32) would have a weight
    that no gradient survives.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = vectors.mean(axis=0), vectors.std()
    regression = LogisticRegression(max_iter=1_000, tol=1e-3)
    regression.fit((vectors - mean) / scale, labels)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(coefficients) == 1:  # of two labels only the second one's is kept
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight = coefficients / scale
    bias = intercepts - weight @ mean
    return torch.tensor(weight, dtype=torch.float32), torch.tensor(bias, dtype=torch.float32)
