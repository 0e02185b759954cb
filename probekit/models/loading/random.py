"""Random: the bare model of a checkpoint before any training."""

from __future__ import annotations

from typing import Any

import torch

from probekit.errors import ModelError
from probekit.models.files import Files
from probekit.models.loading.quiet import quiet_loading


def load_random(files: Files, config: Any, dtype: torch.dtype, remote_code: bool) -> Any:
    """The bare model before any training, with random weights from `files.seed`.

    Raises ModelError where a weight equals the trained one in the files.
    """
    from transformers import AutoModel

    with torch.random.fork_rng(devices=[]), quiet_loading():
        torch.manual_seed(files.seed or 0)
        model = AutoModel.from_config(config, dtype=dtype, trust_remote_code=remote_code)
    _require_different(model, files)
    return model


def _require_different(model: Any, files: Files) -> None:
    from safetensors import safe_open

    random: dict[str, torch.Tensor] = {}
    for name, value in model.state_dict().items():
        is_random = value.ndim > 1 and value.std() > 0
        if is_random:
            random[name] = value
    for path in files.weights:
        if path.suffix != ".safetensors":
            continue
        with safe_open(path, framework="pt") as trained:
            for name in trained.keys():  # noqa: SIM118 - not a dictionary
                own = next((key for key in (name, name.partition(".")[2]) if key in random), None)
                if own and torch.equal(random[own], trained.get_tensor(name).to(random[own].dtype)):
                    raise ModelError(
                        f"'{files.name}' should be random, and its {own} equals the trained one in "
                        f"{files.folder}"
                    )
