"""compare --probe-file: saved probes on a checkpoint that has changed since."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings
from probekit.errors import InputError

ProbeFile = Annotated[
    Path | None,
    typer.Option(
        "--probe-file",
        metavar="FOLDER",
        help="Judge the probes that 'probekit probe --save-probes' left there, in place of new "
        "ones; of these tasks and layers, or all.",
        rich_help_panel=help.MEASURED,
    ),
]
Margin = Annotated[
    str,
    typer.Option(
        metavar="POINTS",
        help="With --probe-file: how much of its score a probe may lose.",
        rich_help_panel=help.STATISTICS,
    ),
]
MARGIN = "1 point"
OUT_OF_PLACE = (
    "probe",
    "seeds",
    "resample_train",
    "floor",
    "span",
    "lm_head",
    "reference",
    "behaviour",
    "erase",
    "data",
    "engine",
    "workers",
    "states",
    "track",
)
"""Parameters of `compare` that saved probes settle, or that belong to its other uses."""


def require_tasks(context: typer.Context, task: list[str] | None) -> list[str]:
    """The names in `--task`, without --probe-file. Raises InputError where there are none, or
    --margin is given."""
    if _is_given(context, "margin"):
        raise InputError("--margin is for saved probes: give --probe-file too")
    if task is None:
        raise InputError("give --task, or --probe-file for probes that were saved")
    return parsed.names_of_tasks(task)


def compare_saved(
    context: typer.Context,
    models: tuple[str, list[str]],
    saved: Path,
    form: options.Form,
    out: Path | None,
    **given: Any,
) -> None:
    """Judge saved probes, print the outcomes and write them.

    Args:
        context: of the running command.
        models: the checkpoint before and those after.
        saved: the folder of the probes.
        form: how results are printed.
        out: the folder for the results.
        given: of `compare_probes`.

    Raises InputError for options that have no effect on saved probes.
    """
    for name in OUT_OF_PLACE:
        if _is_given(context, name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"--probe-file judges probes as they were saved: leave {option} out")
    corpora = given.pop("corpus")
    if corpora is not None and len(corpora) > 1:
        raise InputError("--probe-file reads one corpus: judge on each by itself")
    reading, (before, after) = given.pop("reading"), models
    with results_folder(out, [*after, "against", before]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        found = pk.compare_probes(
            before,
            after,
            saved,
            corpus=corpora[0] if corpora else None,
            extract_settings=extract_settings(reading),
            **given,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    print_results(found, folder, form)


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option of the running command was given."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
