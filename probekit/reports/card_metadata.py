"""Card metadata: scores in the form that the model hub reads from a README (`model-index`)."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from probekit.forgetting.comparison import Comparison
from probekit.probes.scores import Scores

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TASK = "probing"
"""The hub's type of task of all that probekit measures, which tells its entries from others."""


def eval_results(found: Scores | Comparison) -> list[EvalResult]:
    """An entry for each score, and of a comparison also for each change."""
    if isinstance(found, Comparison):
        return [*_compared(found), *_behaviour_compared(found)]
    return [*_probed(found), *_behaviour(found)]


def _probed(scores: Scores) -> list[EvalResult]:
    """The best layers."""
    if not scores.has_layers:
        return []
    results = []
    for _, row in scores.best().iterrows():
        layers = f"layer {row['layer']} of {row['first_layer']}–{row['last_layer']}"
        name = f"{row['metric']} of a probe ({row['probe']}), {layers}"
        results.append(_result(row, row["metric"], row["score"], f"{name}{_interval(row)}"))
    return results


def _behaviour(scores: Scores) -> list[EvalResult]:
    """What language models themselves find likely."""
    results = []
    for _, row in scores.behaviour().iterrows():
        name = f"{row['metric']} of the language model itself{_interval(row)}"
        results.append(_result(row, row["metric"], row["score"], name))
    return results


def _compared(comparison: Comparison) -> list[EvalResult]:
    """The best layers after, and what changed."""
    results = []
    for _, row in comparison.best.iterrows():
        after = f"{row['metric']} of a probe, layer {row['layer_after']}"
        change = f"change since {row['before']}, best layers{_interval(row)}"
        results.append(_result(row, row["metric"], row["score_after"], after))
        results.append(_result(row, "change", row["delta"], change))
    return results


def _behaviour_compared(comparison: Comparison) -> list[EvalResult]:
    results = []
    for _, row in comparison.behaviour.iterrows():
        after = f"{row['metric']} of the language model itself"
        change = f"change of {row['metric']} since {row['before']}{_interval(row)}"
        results.append(_result(row, row["metric"], row["score_after"], after))
        results.append(_result(row, "change", row["delta"], change))
    return results


def _result(row: Any, metric: str, value: float, name: str) -> EvalResult:
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=TASK,
        task_name=row["task"],
        dataset_type=row["corpus"],
        dataset_name=row["corpus"],
        dataset_config=row["task"],  # entries of one corpus and config are put together
        dataset_split="test",
        metric_type=metric,
        metric_value=round(float(value), 6),
        metric_name=name,
    )


def _interval(row: Any) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return "" if isnan(low) else f", 95% interval {low:.3f} to {high:.3f}"
