"""Peak memory of a batch of which the topmost layer is read, and of one of which all are."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from probekit.models.checkpoint import Checkpoint, EncoderSettings
from tests.benchmarks.peak import peak
from tests.benchmarks.timing import figure
from tests.families import make_family

BLOCKS, DIM, TEXTS, WIDTH = 24, 256, 256, 60
SIZE = {"n_embd": DIM, "n_layer": BLOCKS, "n_head": 4}
WANTED: dict[str, list[int] | None] = {"none": None, "top": [BLOCKS], "all": None}
MIB = 1 << 20


def main() -> None:
    """Print what the batch takes beside the model."""
    peaks = {wanted: _peak(wanted) for wanted in WANTED}
    taken = {wanted: found - peaks["none"] for wanted, found in peaks.items()}
    print(f"  the topmost layer {taken['top'] // MIB} MiB, all layers {taken['all'] // MIB} MiB")
    figure(f"memory of a batch, topmost of {BLOCKS} / all", taken["top"] / taken["all"], "<= 0.5")


def _peak(wanted: str) -> int:
    """The peak memory of a process that reads these layers, in bytes."""
    command = [sys.executable, "-m", "tests.benchmarks.one_layer", wanted]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def read(wanted: str, folder: Path) -> None:
    """Read a batch, a small one for `none`, and print the peak of this process's memory."""
    model = make_family("gpt2", folder / "gpt2", ["a few words"], SIZE)
    encoder = Checkpoint(str(model), EncoderSettings()).encoder
    encoder.load(BLOCKS)
    texts = 1 if wanted == "none" else TEXTS
    encoder.hidden_states([np.arange(WIDTH) % 50] * texts, WANTED[wanted])
    print(peak())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as given:
        read(sys.argv[1], Path(given))
