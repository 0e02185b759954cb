"""Run the benchmarks: `python -m tests.benchmarks [NAME ...]`, or `make benchmarks` for all but the
long ones.

Each measures against a floor or a peer within one run, in turns, and prints the ratio of medians
beside the target: machines are shared and noisy, so that absolute times say little. A long one is
run when it is named, and may take options: `python -m tests.benchmarks NAME --help`.
"""

from __future__ import annotations

import importlib
import platform
import sys
from itertools import takewhile

import torch

NAMES = (
    "startup",
    "extraction",
    "fitting",
    "whole",
    "base",
    "memory",
    "one_layer",
    "comparing",
    "callback",
    "evidence",
    "structural",
    "behaviour",
    "erasing",
    "attributing",
    "ray",
)
LONG = ("accuracy", "coverage", "grids", "sweep", "wide", "gpu")


def main() -> None:
    """Run those named, or all."""
    words = sys.argv[1:]
    names = list(takewhile(lambda word: not word.startswith("-"), words))
    options = words[len(names) :]
    unknown = set(names) - {*NAMES, *LONG}
    if unknown or (options and names not in [[name] for name in LONG]):
        sys.exit(
            f"Give names among {', '.join(NAMES + LONG)}; "
            f"options go with one of {', '.join(LONG)} alone."
        )
    processor = platform.processor() or platform.machine()
    print(f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in names or NAMES:
        print(f"\n{name}", flush=True)
        benchmark = importlib.import_module(f"tests.benchmarks.{name}")
        if name in LONG:
            benchmark.main(options)
        else:
            benchmark.main()


if __name__ == "__main__":
    main()
