"""Trajectory: what is known at every checkpoint of a training run, and when it went."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.corpora.load import load_corpus
from probekit.corpora.passage import Corpus
from probekit.errors import InputError, ModelError
from probekit.forgetting.measures import backward_transfer, forgetting, retention
from probekit.probes.asked import CorpusNames, TaskNames, by_corpus, instances_of
from probekit.probes.baselines import BASELINES
from probekit.probes.fit import FitSettings
from probekit.probes.heads import ProbeKind
from probekit.probes.probe import probe as probe_checkpoint
from probekit.probes.scores import Scores, read_scores
from probekit.progress import Progress, silent
from probekit.results import folder as kept
from probekit.states.extract import ExtractSettings
from probekit.states.model import open_model
from probekit.tasks.instances import TaskData
from probekit.whole import part_of, remove_left_behind

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
THRESHOLD = 0.9
KEYS = ["task", "corpus", "layer"]


@dataclass(frozen=True)
class Trace:
    """Scores over training.

    Attributes:
        table: a row a checkpoint, task and layer, in order: `model, step, task, corpus, probe, layer, metric, score,
            ci_low, ci_high, retention`, means over seeds. Retention counts from the majority baseline, 1 is the first
            checkpoint.
        fell: a row a task and layer: `step`, the first at which retention is below the threshold; missing where it
            never is.
        summary: a row a task: best score first and last, `backward_transfer` and `forgetting` of its best layers.
        threshold: of retention, for `fell`.
        notices: what a reader must know, one sentence each.
    """

    table: pd.DataFrame
    fell: pd.DataFrame
    summary: pd.DataFrame
    threshold: float
    notices: tuple[str, ...] = ()

    def write(self, folder: str | Path) -> None:
        """Write `trace.csv`, `fell.csv`, `summary.csv` and `run.json` into `folder`.

        Raises StoreError where that fails.
        """
        tables = {"trace": self.table, "fell": self.fell, "summary": self.summary}
        kept.write(folder, tables, {"threshold": self.threshold, "notices": self.notices})


def checkpoints_of(run: str | Path) -> list[str]:
    """The `checkpoint-N` folders of a Trainer's output folder, by N.

    Raises InputError where there is none.
    """
    if not Path(run).is_dir():
        raise InputError(f"there is no folder {run}")
    found = [path for path in Path(run).glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    if not found:
        raise InputError(f"no checkpoint-N in {run}: give a Trainer's output folder, or name the models")
    return [str(path) for path in sorted(found, key=lambda path: _step(path.name, 0))]


def trace(
    models: Sequence[str],
    tasks: TaskNames,
    *,
    folder: str | Path,
    corpus: CorpusNames | None = None,
    probe: ProbeKind = "linear",
    seeds: Sequence[int] = (0,),
    threshold: float = THRESHOLD,
    keep_states: bool = True,
    extract_settings: ExtractSettings | None = None,
    fit_settings: FitSettings | None = None,
    allow_modified: bool = False,
    progress: Progress = silent,
) -> Trace:
    """Probe every checkpoint of a run, the first being what retention is measured against.

    What was measured is kept in `folder/checkpoints`, known by the checkpoint's weights, so that a later call probes
    new checkpoints only.

    Args:
        models: folders or hub names in the order of training; a step is what the name says (`checkpoint-500`,
            `step1000`), or the place where names do not say it in order.
        tasks: as for `probe`.
        folder: where results are kept.
        corpus, probe, seeds, extract_settings, fit_settings, allow_modified, progress: as for `probe`.
        threshold: the retention below which knowledge counts as gone, in [0, 1].
        keep_states: keep a checkpoint's hidden states in the cache once it is probed.

    Raises InputError for fewer than two checkpoints or one named twice; a checkpoint that cannot be read is named in
    a notice.
    """
    if len(models) < 2:
        raise InputError("a trace needs two checkpoints at least")
    twice = [model for model in models if models.count(model) > 1]
    if twice:
        raise InputError(f"{twice[0]} is named twice: a trace takes each checkpoint once")
    how: dict[str, Any] = {
        "probes": (probe,),
        "seeds": tuple(seeds),
        "extract_settings": extract_settings or ExtractSettings(),
        "fit_settings": fit_settings or FitSettings(),
    }
    steps = _steps(models)
    measured: list[tuple[str, int, Scores]] = []
    notices: list[str] = []
    for source, wanted in by_corpus(tasks, corpus):
        loaded = source
        if not isinstance(loaded, Corpus):
            loaded = load_corpus(loaded, allow_modified=allow_modified, progress=progress)
        data, said = instances_of(wanted, loaded)
        notices += said
        for number, model in enumerate(models):
            try:
                scores = _measured(model, loaded, data, how, Path(folder), keep_states, progress)
            except ModelError as error:
                if not number:
                    raise
                notices.append(f"{model} is left out: {error}")
                continue
            measured.append((model, steps[number], scores))
    table = _table(measured)
    return Trace(table, _fell(table, threshold), _summary(table), threshold, tuple(dict.fromkeys(notices)))


def _steps(models: Sequence[str]) -> list[int]:
    """Of each model: what its name says, or where the names do not say it in order, its place."""
    steps = [_step(model, place) for place, model in enumerate(models)]
    return steps if all(a < b for a, b in pairwise(steps)) else list(range(len(models)))


def _step(name: str, otherwise: int) -> int:
    digits = re.search(r"(?:checkpoint-|step[-_]?)(\d+)/?$", name)
    return int(digits[1]) if digits else otherwise


def _measured(
    model: str,
    corpus: Corpus,
    data: Sequence[TaskData],
    how: dict[str, Any],
    folder: Path,
    keep_states: bool,
    progress: Progress,
) -> Scores:
    """A checkpoint's scores on a corpus: those in the folder, or measured now."""
    weights = open_model(model, how["extract_settings"].encoder).fingerprint()
    described = [FORMAT, weights, corpus.fingerprint, [_digest(d) for d in data], how]
    key = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:16]
    place = folder / "checkpoints" / key
    if (place / "scores.csv").is_file():
        return read_scores(place)
    scores = probe_checkpoint(model, [d.task for d in data], corpus=corpus, progress=progress, **how)
    remove_left_behind(place.parent)
    begun = part_of(place)
    scores.write(begun)
    try:
        begun.rename(place)
    except OSError:
        if not (place / "scores.csv").is_file():
            raise
        shutil.rmtree(begun)  # another process measured it meanwhile
    for run in scores.run["runs"] if not keep_states else ():
        shutil.rmtree(run["store"])
    return scores


def _digest(data: TaskData) -> str:
    """sha256 of what a task asks: changed labels are another question."""
    digest = hashlib.sha256(repr((data.task, data.classes)).encode())
    for instances in data.splits.values():
        digest.update(instances.spans.tobytes() + instances.labels.tobytes())
    return digest.hexdigest()


def _table(measured: Sequence[tuple[str, int, Scores]]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for model, step, scores in measured:
        frame = scores.table
        majority = frame[frame["probe"] == "majority"].set_index(["task", "corpus"])["score"]
        layers = frame[~frame["probe"].isin(BASELINES)]
        values = ["score", "ci_low", "ci_high", "dev_score"]
        means = layers.groupby([*KEYS, "probe", "metric"], sort=False)[values].mean().reset_index()
        means["floor"] = [majority[task, corpus] for task, corpus in zip(means["task"], means["corpus"], strict=True)]
        parts.append(means.assign(model=model, step=step))
    table = pd.concat(parts, ignore_index=True)
    first = table.drop_duplicates(KEYS).set_index(KEYS)["score"]
    before = first.reindex(pd.MultiIndex.from_frame(table[KEYS])).to_numpy(dtype=float)
    kept = retention(before, table["score"].to_numpy(dtype=float), table["floor"].to_numpy(dtype=float))
    order = ["model", "step", "task", "corpus", "probe", "layer", "metric", "score", "ci_low", "ci_high", "retention"]
    return table.assign(retention=kept)[[*order, "dev_score", "floor"]]


def _fell(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The first step of each task and layer at which retention is below the threshold."""
    below = table[table["retention"] < threshold].groupby(KEYS)["step"].min()
    return table[KEYS].drop_duplicates().join(below, on=KEYS).astype({"step": "Int64"}).reset_index(drop=True)


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    """Each task's best layers (chosen on dev) over the sequence."""
    import pandas as pd

    rows = []
    for (task, corpus), mine in table.groupby(["task", "corpus"], sort=False):
        best = mine.loc[mine.groupby("model", sort=False)["dev_score"].idxmax()]
        scores = best["score"].to_numpy(dtype=float)[:, None]
        rows.append(
            {
                "task": task,
                "corpus": corpus,
                "score_first": scores[0, 0],
                "score_last": scores[-1, 0],
                "backward_transfer": backward_transfer(scores),
                "forgetting": forgetting(scores),
            }
        )
    return pd.DataFrame(rows)
