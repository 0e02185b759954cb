"""Adapter: a model with its PEFT adapter, as peft loads it, with every weight from the files."""

from __future__ import annotations

from typing import Any

import torch

from probekit.errors import OF_TYPES, InputError, ModelError, ProbekitError, first_line
from probekit.models.files import Files
from probekit.models.patterns import require_quick

_PREFIX = "base_model.model."  # of the names of an adapter's weights

# Keys of an adapter's configuration that decide how much memory is allocated; each is a side of
# some of its weights.
_SIZES = (
    "r",
    "init_r",
    "target_r",
    "num_vectors",
    "vector_length",
    "n_frequency",
    "adapter_len",
    "num_layers",
    "token_dim",
)


def with_adapter(model: Any, files: Files, dtype: torch.dtype) -> Any:
    """The bare model with its adapter, whose layers are inserted into it; for prompts and prefixes
    the model that wraps it.

    Where the adapter was trained with more subwords than the base has, the table of embeddings
    grows as it did in training.

    Raises InputError where peft is not installed, ModelError where the adapter does not fit, lacks
    weights, or has weights that the model has no place for.
    """
    try:
        import peft
    except ImportError as error:
        raise InputError(
            f"'{files.name}' is a PEFT adapter: pip install 'probekit-nlp[peft]'"
        ) from error
    try:
        config = peft.PeftConfig.from_pretrained(str(files.adapter))
        _require_readable(config, model, files)
        given = _in_place(_state(files))
        _require_held(config, given, files)
        home = model if config.is_prompt_learning else _as_trained(model, given)
        require_quick(
            config, [key for key, _ in home.named_modules()], f"the adapter '{files.name}'"
        )
        _grow(home, config, given, files)
        # The weights of these modules are loaded into the model itself; heads are not read.
        config.modules_to_save = None
        config.inference_mode = True
        kind = peft.PeftModelForFeatureExtraction if config.is_prompt_learning else peft.PeftModel
        adapted = kind(home, config)
        result = peft.set_peft_model_state_dict(adapted, given)
        expected = set(peft.get_peft_model_state_dict(adapted, save_embedding_layers=False))
    except ProbekitError:
        raise
    except Exception as error:  # peft raises its own kinds
        does_not = f"does not fit {files.folder}"
        if isinstance(error, OF_TYPES):
            does_not = "cannot be loaded"
        raise ModelError(
            first_line(
                f"the adapter '{files.name}' {does_not}", error, of_file="its adapter_config.json"
            )
        ) from error
    # A pooler may be missing: hidden states do not pass through it, and a head may not use it.
    missing = sorted(name for name in expected - set(given) if ".pooler." not in name)
    if missing:
        raise ModelError(
            f"the adapter '{files.name}' lacks weights ({', '.join(missing[:3])} …): it would be "
            "random"
        )
    unread = sorted(key for key in result.unexpected_keys if _is_of_model(home, model, key))
    if unread:
        raise ModelError(
            f"the adapter '{files.name}' has weights that {files.folder} has no place for "
            f"({', '.join(unread[:3])}): was it trained on another base?"
        )
    adapted.to(dtype)
    return adapted if config.is_prompt_learning else model


def _require_readable(config: Any, model: Any, files: Files) -> None:
    if config.is_prompt_learning and model.config.is_encoder_decoder:
        raise ModelError(f"'{files.name}': prefixes and prompts of encoder-decoders cannot be read")
    if getattr(config, "layer_replication", None):
        raise ModelError(
            f"'{files.name}': an adapter that repeats blocks (layer_replication) cannot be read"
        )


def _require_held(config: Any, given: dict[str, torch.Tensor], files: Files) -> None:
    """Raise ModelError for a size in the configuration that no weight has.

    Memory is allocated before the sizes are compared.
    """
    largest = 0
    for value in given.values():
        largest = max([largest, *value.shape])
    sizes = {name: getattr(config, name, None) for name in _SIZES}
    ranks = getattr(config, "rank_pattern", None)
    if isinstance(ranks, dict):
        sizes |= {f"rank_pattern {name}": rank for name, rank in ranks.items()}
    if str(getattr(config, "peft_type", "")).endswith("LOKR"):
        del sizes["r"]  # a rank larger than the matrix means full rank
    for name, size in sizes.items():
        if isinstance(size, int) and size > largest:
            raise ModelError(
                f"the adapter '{files.name}' has the {name[:60]} {str(size)[:20]} in its "
                f"adapter_config.json, and no weight of that size: its largest is {largest:,}"
            )


def _state(files: Files) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for path in files.adapter_weights:
        if path.suffix == ".safetensors":
            state |= load_file(path)
        else:
            state |= torch.load(path, weights_only=True)
    return state


def _in_place(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights by their names in the model.

    A module that was trained as a whole may be saved several times; its trained weights are kept.
    """
    found = {}
    for name, value in state.items():
        plain = name.replace(".modules_to_save.", ".")
        if ".original_module." not in name and (plain == name or plain not in state):
            found[plain] = value
    return found


class _UnderHead(torch.nn.Module):
    """The bare model under the name that it has in a model with a head; the head is left out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.base_model_prefix = model.base_model_prefix
        self.config = model.config
        self.add_module(model.base_model_prefix, model)
        self._bare = (model,)  # in a tuple, so that it is not registered as a second submodule

    def get_input_embeddings(self) -> torch.nn.Module:
        """The embeddings of the bare model; peft calls this."""
        found: torch.nn.Module = self._bare[0].get_input_embeddings()
        return found

    def get_output_embeddings(self) -> None:
        """None: they belong to the head."""

    def resize_token_embeddings(self, rows: int, **how: Any) -> None:
        """Resize the table of embeddings of the bare model."""
        self._bare[0].resize_token_embeddings(rows, **how)


def _as_trained(model: Any, given: dict[str, torch.Tensor]) -> Any:
    """The model with the names of modules that the adapter was trained with.

    Its weights and its configuration use these names; trained under a head, they begin with the
    model's name there.
    """
    prefix = model.base_model_prefix
    if not prefix or hasattr(model, prefix):
        return model
    is_under_head = any(name.startswith(f"{_PREFIX}{prefix}.") for name in given)
    return _UnderHead(model) if is_under_head else model


def _grow(home: Any, config: Any, given: dict[str, torch.Tensor], files: Files) -> None:
    """Give the model as many embeddings as it had in training.

    All new rows are replaced: by the adapter's own embeddings, or by its `trainable_token_indices`.

    Raises ModelError where the adapter lacks an embedding.
    """
    table = home.get_input_embeddings()
    own = table.weight.shape[0]
    name = next(name for name, module in home.named_modules() if module is table)
    plain = given.get(f"{_PREFIX}{name}.weight")
    embeddings = given.get(f"{_PREFIX}{name}.base_layer.weight") if plain is None else plain
    if embeddings is not None:
        rows = embeddings.shape[0]
    else:
        trained = _trained_tokens(config)
        rows = max([own, *(token + 1 for token in trained)])
        lost = next((token for token in range(own, rows) if token not in trained), None)
        if lost is not None:
            raise ModelError(
                f"the adapter '{files.name}' was trained with {rows} subwords or more, its base "
                f"{files.folder} has {own}, and the adapter has no embedding of subword {lost}: "
                "save it with save_embedding_layers=True"
            )
    if rows != own:
        home.resize_token_embeddings(rows, mean_resizing=False)


def _trained_tokens(config: Any) -> set[int]:
    """Subwords whose embeddings the adapter has one by one."""
    found = getattr(config, "trainable_token_indices", None) or []
    lists = found.values() if isinstance(found, dict) else [found]
    tokens: set[int] = set()
    for one in lists:
        tokens.update(int(token) for token in one)
    return tokens


def _is_of_model(home: Any, model: Any, name: str) -> bool:
    """Whether an adapter's weight belongs to some part of the bare model, and not to a head."""
    place = _PREFIX
    if home is not model:
        place = f"{_PREFIX}{model.base_model_prefix}."
    if not name.startswith(place):
        return False
    child, _, _ = name.removeprefix(place).partition(".")
    return child in dict(model.named_children())
