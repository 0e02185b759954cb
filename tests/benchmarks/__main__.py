"""Run the benchmarks: `python -m tests.benchmarks [NAME ...]`, or `make benchmarks` for all.

Each measures against a floor or a peer within one run, in turns, and prints the ratio of medians beside the target:
machines are shared and noisy, so that absolute times say little.
"""

from __future__ import annotations

import importlib
import platform
import sys

import torch

NAMES = ("startup", "extraction", "fitting", "whole", "memory", "comparing", "callback")


def main() -> None:
    """Run those named, or all."""
    chosen = sys.argv[1:] or NAMES
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name in chosen:
        print(f"\n{name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{name}").main()


if __name__ == "__main__":
    main()
