"""Of a checkpoint: the rows of results that were measured with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from probekit.errors import InputError, ModelError
from probekit.forgetting.comparison import Comparison
from probekit.models.checkpoint import Checkpoint, EncoderSettings
from probekit.probes.scores import Scores
from probekit.reports.read import Kind
from probekit.results.results import Results
from probekit.results.run import Run


def only_of_checkpoint(found: Mapping[str, Kind], place: Path) -> dict[str, Scores | Comparison]:
    """The results in some folders, without rows of other models than the one in `place`.

    Models are told apart by the checksums of their weights: a folder may have been trained again.

    Raises InputError where results are not of `probe` or `compare`, or of other weights;
    ModelError where `place` is not a checkpoint.
    """
    weights = _weights(place)
    own: dict[str, Scores | Comparison] = {}
    for name, results in found.items():
        if not isinstance(results, Scores | Comparison):
            raise InputError(
                f"{name} holds results of kind {results.kind()!r}: a model card takes scores "
                "('probekit probe') and comparisons of checkpoints ('probekit compare')"
            )
        own[name] = _only(results, weights, name, place)
    return own


def _weights(place: Path) -> str:
    """The checksum of a checkpoint's weights."""
    try:
        opened = Checkpoint(str(place.resolve()), EncoderSettings(allow_pickle=True))
    except (InputError, ModelError) as error:
        raise ModelError(f"checkpoint: {error}") from error
    return opened.fingerprint()["weights"]


def _only(
    results: Scores | Comparison, weights: str, name: str, place: Path
) -> Scores | Comparison:
    every = _names(results.run)
    own = [model for model, sum_of in every.items() if sum_of == weights]
    column = "after" if isinstance(results, Comparison) else "model"
    tables = _with_models(results, column, own)
    if not any(len(table) for table in tables.values()):
        measured = ", ".join(f"'{model}'" for model in every) or "a model that is not recorded"
        raise InputError(
            f"the results in {name} are of {measured}, not of the weights in '{place}': measure "
            "that checkpoint"
        )
    only: Scores | Comparison = replace(results, **tables)
    return only


def _names(run: Run) -> dict[str, str]:
    """The names of the models that were read, each with the checksum of its weights."""
    found = {}
    for one in run.measurements:
        found[one.model] = str(one.fingerprints.get("model", {}).get("weights", ""))
    return found


def _with_models(results: Results, column: str, models: list[str]) -> dict[str, Any]:
    """The tables of results, each with the rows of these models only, by their fields."""
    found: dict[str, Any] = {}
    for field in (*results.TABLES, *results.OPTIONAL):
        table = getattr(results, field)
        if column in table:
            found[field] = table[table[column].isin(models)].reset_index(drop=True)
    return found
