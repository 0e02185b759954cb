"""The command line: parse, call one public verb, print."""

from __future__ import annotations

import gc
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Annotated

import typer

from probekit.cli import (
    annotate,
    compare,
    demo,
    gate,
    help,
    lists,
    models,
    pictures,
    probe,
    replications,
    report,
    terminal,
    trace,
    transfer,
    tuning,
    usage,
)
from probekit.cli.door import standard_output
from probekit.cli.parameters import as_options
from probekit.cli.several import Command
from probekit.cli.signals import Stopped, stopping
from probekit.errors import InputError, ProbekitError
from probekit.whole import reason

SIGNALLED = 128  # an exit status above it tells the signal

app = typer.Typer(
    name="probekit",
    cls=help.Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help, which cuts no option's name in a narrow terminal
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("probekit-nlp"))
        raise typer.Exit()


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Show what each layer of a language model knows, and what fine-tuning changed.

    \b
      probekit probe --model minilm --task pos,dep --corpus sample
      probekit compare --before minilm --after ./my-finetuned --task pos
    """


app.command(cls=Command)(demo.demo)
app.command(cls=Command)(probe.probe)
app.command(cls=Command)(compare.compare)
app.command(cls=Command)(gate.gate)
app.command(cls=Command)(trace.trace)
app.command(cls=Command)(tuning.finetune)
app.command(cls=Command)(tuning.recipes)
app.command(cls=Command)(transfer.transfer)
app.command(cls=Command)(usage.erase)
app.command(cls=Command)(usage.neurons)
app.command(cls=Command)(usage.attribute)
app.command(cls=Command)(replications.replicate)
app.command(cls=Command)(report.report)
app.command(cls=Command)(pictures.heatmap)
app.command(cls=Command)(pictures.lines)
app.command(cls=Command)(pictures.bars)
app.command(cls=Command)(pictures.confusion)
app.command("learning-curves", cls=Command)(pictures.learning_curves)
app.command(cls=Command)(pictures.capacity)
app.command(cls=Command)(pictures.table)
app.command(cls=Command)(lists.tasks)
app.command(cls=Command)(replications.replications)
app.command(cls=Command)(models.models)
app.command(cls=Command)(models.doctor)
app.command(cls=Command)(annotate.annotate)
app.add_typer(lists.corpora_app, name="corpora", cls=help.Group, invoke_without_command=True)
app.add_typer(lists.cache_app, name="cache", cls=help.Group, invoke_without_command=True)


def main() -> None:
    """Run the command line; for a user's mistake, print an error and exit with status 2."""
    warnings.showwarning = terminal.show_warning
    # A corpus is millions of small objects without cycles: collect less often.
    gc.set_threshold(100_000)
    with standard_output(), stopping():
        status = _status(_checked)
        status = status or _status(sys.stdout.flush)
    if status > SIGNALLED and "ray" in sys.modules:
        # What Ray leaves behind when it is stopped can crash the interpreter on its way out.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


def _further() -> str:
    """What is kept of a command that was stopped, and what goes on with it."""
    if "--states=none" in sys.argv or ("--states", "none") in pairwise(sys.argv):
        return "with --states none nothing is kept: the same command begins again"
    command = "the command with --resume" if "finetune" in sys.argv[1:2] else "the same command"
    return f"what is finished is kept: {command} goes on from there"


def _checked() -> None:
    for argument in sys.argv:
        if not argument.isprintable() and argument != argument.encode(errors="replace").decode():
            raise InputError(
                f"the argument '{argument}' is not text in this system's encoding: rename that file"
            )
    app()


def _status(command: Callable[[], object]) -> int:
    """Run a command, print what went wrong, and return the exit status."""
    status, message = 2, ""
    try:
        command()
        status = 0
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else int(bool(done.code))
    except ProbekitError as error:
        message = f"error: {as_options(str(error))}"
    except MemoryError as error:
        message = (
            f"error: not enough memory ({error or 'none is left'}): "
            "take fewer --layers or less text"
        )
    except OSError as error:
        message = f"error: cannot use {error.filename or 'a file'}: {reason(error)}"
    except Stopped as stop:
        status = stop.status
        message = f"stopped; {_further()}"
    except Exception:
        status, message = 1, traceback.format_exc()
    if message:
        terminal.complain(message)
    return status
