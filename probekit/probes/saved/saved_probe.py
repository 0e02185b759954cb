"""Saved probe: one trained probe, with all that is needed to read states with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from probekit import doors
from probekit.errors import InputError
from probekit.probes.heads import head_of
from probekit.probes.pooling import Slot, slots
from probekit.probes.saved import linear_form
from probekit.probes.saved.origin import Origin, origin_of
from probekit.states.states import States
from probekit.tasks.task import Task, load_task

DIGITS = 12


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SavedProbe:
    """One trained probe of one task and layer.

    It reads `take(words @ weight[i])` of each slot i (a part of an instance's vector: a word, or
    the mean of a span), adds these up with the bias, and gives the sum to its head. The output of a
    linear head is the sum itself, a number per class.

    Attributes:
        task: the task.
        classes: the labels, in the order of the outputs.
        layer: the layer that it reads; 0 is the embeddings.
        weight: the first map, `(slots, dim, width)`, float32; of a linear probe the width is the
            number of classes.
        bias: `(width,)`, float32.
        attention: `(slots, dim)`, float32, the map to the scores of attention; None where spans are
            pooled without.
        further: the head's own parameters after the first map, by name.
        head: the kind of probe.
        seed: of its initial weights.
        origin: where it comes from.

    Raises InputError where the parts do not fit each other, or hold numbers that are not finite.
    """

    task: Task
    classes: tuple[str, ...]
    layer: int
    weight: np.ndarray
    bias: np.ndarray
    attention: np.ndarray | None = None
    further: Mapping[str, np.ndarray] = field(default_factory=dict)
    head: str = "linear"
    seed: int = 0
    origin: Origin

    def __post_init__(self) -> None:
        if not self.task.is_labelling or self._read_task.features == "product":
            raise InputError(
                f"a probe of the task '{self.task.name}' cannot be saved: it is not a map of words "
                "that are pooled (trees, behaviour, and products a * b are not)"
            )
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise InputError(f"classes takes at least two different labels, not {self.classes}")
        for name, wanted in shapes(self).items():
            array = self.tensors.get(name)
            if array is None or array.shape != wanted or array.dtype != np.float32:
                found = "missing" if array is None else f"{array.dtype} {array.shape}"
                raise InputError(f"the probe's {name} must be float32 {wanted}; it is {found}")
            if not np.isfinite(array).all():
                raise InputError(f"the probe's {name} has numbers that are not finite")
        odd = sorted(set(self.tensors) - set(shapes(self)))
        if odd:
            raise InputError(f"a {self.head} probe of '{self.task.name}' has no '{odd[0]}'")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SavedProbe):
            return NotImplemented
        same = _about(self) == _about(other) and set(self.tensors) == set(other.tensors)
        return same and all(
            np.array_equal(one, other.tensors[name]) for name, one in self.tensors.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        of_model = f", of {self.origin.model!r}" if self.origin.model else ""
        return f"SavedProbe({self.name}, {len(self.classes)} classes{of_model})"

    @property
    def name(self) -> str:
        """What results call it."""
        return f"{self.task.name}, layer {self.layer}, {self.head}, seed {self.seed}"

    @property
    def dim(self) -> int:
        """Width of the vectors that it reads."""
        return int(self.weight.shape[1])

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The parts of an instance's vector."""
        return slots(self._read_task)

    @property
    def _read_task(self) -> Task:
        """The task with what the head makes of spans."""
        return head_of(self.head).reads(self.task)

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        """Everything that was trained, by name."""
        found = {"weight": self.weight, "bias": self.bias}
        if self.attention is not None:
            found["attention"] = self.attention
        return {**found, **self.further}

    @property
    def positive(self) -> str:
        """Of two classes, the one that is detected: as the task says, or else the second; empty
        with more classes."""
        if len(self.classes) != 2:
            return ""
        return self.task.positive if self.task.positive in self.classes else self.classes[1]

    @property
    def fingerprint(self) -> str:
        """12 digits that tell it from every other probe."""
        digest = hashlib.sha256(repr(_about(self)[:5]).encode())
        for name, array in sorted(self.tensors.items()):
            digest.update(f"{name} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()[:DIGITS]

    @classmethod
    def from_sklearn(
        cls, classifier: Any, task: str | Task, layer: int, *, states: States | None = None
    ) -> SavedProbe:
        """A linear classifier with `coef_`, `intercept_` and `classes_`, as scikit-learn has it.

        Args:
            classifier: trained on one row per instance: the vector of its word, the mean of its
                span's words, or what the task says; of a pair the vectors of both spans one after
                the other. Not a pipeline: multiply the scaling into the coefficients first.
            task: the task whose labels it gives: a name, a TOML file or a Task.
            layer: the layer that it reads.
            states: the states that it was trained on, so that the file names their model.

        Raises InputError for a classifier without these, or of another shape.
        """
        coef, intercept, classes = linear_form.read_classifier(classifier)
        weight, bias = linear_form.of_coefficients(coef, intercept)
        return cls._of_linear(task, layer, classes, (weight, bias), "scikit-learn", states)

    @classmethod
    def from_direction(
        cls,
        vector: Any,
        threshold: float,
        task: str | Task,
        layer: int,
        *,
        classes: Sequence[str],
        states: States | None = None,
    ) -> SavedProbe:
        """A plain direction: an instance is positive where its vector times `vector` is above
        `threshold`.

        Args:
            vector: `(dim,)`, or for pairs `(2 * dim,)`.
            threshold: in the unit of the product.
            task, layer, states: as for `from_sklearn`.
            classes: the negative and the positive label.

        Raises InputError for anything of another shape.
        """
        labels = tuple(doors.several("classes", classes, (str,)))
        if len(labels) != 2:
            raise InputError(f"classes takes the negative and the positive label, not {labels}")
        row = linear_form.finite("vector", vector)
        limit = doors.number("threshold", threshold)
        weight, bias = linear_form.of_coefficients(row.reshape(1, -1), np.array([-limit]))
        return cls._of_linear(task, layer, labels, (weight, bias), "direction", states)

    @classmethod
    def _of_linear(
        cls,
        task: str | Task,
        layer: int,
        classes: tuple[str, ...],
        linear: tuple[np.ndarray, np.ndarray],
        source: str,
        states: States | None,
    ) -> SavedProbe:
        """A linear probe of `weight` `(slots * dim, classes)` and `bias`."""
        known = task if isinstance(task, Task) else load_task(task)
        (number,) = doors.whole_numbers("layer", [layer])
        origin = origin_of(source, states)
        weight, bias = linear
        n_slots = len(slots(known))
        if states is not None and number not in states.layers:
            raise InputError(f"layer: '{states.model}' was read at {list(states.layers)}")
        if len(weight) % n_slots or (states is not None and len(weight) != n_slots * states.dim):
            wanted = f"{n_slots} times the width of a word's vector"
            raise InputError(f"a probe of '{known.name}' reads {wanted}, not {len(weight)} numbers")
        return cls(
            task=known,
            classes=classes,
            layer=number,
            weight=weight.reshape(n_slots, -1, weight.shape[1]),
            bias=bias,
            origin=origin,
        )

    def to_sklearn(self) -> Any:
        """A fitted `sklearn.linear_model.LogisticRegression` with the same predictions.

        Raises InputError where the head is not linear, or scikit-learn is not installed.
        """
        weight, bias = linear_form.of_probe(self, "scikit-learn's coef_")
        return linear_form.as_classifier(weight, bias, self.classes)

    def to_direction(self) -> tuple[np.ndarray, float]:
        """The vector, `(slots * dim,)`, and the threshold above which its product with an
        instance's vector means the second of the two classes.

        Raises InputError where the head is not linear, or there are more classes.
        """
        if len(self.classes) != 2:
            raise InputError(f"a direction tells two classes apart, not {len(self.classes)}")
        weight, bias = linear_form.of_probe(self, "a direction")
        return weight[:, 1] - weight[:, 0], float(bias[0] - bias[1])


def shapes(probe: SavedProbe) -> dict[str, tuple[int, ...]]:
    """The shape of each of a probe's tensors, by what it says of itself."""
    head, n = head_of(probe.head), len(probe.classes)
    width, dim = head.width(n), probe.weight.shape[1] if probe.weight.ndim == 3 else 0
    found: dict[str, tuple[int, ...]] = {}
    found["weight"] = (len(probe.slots), dim, width)
    found["bias"] = (width,)
    if any(slot.take == "attention" for slot in probe.slots):
        found["attention"] = (len(probe.slots), dim)
    for name, tensor in head.initial(n, _zeros).items():
        found[name] = tuple(tensor.shape)
    return found


def _zeros(name: str, shape: tuple[int, int]) -> torch.Tensor:
    """A parameter of a shape, whatever its name."""
    return torch.zeros(shape)


def _about(probe: SavedProbe) -> tuple[Any, ...]:
    """Everything but the tensors."""
    task = {**vars(probe.task), "corpus": "", "description": ""}  # which no file has
    return (task, probe.classes, probe.layer, probe.head, probe.seed, probe.origin)
