"""Explained: a probe on top of a running model, as one function of embedded subwords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from probekit.errors import InputError
from probekit.models.differentiable import Differentiable
from probekit.models.words import SubwordVector
from probekit.probes import batches
from probekit.probes.stack import Stack
from probekit.usage.decision import Batch, Decision, batch_of

SUBWORDS = 2_048  # that are run at once, steps of a path included


class Explained:
    """The score that a probe gives to a label, from embedded subwords.

    The score is the label's logit less the mean of all logits: what is added to all of them changes
    no probability.

    Attributes:
        below: the model up to the layer that the probe reads.
        nothing: the embedding that words are compared with, `(numbers,)`.
    """

    def __init__(
        self, below: Differentiable, stack: Stack, nothing: torch.Tensor, take: SubwordVector
    ) -> None:
        """A probe on a model.

        Args:
            below: the model up to the layer that the probe reads.
            stack: one trained probe of one task and layer.
            nothing: the embedding that words are compared with.
            take: the vector of a word from its subwords.
        """
        self.below, self.nothing = below, nothing
        self._stack, self._take = stack.requires_grad_(False), take

    def __call__(
        self,
        embedded: torch.Tensor,
        ids: torch.Tensor,
        present: torch.Tensor,
        pooling: torch.Tensor,
        spans: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Scores `(B,)` of labels. Shapes: see `Batch`.

        Args:
            embedded: what the model reads, `(B, R, W, numbers)`.
            ids, present: of the subwords, `(B, R, W)`.
            pooling: from states to the words that the probe reads, `(B, K, R × W)`.
            spans: of the instances among these words, `(B, arity, 2)`.
            labels: `(B,)`.
        """
        logits = self._logits(embedded, ids, present, pooling, spans)
        centred = logits - logits.mean(1, keepdim=True)
        return centred.gather(1, labels[:, None])[:, 0]

    def _logits(
        self,
        embedded: torch.Tensor,
        ids: torch.Tensor,
        present: torch.Tensor,
        pooling: torch.Tensor,
        spans: torch.Tensor,
    ) -> torch.Tensor:
        """`(B, labels)`."""
        n, n_words = pooling.shape[:2]
        states = self.below.states(embedded.flatten(0, 1), ids.flatten(0, 1), present.flatten(0, 1))
        words = pooling @ states.float().reshape(n, pooling.shape[2], -1)
        begins = n_words * torch.arange(n, device=spans.device)
        device = self._stack.scaling.mean.device
        flat = words.reshape(1, n * n_words, -1).to(device)
        read = batches.Batch(flat, [(spans + begins[:, None, None]).to(device)], [], [])
        (output,) = self._stack(read)
        logits: torch.Tensor = output[0, :, 0].to(embedded.device)
        return logits

    @torch.no_grad()
    def predicted(self, batch: Batch) -> torch.Tensor:
        """The label that the probe gives to each decision, `(B,)`."""
        ids, present, pooling, spans, _ = batch.further
        return self._logits(batch.embedded, ids, present, pooling, spans).argmax(1)

    @torch.no_grad()
    def scores(self, batch: Batch, embedded: torch.Tensor) -> torch.Tensor:
        """The scores of the batch's labels where the model reads `embedded`, `(B,)`."""
        return self(embedded, *batch.further)

    def batches(self, decisions: Sequence[Decision], steps: int) -> Iterator[list[int]]:
        """The numbers of decisions that are run together, with so many steps of a path: those of
        similar length."""
        order = sorted(range(len(decisions)), key=lambda i: _shape(decisions[i]), reverse=True)
        batch: list[int] = []
        for number in order:
            if batch and not self._fits(decisions[batch[0]], decisions[number], len(batch), steps):
                yield batch
                batch = []
            batch.append(number)
        if batch:
            yield batch

    def _fits(self, longest: Decision, other: Decision, n: int, steps: int) -> bool:
        if len(other.ids) != len(longest.ids):
            return False
        if not self.below.padded and (other.width != longest.width or len(longest.ids) > 1):
            return False
        return (n + 1) * steps * self.rows_subwords(longest) <= SUBWORDS

    @staticmethod
    def rows_subwords(decision: Decision) -> int:
        """Number of subwords that a decision takes, with padding."""
        return len(decision.ids) * decision.width

    def batch(self, decisions: Sequence[Decision]) -> Batch:
        """Decisions as tensors."""
        return batch_of(decisions, self.below, self.nothing, self._take)


def _shape(decision: Decision) -> tuple[int, int]:
    return len(decision.ids), decision.width


def embedding_of_nothing(below: Differentiable, baseline: str | None) -> tuple[torch.Tensor, str]:
    """The embedding that words are compared with, `(numbers,)`, and its name.

    Args:
        below: the model.
        baseline: `pad`, that of the padding subword; `mean`, the mean over the vocabulary; `zero`;
            None for `pad` where the tokenizer has such a subword, else `mean`.

    Raises InputError for `pad` where the tokenizer has none.
    """
    if baseline == "pad" and below.pad is None:
        raise InputError(
            f"baseline='pad': the tokenizer of '{below.name}' has no padding subword; use "
            "baseline='mean'"
        )
    chosen = baseline or ("mean" if below.pad is None else "pad")
    if chosen == "pad":
        with torch.no_grad():
            ids = torch.tensor([[below.pad]], device=below.device)
            return below.embedded(ids)[0, 0], chosen
    mean = below.mean_embedding()
    return (torch.zeros_like(mean) if chosen == "zero" else mean), chosen
