"""Example: a policy with comments, to start from."""

from __future__ import annotations

from pathlib import Path

from probekit import doors
from probekit.errors import InputError, StoreError
from probekit.paths import path_of
from probekit.results.folder import cannot_write
from probekit.whole import written_whole

EXAMPLE = """\
# What a fine-tuned checkpoint may lose: a policy of 'probekit gate'.
# Choose the limits before you look at results.

# What is measured, as 'probekit compare' takes it. Options of the command line come first.
tasks = ["pos", "dep"]       # a criterion without a task is on each of these
corpus = ["sample"]          # without it each task reads its own
# probe = "linear"
# seeds = 3
# resample_train = 10
# floor = "majority"         # from which retention counts; or "lexical"
# lm_head = "bert-base"      # tasks of behaviour: whose head a model without one borrows
# reference = "gpt2"         # the task bits: also measure kl, from this model's predictions

# "holm": at most 5% for any false verdict among all criteria. "none": 5% for each alone.
correction = "holm"

# How checkpoints are read: layers, subwords, stack, site, adapter, tokenizer, device, dtype ...
[reading]
# layers = [0, 3, 6]
# subwords = "first"

# One [[criterion]] for each limit: lose_at_most in "points" (hundredths of a score) or "bits",
# or retain_at_least in percent of what was known above the floor.

[[criterion]]                # every task, at its best layer
lose_at_most = "2 points"

[[criterion]]                # what a head on top receives
task = "pos"
layer = "last"               # "best", "last", or a number such as "3"
retain_at_least = "90%"

[[criterion]]                # words that training lacks
task = "pos"
slice = "seen: no"           # or frequency, length, distance: the values are in by_label.csv
lose_at_most = "5 points"

# [[criterion]]
# task = "dep"
# label = "nsubj"
# lose_at_most = "3 points"

# [[criterion]]              # behaviour, of checkpoints with a language-modelling head
# task = "agreement"
# lose_at_most = "2 points"

# [[criterion]]
# task = "bits"
# lose_at_most = "0.1 bits"

# [[criterion]]              # the task it was trained for: a CSV file with a row per test instance,
# file = "target.csv"        # before,after (1 is right, 0 is wrong), and group,text if you like
# lose_at_most = "1 point"
"""


def write_policy(path: str | Path) -> Path:
    """Write an example of a policy, with comments.

    Args:
        path: of the new file; an existing one is not replaced.

    Raises InputError where there is such a file, StoreError where it cannot be written.
    """
    place = path_of(doors.of_type("path", path, (str, Path)))
    if place.exists():
        raise InputError(f"{place} exists: give the policy another name, or delete that file")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(place) as file:
            file.write(EXAMPLE.encode())
    except OSError as error:
        raise StoreError(cannot_write(place, error)) from error
    return place
