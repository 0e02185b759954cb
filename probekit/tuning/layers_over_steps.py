"""Layers over steps: what each layer knows while a model is trained, as a picture for trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 6.4, 3.6, 100  # inches, and dots of one


def layers_over_steps(history: Sequence[Mapping[str, float]], task: str) -> np.ndarray:
    """Draw the scores of a task by layer and step.

    Args:
        history: of a ForgettingCallback.
        task: the task's name.

    Returns `(height, width, 3)` bytes, white where there is nothing.
    """
    prefix = f"probe_{task}_layer_"
    layers = [name.removeprefix(prefix) for name in history[0] if name.startswith(prefix)]
    scores = np.empty((len(layers), len(history)))
    for place, layer in enumerate(layers):
        scores[place] = [found[f"{prefix}{layer}"] for found in history]
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    drawn = axes.imshow(scores, aspect="auto", origin="lower", cmap="viridis")
    axes.set_title(f"{task}: score on test", loc="left", parse_math=False)
    axes.set_xticks(range(len(history)), [f"{found['step']:g}" for found in history])
    axes.set_yticks(range(len(layers)), layers)
    axes.set_xlabel("step")
    axes.set_ylabel("layer")
    figure.colorbar(drawn, ax=axes)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
