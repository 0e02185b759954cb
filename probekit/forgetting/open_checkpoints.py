"""Open checkpoints: the models of a trajectory, after the one that retention counts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

from probekit.errors import InputError, ModelError
from probekit.forgetting.base import base_of
from probekit.models.checkpoint import Checkpoint
from probekit.models.loaded import LoadedModel, name_of
from probekit.models.model import Model, open_model
from probekit.states.reading import require_readable
from probekit.states.settings import ExtractSettings


def open_checkpoints(
    models: Sequence[str | LoadedModel], base: str | LoadedModel | None, settings: ExtractSettings
) -> tuple[dict[str, Model], list[str]]:
    """The models that can be opened, first the one that changes count from, and warnings.

    All are opened before the work, so that a mistake shows at once.
    """
    warnings: list[str] = []
    opened: dict[str, Model] = {}
    first = base or models[0]
    for subject in dict.fromkeys([first, *models]):
        name = name_of(subject)
        try:
            opened[name] = _open_complete(subject, settings)
        except ModelError as error:
            if subject == first:
                raise
            warnings.append(f"{name} is left out: {error}")
            failed = error
    if not base:
        opened, warning = _with_base(opened, settings)
        warnings.append(warning)
    else:
        warnings.append(f"retention counts from {name_of(base)}, the base given")
    if len(opened) < 2:
        raise failed
    return opened, warnings


def _open_complete(subject: str | LoadedModel, settings: ExtractSettings) -> Model:
    """The model, every file of whose weights is complete.

    The last checkpoint of a run that goes on may be written just now. Raises ModelError for it.
    """
    model = open_model(subject, settings.encoder)
    weights: tuple[Path, ...] = ()
    if isinstance(model, Checkpoint):
        weights = (*model.files.weights, *model.files.adapter_weights)
    for path in weights:
        if path.suffix != ".safetensors":
            continue
        try:
            with safe_open(path, framework="numpy"):
                pass  # its header is read, and compared with its size
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{path} is damaged, or not yet complete ({error})") from error
    require_readable(model, settings)
    return model


def _with_base(opened: dict[str, Model], settings: ExtractSettings) -> tuple[dict[str, Model], str]:
    """The models, after the first one's base where that is known; and a warning that names it."""
    first, *others = opened
    from_first = f"retention counts from {first}"
    if any(base_of(opened[other]) == first for other in others):
        return opened, f"{from_first}, the base of the others"
    base = base_of(opened[first])
    if base is None:
        return opened, (
            f"{from_first}, the first checkpoint, which names no base model: "
            "if it is tuned, give base='MODEL'"
        )
    try:
        model = _open_complete(base, settings)
    except (ModelError, InputError) as error:
        return opened, (
            f"{from_first}, the first checkpoint: its base model cannot be opened: "
            f"give base='MODEL' ({error})"
        )
    if model.fingerprint() == opened[first].fingerprint():
        return opened, f"{from_first}, which has the weights of its base model {base}"
    rest = {name: one for name, one in opened.items() if name != base}
    warning = f"retention counts from {base}, which {first} names as its base model"
    return {base: model, **rest}, warning
