"""Refits: the same probes, trained on resamples of their training sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from probekit import doors
from probekit.errors import InputError
from probekit.probes.fit import fit_together
from probekit.probes.fit_settings import FitSettings
from probekit.probes.fitted import Fitted, joined
from probekit.probes.in_turn import in_turn
from probekit.progress import Progress, as_part, silent
from probekit.states.vectors import Vectors
from probekit.tasks.question import Question
from probekit.tasks.resample import resample_train

MOST_RESAMPLES = 1_000
MOST_LABELS = 2_048  # of the refits that are trained together


def checked_resamples(given: int) -> int:
    """The number of resamples of the training sentences.

    Raises InputError for less than 0, for 1, which has no spread, and for more than MOST_RESAMPLES.
    """
    (number,) = doors.whole_numbers("resample_train", [given])
    if number == 1 or number > MOST_RESAMPLES:
        raise InputError(
            f"`resample_train` is 0, or from 2 to {MOST_RESAMPLES:,}, and not {number}"
        )
    return number


def with_refits(
    fitted: Sequence[Sequence[Fitted]],
    checkpoints: Sequence[Vectors],
    resamples: int,
    settings: FitSettings,
    progress: Progress = silent,
) -> list[list[Fitted]]:
    """The probes of every checkpoint and task, with what their refits predict.

    A refit has the first seed. All checkpoints have the same resamples, so that differences between
    them are paired.

    Args:
        fitted: probes of single layers, by checkpoint and task.
        checkpoints: the states that they were trained on.
        resamples: how many refits each has.
        settings: how they were trained.
        progress: called with the stage, the stacks trained and how many there are.
    """
    first = fitted[0]
    drawn: list[Question] = []
    for one in first:
        for number in range(1, resamples + 1):
            drawn.append(resample_train(one.question, number))
    parts: list[list[list[Fitted]]] = [[] for _ in checkpoints]
    is_alone = len(checkpoints) == 1
    advancing = [in_turn(states, is_alone) for states in checkpoints]
    for portions in zip(*advancing, strict=True):
        vectors, views = zip(*portions, strict=True)
        refitted: list[list[Fitted]] = [[] for _ in checkpoints]
        together = list(_at_once(drawn))
        for number, questions in enumerate(together):
            fits = fit_together(
                vectors,
                questions,
                probe=first[0].head,
                seeds=first[0].seeds[:1],
                settings=settings,
                views=views[0] if len(set(views)) == 1 else None,
                progress=as_part(progress, "refit", number, whole=len(together)),
            )
            for of_checkpoint, more in zip(refitted, fits, strict=True):
                of_checkpoint.extend(more)
        for portions_of, held in zip(parts, refitted, strict=True):
            portions_of.append(held)
    found = []
    for probes, portions_of in zip(fitted, parts, strict=True):
        refits = [joined(of_question) for of_question in zip(*portions_of, strict=True)]
        with_predictions = []
        for t, one in enumerate(probes):
            of_task = refits[t * resamples : (t + 1) * resamples]
            predicted = np.concatenate([refit.predictions for refit in of_task], axis=1)
            with_predictions.append(replace(one, refits=predicted))
        found.append(with_predictions)
    return found


def _at_once(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions in runs that are fitted together, whose labels are few enough for memory."""
    run: list[Question] = []
    labels = 0
    for question in questions:
        if run and labels + len(question.classes) > MOST_LABELS:
            yield run
            run, labels = [], 0
        run.append(question)
        labels += len(question.classes)
    yield run
