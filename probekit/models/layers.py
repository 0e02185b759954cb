"""Layers: what the layers of a model are, in codes for comparison and in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Embeddings = Literal["plain", "normalised", "mapped", "unlisted"]
Last = Literal["block", "final norm", "unlisted"]

EMBEDDINGS: dict[str, str] = {
    "plain": "embeddings",
    "normalised": "embeddings, layer-normalised",
    "mapped": "embeddings, layer-normalised and mapped to the width",
    "unlisted": "embeddings",
}
LAST: dict[str, str] = {
    "block": "the last one like the others",
    "final norm": "the last one after the final norm",
    "unlisted": "the last one as transformers returns it",
}
SITES: dict[str, str] = {
    "attn": "what attention of block k{stack} adds to the residual stream",
    "mlp": "what the feed-forward network of block k{stack} adds to the residual stream",
}


@dataclass(frozen=True)
class LayerConvention:
    """What layer 0, layer k and the last layer of a transformer are.

    Layers of two models can be compared where their conventions are equal.

    Attributes:
        embeddings: what layer 0 is: a key of EMBEDDINGS.
        last: what the last layer is: a key of LAST; empty for a site within the blocks, where all
            layers are alike.
        site: what is read of a block: `residual`, `attn` or `mlp`.
        stack: `encoder` or `decoder` of an encoder-decoder; else `only`.
    """

    embeddings: Embeddings
    last: Last | Literal[""]
    site: str
    stack: str

    def codes(self) -> dict[str, Any]:
        """The convention as a manifest stores it."""
        return asdict(self)


def explain_layers(codes: Mapping[str, Any]) -> str:
    """The layers of a manifest in a sentence: of a transformer, a module's parts, or vectors."""
    if codes.get("site") == "given":
        return "layer k: row k of the vectors given"
    if "parts" in codes:
        return "; ".join(
            f"layer {k}: the output of {part}" for k, part in enumerate(codes["parts"])
        )
    if "embeddings" not in codes:
        return "layer 0: the word's vector, whatever its neighbours"
    stack = "" if codes["stack"] == "only" else f" of the {codes['stack']}"
    first = f"layer 0: {EMBEDDINGS[codes['embeddings']]}"
    if codes["site"] != "residual":
        return f"{first}; layer k: {SITES[codes['site']].format(stack=stack)}"
    return f"{first}; layer k: the output of block k{stack}, {LAST[codes['last']]}"
