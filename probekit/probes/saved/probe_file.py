"""Probe file: saved probes in a folder, `probes.safetensors` and `probes.json`.

The JSON says of each probe what it is and reads, and has the checksums of both files; the tensors
of probe N are `N.weight`, `N.bias` and so on. Nothing in the files names another file, and nothing
is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from probekit import doors, schema
from probekit.errors import InputError, ProbekitError, StoreError, suggestion
from probekit.foreign import json_value
from probekit.probes.record import versions
from probekit.probes.saved.origin import Origin
from probekit.probes.saved.saved_probe import SavedProbe
from probekit.results.folder import cannot_write, make_folder
from probekit.tasks.task import Task
from probekit.whole import reason, replace_together

TENSORS, RECORD = "probes.safetensors", "probes.json"
FORMAT = 1
MOST_BYTES = 1 << 26  # of the JSON
_NOT_KEPT = ("corpus", "description")  # of a task: they change no instance


@dataclass(frozen=True, kw_only=True)
class ProbeRecord:
    """What `probes.json` says of one probe.

    Attributes:
        layer: that it reads; 0 is the embeddings.
        n_layers: of the model, the embeddings included; 0 where that is not known.
        width: of a word's vector.
        head: the kind of probe.
        seed: of its initial weights.
        task: the task's keys, as in a TOML file, without the corpus.
        classes: the labels, in the order of the outputs.
        pooling: what each slot of an instance's vector is: the `first` or `last` word of a span,
            the `mean` of its words, or their `attention`.
        source: what made the probe.
        model: the checkpoint, as the user named it.
        model_fingerprint: of all that its states depend on but the text.
        reading: how the states are read.
        corpus: that it was trained on.
        corpus_fingerprint: of its text and labels.
        fit: how it was trained.
    """

    layer: int
    n_layers: int
    width: int
    head: str
    seed: int
    task: Mapping[str, Any]
    classes: tuple[str, ...]
    pooling: tuple[str, ...]
    source: str
    model: str
    model_fingerprint: str
    reading: Mapping[str, str]
    corpus: str
    corpus_fingerprint: str
    fit: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """All of `probes.json`.

    Attributes:
        format: its version.
        versions: of the packages that the probes were made with.
        probes: a ProbeRecord for each.
        checksums: sha256 of the tensors' file, and of the rest of the record.
    """

    format: int
    versions: Mapping[str, str]
    probes: tuple[Any, ...]
    checksums: Mapping[str, str]


def save_probes(probes: SavedProbe | Sequence[SavedProbe], folder: str | Path) -> None:
    """Write probes into a folder, as `probes.safetensors` and `probes.json`; `load_probes` gives
    back the same.

    Args:
        probes: one, or several.
        folder: made if it does not exist.

    Raises InputError for anything else, StoreError where writing fails; what was in the folder is
    then as it was.
    """
    from safetensors.numpy import save

    every = doors.several("probes", probes, (SavedProbe,))
    place = make_folder(doors.of_type("folder", folder, (str, Path)))
    tensors: dict[str, np.ndarray] = {}
    for number, probe in enumerate(every):
        for name, array in probe.tensors.items():
            tensors[f"{number}.{name}"] = np.ascontiguousarray(array)
    content = save(tensors)
    record: dict[str, Any] = {
        "format": FORMAT,
        "versions": versions(),
        "probes": [asdict(_record(probe)) for probe in every],
    }
    record = json.loads(json.dumps(record))  # tuples as lists
    record["checksums"] = {TENSORS: _checksum(content), RECORD: _checksum_of(record)}
    text = json.dumps(record, indent=2)
    try:
        replace_together(place, {TENSORS: content, RECORD: f"{text}\n".encode()})
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error


def _record(probe: SavedProbe) -> ProbeRecord:
    task = {name: one for name, one in vars(probe.task).items() if name not in _NOT_KEPT}
    return ProbeRecord(
        layer=probe.layer,
        width=probe.dim,
        head=probe.head,
        seed=probe.seed,
        task=task,
        classes=probe.classes,
        pooling=tuple(slot.take for slot in probe.slots),
        **vars(probe.origin),
    )


def load_probes(folder: str | Path) -> tuple[SavedProbe, ...]:
    """The probes that `save_probes` (or `probe --save-probes`) left in a folder; or in the folder
    of one of its two files.

    Raises InputError where there are none, a file is damaged or of another kind, or the record and
    the tensors do not fit each other.
    """
    place = Path(doors.of_type("folder", folder, (str, Path)))
    if place.name in (TENSORS, RECORD):
        place = place.parent
    whole = _read_record(place)
    tensors = _read_tensors(place / TENSORS, whole.checksums.get(TENSORS, ""))
    found = []
    for number, known in enumerate(whole.probes):
        where = f"{place / RECORD}, probe {number}"
        if not isinstance(known, dict):
            raise InputError(f"{where}: an object is expected, not {known!r:.40}")
        own = f"{number}."
        mine = {name: tensors.pop(name) for name in list(tensors) if name.startswith(own)}
        record = schema.read(ProbeRecord, known, where, InputError)
        try:
            found.append(_probe(record, {name.removeprefix(own): mine[name] for name in mine}))
        except ProbekitError as error:
            raise InputError(f"{where}: {error}") from error
    if tensors or not found:
        what = f"the tensor '{sorted(tensors)[0]}' is of none" if tensors else "there are none"
        raise InputError(f"{place / RECORD}: of its probes {what}: save them again")
    return tuple(found)


def _probe(record: ProbeRecord, tensors: dict[str, np.ndarray]) -> SavedProbe:
    """The probe of a record. Raises InputError where it does not fit its tensors."""
    odd = [name for name in _NOT_KEPT if name in record.task]
    if odd:
        raise InputError(f"unknown key '{odd[0]}' of 'task'")
    task = schema.read(Task, dict(record.task), "'task'", InputError)
    origin = Origin(
        source=record.source,
        model=record.model,
        model_fingerprint=record.model_fingerprint,
        reading=record.reading,
        n_layers=record.n_layers,
        corpus=record.corpus,
        corpus_fingerprint=record.corpus_fingerprint,
        fit=record.fit,
    )
    origin.fit_settings()  # raises for others
    if record.layer < 0 or record.n_layers < 0 or 0 < record.n_layers <= record.layer:
        raise InputError(f"there is no layer {record.layer} among {record.n_layers}")
    missing = [name for name in ("weight", "bias") if name not in tensors]
    if missing:
        raise InputError(f"{TENSORS} has no {missing[0]} of it")
    probe = SavedProbe(
        task=task,
        classes=record.classes,
        layer=record.layer,
        weight=tensors.pop("weight"),
        bias=tensors.pop("bias"),
        attention=tensors.pop("attention", None),
        further=tensors,
        head=record.head,
        seed=record.seed,
        origin=origin,
    )
    pooling = tuple(slot.take for slot in probe.slots)
    if (record.width, record.pooling) != (probe.dim, pooling):
        raise InputError(
            f"it says width {record.width} and pooling {list(record.pooling)}, and its tensors and "
            f"task {probe.dim} and {list(pooling)}"
        )
    return probe


def _read_record(place: Path) -> _Whole:
    """The record in a folder, checked against its own checksum."""
    path = place / RECORD
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"no saved probes in {place}: expected a folder that `probe` or `save_probes` wrote "
            f"({RECORD}: {reason(error)}){suggestion(place)}"
        ) from error
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES:,} bytes")
        known = json_value(raw.decode())
        if not isinstance(known, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise InputError(f"{path} is not a record of probes: {error}") from error
    rest = {key: value for key, value in known.items() if key != "checksums"}
    probes = known.pop("probes", None)
    if not isinstance(probes, list):
        raise InputError(f"{path}: 'probes' takes a list of objects")
    whole = schema.read(_Whole, known, str(path), InputError, probes=tuple(probes))
    if whole.format != FORMAT:
        raise InputError(f"{path} has format {whole.format}, and this version reads {FORMAT}")
    if whole.checksums.get(RECORD) != _checksum_of(rest):
        raise InputError(f"{path} was changed or damaged: save the probes again")
    return whole


def _read_tensors(path: Path, checksum: str) -> dict[str, np.ndarray]:
    """The tensors in a file, checked against the checksum in the record."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a safetensors file of numbers ({error})") from error
    if _checksum(content) != checksum:
        raise InputError(
            f"{path} is not the file that {RECORD} beside it belongs to: it was changed or damaged"
        )
    return tensors


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_of(record: Mapping[str, Any]) -> str:
    """The same for a record in whatever layout."""
    return _checksum(json.dumps(record, sort_keys=True).encode())
