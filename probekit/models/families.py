"""Families: the facts about each architecture, in one table.

The key is `model_type` in the configuration of a checkpoint. A family that is not listed is read as
transformers returns it. `tests/models/test_families.py` compares every row with a model of the
family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from probekit.models.layers import Embeddings, LayerConvention

Site = Literal["residual", "attn", "mlp"]
Stack = Literal["auto", "encoder", "decoder"]


@dataclass(frozen=True)
class Family:
    """One architecture.

    Attributes:
        title: its name in its paper.
        attention: what a word sees.
        embeddings: what layer 0 is: a key of `layers.EMBEDDINGS`.
        final_norm: whether the last layer, unlike the others, has passed a final norm.
        stacks: `encoder` or `decoder`, or both.
        sites: name, within a block, of the module whose output attention (`attn`) or the
            feed-forward network (`mlp`) adds to the residual stream; the decoder of a pair may have
            its own, as `decoder.attn`.
        offset: whether positions are counted from the padding index, so that as many are lost.
        extra_layers: number of hidden states beyond the embeddings and one per block.
        padded: whether texts may be padded to one length without changing their states.
        time_first: whether blocks return `(width, texts, dim)`.
        late: whether transformers' hidden states begin after the first block, and end with the last
            one twice.
        by_block: whether blocks can be run one at a time, since they are a list and hand on
            nothing but states.
    """

    title: str
    attention: str
    embeddings: Embeddings
    final_norm: bool
    stacks: tuple[Stack, ...] = ("encoder",)
    sites: dict[str, str] = field(default_factory=dict)
    offset: bool = False
    extra_layers: int = 0
    padded: bool = True
    time_first: bool = False
    late: bool = False
    by_block: bool = True


_BOTH, _LEFT = "both sides", "left"
_PAIRED = "both sides; the decoder left, and all of the encoder's"
_NORMALISED: Embeddings = "normalised"
_PLAIN: Embeddings = "plain"
_MAPPED: Embeddings = "mapped"
_BERT_SITES = {"attn": "attention.output.dense", "mlp": "output.dense"}
_LLAMA_SITES = {"attn": "self_attn", "mlp": "mlp"}
_T5_SITES = {
    "attn": "layer.0.SelfAttention",
    "mlp": "layer.1.DenseReluDense",
    "decoder.mlp": "layer.2.DenseReluDense",
}
_DECODER: tuple[Stack, ...] = ("decoder",)
_PAIR: tuple[Stack, ...] = ("encoder", "decoder")


def _bert(title: str, embeddings: Embeddings = _NORMALISED, **more: Any) -> Family:
    return Family(title, _BOTH, embeddings, final_norm=False, **{"sites": _BERT_SITES, **more})


def _decoder(
    title: str, embeddings: Embeddings = _PLAIN, attention: str = _LEFT, **more: Any
) -> Family:
    return Family(
        title,
        attention,
        embeddings,
        final_norm=True,
        stacks=_DECODER,
        **{"sites": _LLAMA_SITES, **more},
    )


_SLIDING = "left, in some or all layers within a window"
FAMILIES: dict[str, Family] = {
    "bert": _bert("BERT"),
    "roberta": _bert("RoBERTa", offset=True),
    "camembert": _bert("CamemBERT", offset=True),
    "xlm-roberta": _bert("XLM-R", offset=True),
    "distilbert": _bert("DistilBERT", sites={"attn": "attention.out_lin", "mlp": "ffn.lin2"}),
    "albert": _bert(
        "ALBERT",
        _MAPPED,
        sites={"attn": "attention.dense", "mlp": "ffn_output"},
        by_block=False,
    ),
    "electra": _bert("ELECTRA", _MAPPED),
    "deberta": _bert("DeBERTa"),
    "deberta-v2": _bert("DeBERTa v2, v3"),
    "xlnet": Family("XLNet", _BOTH, _PLAIN, final_norm=False, time_first=True),
    "mpnet": _bert("MPNet", sites={"attn": "attention.attn.o", "mlp": "output.dense"}, offset=True),
    "modernbert": Family(
        "ModernBERT",
        "both sides, in most layers within a window",
        _NORMALISED,
        final_norm=True,
        sites={"attn": "attn", "mlp": "mlp"},
    ),
    # Two of characters, those of the deep stack (one for four characters), two of characters again.
    "canine": Family(
        "CANINE",
        _BOTH,
        _NORMALISED,
        final_norm=False,
        extra_layers=4,
        padded=False,
        by_block=False,
    ),
    "gpt2": _decoder("GPT-2", sites={"attn": "attn", "mlp": "mlp"}),
    "gpt_neox": _decoder("GPT-NeoX, Pythia", sites={"attn": "attention", "mlp": "mlp"}),
    "opt": _decoder("OPT", sites={"attn": "self_attn", "mlp": "fc2"}),
    "bloom": _decoder(
        "BLOOM", _NORMALISED, sites={"attn": "self_attention.dense", "mlp": "mlp.dense_4h_to_h"}
    ),
    "llama": _decoder("Llama"),
    "mistral": _decoder("Mistral", attention=_SLIDING),
    "qwen2": _decoder("Qwen2", attention=_SLIDING),
    "qwen3": _decoder("Qwen3", attention=_SLIDING),
    "gemma": _decoder("Gemma"),
    "gemma2": _decoder("Gemma 2", attention=_SLIDING, sites={}),
    "gemma3_text": _decoder("Gemma 3", attention=_SLIDING, sites={}),
    "phi": _decoder("Phi"),
    "phi3": _decoder("Phi-3", attention=_SLIDING),
    "t5": Family(
        "T5, ByT5",
        _PAIRED,
        _PLAIN,
        final_norm=True,
        stacks=_PAIR,
        sites=_T5_SITES,
        by_block=False,
    ),
    "mt5": Family(
        "mT5",
        _PAIRED,
        _PLAIN,
        final_norm=True,
        stacks=_PAIR,
        sites=_T5_SITES,
        by_block=False,
    ),
    "bart": Family(
        "BART",
        _PAIRED,
        _NORMALISED,
        final_norm=False,
        stacks=_PAIR,
        sites={"attn": "self_attn.out_proj", "mlp": "fc2"},
    ),
    "mamba": _decoder(
        "Mamba", attention="left, by a recurrent state", sites={}, late=True, by_block=False
    ),
}
UNKNOWN = Family(
    "a family not listed", "as its model has it", "unlisted", final_norm=False, stacks=("encoder",)
)


def family_of(config: Any) -> Family:
    """The family of a Hugging Face configuration; UNKNOWN for one that is not listed."""
    whole = FAMILIES.get(config.model_type, UNKNOWN)
    return FAMILIES.get(config.get_text_config().model_type, whole)


def layer_convention(config: Any, stack: Stack, site: Site) -> LayerConvention:
    """What the layers of a checkpoint are at a site of a stack (`auto` for a single stack)."""
    family = family_of(config)
    last: Any = "final norm" if has_final_norm(config) else "block"
    if family is UNKNOWN:
        last = "unlisted"
    if site != "residual":
        last = ""
    return LayerConvention(family.embeddings, last, site, "only" if stack == "auto" else stack)


def has_final_norm(config: Any) -> bool:
    """Whether the last layer, unlike the others, has passed a final norm."""
    text = config.get_text_config()
    if getattr(text, "tie_last_hidden_states", None) is False:
        return False  # transformers returns the output of the last block
    if text.model_type == "opt":
        has_norm = text.do_layer_norm_before and not text._remove_final_layer_norm
        if not has_norm:
            return False
    if getattr(text, "word_embed_proj_dim", text.hidden_size) != text.hidden_size:
        return False  # the output of the last block is read
    return family_of(config).final_norm
