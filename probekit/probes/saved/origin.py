"""Origin: where a saved probe comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from probekit import doors
from probekit.probes import identity
from probekit.probes.fit_settings import FitSettings
from probekit.states.states import GIVEN, States

TRAINED = "probekit"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a saved probe comes from. What is not known is empty.

    Attributes:
        source: what made it: `probekit`, `scikit-learn`, `direction`, or `repaired by MAP`.
        model: the checkpoint whose states it reads, as the user named it.
        model_fingerprint: of all that these states depend on but the text, 12 digits.
        reading: how the states are read (site, stack, pooling, types), for people.
        n_layers: layers of that checkpoint, the embeddings included; 0 where that is not known.
        corpus: the corpus that it was trained on.
        corpus_fingerprint: of its text and labels, 12 digits.
        fit: how it was trained, as FitSettings without the device; empty for probes that probekit
            has not trained.
    """

    source: str
    model: str = ""
    model_fingerprint: str = ""
    reading: Mapping[str, str] = field(default_factory=dict)
    n_layers: int = 0
    corpus: str = ""
    corpus_fingerprint: str = ""
    fit: Mapping[str, Any] = field(default_factory=dict)

    def fit_settings(self) -> FitSettings:
        """How the probe was trained; the defaults where that is not known.

        Raises InputError for settings that FitSettings do not have.
        """
        known = [one.name for one in fields(FitSettings) if one.name != "device"]
        doors.options("fit", self.fit, known)
        return FitSettings(**self.fit)


def origin_of(source: str, states: States | None, fit: FitSettings | None = None) -> Origin:
    """The origin of a probe that reads these states; with nothing known of them for None."""
    doors.optional("states", states, States)
    if states is None:
        return Origin(source=source)
    reading = identity.of_states(states)
    fingerprint = reading.pop("model_fingerprint")
    settings = {} if fit is None else {**vars(fit)}
    settings.pop("device", None)
    return Origin(
        source=source,
        model=states.model,
        # Vectors that the user computed tell nothing of the model that they come from.
        model_fingerprint="" if reading["site"] == GIVEN else fingerprint,
        reading=reading,
        n_layers=states.n_layers,
        corpus=identity.name_of(states.corpus),
        corpus_fingerprint=identity.of_corpus(states.corpus)["corpus_fingerprint"],
        fit=settings,
    )
