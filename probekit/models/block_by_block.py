"""Block by block: a model that is run one block at a time, from the states that the block reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from probekit.errors import InputError, ModelError
from probekit.models.ahead import Ahead
from probekit.models.behaviour import differ
from probekit.models.encoder import Encoder
from probekit.models.encoder_model import EncoderModel
from probekit.models.families import UNKNOWN
from probekit.models.model import Model
from probekit.models.moving import tensors_of
from probekit.models.partial_pass import PartialPass
from probekit.models.special_tokens import plain_subwords

TRIED = 9  # subwords of the text on which a family that is not listed is tried


class BlockSizes(NamedTuple):
    """How large a model is, in weights.

    Attributes:
        matrices: in the matrices of all blocks that are run.
        largest: of the largest block.
        widest: rows or columns of a block's matrix, at most.
        others: outside the blocks.
        is_mapped: whether they are mapped from their files, in the type of the computation.
    """

    matrices: int
    largest: int
    widest: int
    others: int
    is_mapped: bool


class BlockByBlock:
    """A loaded encoder whose blocks run one at a time. Several threads may run it at once.

    Attributes:
        sizes: of its weights.
    """

    def __init__(self, model: EncoderModel, last_layer: int) -> None:
        """Load the weights up to `last_layer`, those of the blocks as they are stored.

        Raises ModelError where the model's blocks are not a list.
        """
        encoder, self._dtype = model.encoder, model.dtype
        blocks = encoder.held.fetch_apart(last_layer, self._dtype)
        if blocks is None:
            raise _cannot(encoder, "has no list of blocks")
        self._encoder, self._blocks, self._passes = encoder, blocks, PartialPass(blocks)
        self._ahead = Ahead(list(blocks[:last_layer]), encoder.device, self._dtype)
        self.sizes = self._sizes(blocks[:last_layer])

    def _sizes(self, run: Iterable[torch.nn.Module]) -> BlockSizes:
        """Sizes of the blocks that are run, and of what is outside of all blocks."""
        matrices: list[torch.Size] = []
        totals = [0]
        is_as_computed = True
        for block in run:
            weights = list(block.parameters())
            matrices += [weight.shape for weight in weights if weight.ndim > 1]
            totals.append(sum(weight.numel() for weight in weights))
            is_as_computed &= all(weight.dtype == self._dtype for weight in weights)
        everything = sum(weight.numel() for weight in self._encoder.held.body.parameters())
        return BlockSizes(
            matrices=sum(shape.numel() for shape in matrices),
            largest=max(totals),
            widest=max((max(shape) for shape in matrices), default=0),
            others=everything - sum(totals),
            is_mapped=self._encoder.held.load_as_stored is not None and is_as_computed,
        )

    @contextmanager
    def at_hand(self, number: int) -> Iterator[None]:
        """Within the block, the weights of one of the model's blocks are on the device, in the type
        of the computation; those of no block for a negative number."""
        weights = [] if number < 0 else list(tensors_of(self._blocks[number]))
        stored = [tensor.data for tensor in weights]
        moved = self._ahead.take(number)
        for tensor, data in zip(weights, moved, strict=True):
            tensor.data = data
        try:
            yield
        finally:
            for tensor, data in zip(weights, stored, strict=True):
                tensor.data = data

    def inputs(self, subwords: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
        """What the model is given for texts, padded to one length.

        Args:
            subwords: ids of each text, `(n,)`; special tokens are added here.
        """
        return self._encoder.inputs.of(subwords, self._encoder.rows)

    def embedded(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """The states of layer 0 of texts: `(texts, width, dim)`."""
        return self._run(inputs, 0)

    def following(
        self, layer: int, inputs: dict[str, torch.Tensor], states: torch.Tensor
    ) -> torch.Tensor:
        """The states of the layer above `layer`, of the same texts, from those of `layer`: by block
        number `layer`, which must be at hand."""
        with self._passes.part(layer, self._turned(states)):
            return self._run(inputs, layer + 1)

    @torch.inference_mode()
    def _run(self, inputs: dict[str, torch.Tensor], stop: int) -> torch.Tensor:
        """What block `stop` reads, or the last states of the model where it has no such block."""
        encoder = self._encoder
        last: list[torch.Tensor] = []

        def run() -> None:
            last.append(encoder.run(inputs)[-1])

        found = self._passes.read_by(stop, run)
        return last[0] if found is None else self._turned(found)

    def _turned(self, states: torch.Tensor) -> torch.Tensor:
        """From what a block reads to `(texts, width, dim)`, or back."""
        if not self._encoder.family.time_first:
            return states
        return states.transpose(0, 1).contiguous()


def require_block_by_block(model: Model) -> None:
    """Raise InputError or ModelError for what cannot be run block by block.

    A family that is not listed is loaded and tried once.
    """
    if not isinstance(model, EncoderModel):
        raise InputError(
            f"states='none': '{model.name}' has no blocks to run one after another: use "
            "states='stored'"
        )
    encoder = model.encoder
    if encoder.site != "residual":
        raise InputError(
            f"states='none' reads the residual stream, not site='{encoder.site}': use "
            "states='stored'"
        )
    why = why_not(encoder)
    if why:
        raise _cannot(encoder, why)
    if encoder.family is UNKNOWN:
        try:
            _try(model)
        finally:
            encoder.held.release()


def why_not(encoder: Encoder) -> str:
    """Why the stack of a family cannot be run block by block; empty where it can, or is not
    listed."""
    if encoder.stack == "decoder":
        return "would run its encoder again before every block of its decoder"
    if not encoder.family.by_block:
        return "has blocks that hand on more than states, or share weights"
    return "" if encoder.behaviour.padded else "reads texts of one length only"


def _cannot(encoder: Encoder, why: str) -> ModelError:
    return ModelError(
        f"states='none': '{encoder.name}' ({encoder.config.model_type}) cannot be run block by "
        f"block, since it {why}: use states='stored'"
    )


def _try(model: EncoderModel) -> None:
    """Raise ModelError where states that are computed block by block are others."""
    encoder = model.encoder
    text = np.resize(plain_subwords(encoder.tokenizer, encoder.rows), TRIED).astype(np.int64)
    encoder.load(encoder.n_layers - 1)
    expected = encoder.hidden_states([text])
    encoder.held.release()
    blocks = BlockByBlock(model, encoder.n_layers - 1)
    inputs = blocks.inputs([text])
    try:
        found = blocks.embedded(inputs)
        is_same = not differ(expected[0][0], found[0])
        for layer, states in enumerate(expected[1:]):
            with blocks.at_hand(layer):
                found = blocks.following(layer, inputs, found)
            is_same &= not differ(states[0], found[0])
    except ModelError as error:  # the model's code does without what its blocks hand on
        raise _cannot(encoder, "has blocks that hand on more than states") from error
    if not is_same:
        raise _cannot(encoder, "has blocks that hand on more than states")
