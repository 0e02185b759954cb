"""Target: scores of test instances before and after, from a file, such as those of the task that a
checkpoint was fine-tuned on."""

from __future__ import annotations

import csv
import math
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from probekit.errors import InputError, suggestion, unknown
from probekit.foreign import shortened
from probekit.forgetting.flipped import HALF
from probekit.paths import path_of
from probekit.stats import paired
from probekit.stats.metrics import METRICS
from probekit.whole import reason

COLUMNS = ("before", "after", "group", "text")


class Target(NamedTuple):
    """What a file says.

    Attributes:
        before, after: `(n,)` scores of each instance, in [0, 1].
        groups: `(n,)` numbers of the groups that are resampled, from 0.
        texts: of each instance; empty where the file has none.
    """

    before: np.ndarray
    after: np.ndarray
    groups: np.ndarray
    texts: list[str]

    @property
    def lost(self) -> np.ndarray:
        """The instances that were right before (above one half) and are wrong after."""
        return np.flatnonzero((self.before > HALF) & (self.after < HALF))

    def difference(self) -> paired.Difference:
        """Mean after minus mean before, resampled by group: one cell."""
        groups = int(self.groups.max()) + 1
        counts = np.zeros((2, groups, 2))
        for number, scores in enumerate((self.before, self.after)):
            np.add.at(counts[number, :, 0], self.groups, scores)
            np.add.at(counts[number, :, 1], self.groups, 1)
        before, after = counts[:, None, None]
        shared = paired.resampling(groups, permutations=0)
        return paired.difference(METRICS["accuracy"], before, after, shared)


def read_target(name: str) -> Target:
    """The scores in a CSV file: a row per test instance with `before` and `after` (from 0 to 1; 1
    is right), and if it has them `group`, what is resampled as one (a sentence, a document or a
    seed), and `text`.

    Raises InputError for any other file.
    """
    path = path_of(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
        header, *lines = list(csv.reader(StringIO(text, newline=""))) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: cannot read it as CSV ({why}){suggestion(path)}") from error
    for column in header:
        if column not in COLUMNS:
            raise InputError(f"{path}: {unknown('column', column, COLUMNS)}")
    missing = [column for column in COLUMNS[:2] if column not in header]
    if missing or not lines:
        raise InputError(f"{path}: expected the columns before and after, and a row per instance")
    before, after, groups, texts = [], [], [], []
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise InputError(
                f"{path}:{number}: {len(line)} cells, but the file has {len(header)} columns"
            )
        row = dict(zip(header, line, strict=True))
        before.append(_score(path, number, row["before"]))
        after.append(_score(path, number, row["after"]))
        groups.append(row.get("group", str(number)))
        texts.append(row.get("text", ""))
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    places = np.array([numbers[group] for group in groups])
    return Target(np.array(before), np.array(after), places, texts)


def _score(path: Path, line: int, text: str) -> float:
    """A score from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise InputError(
            f"{path}, line {line}: '{shortened(text)}' is not a score from 0 to 1 (1 is right)"
        )
    return value
