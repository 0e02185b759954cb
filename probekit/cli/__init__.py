"""The command line: parse, call one public verb, print."""

from __future__ import annotations

import gc
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from probekit.cli import lists, models, runs, terminal
from probekit.cli.door import standard_output
from probekit.cli.signals import Stopped, stopping
from probekit.errors import InputError, ProbekitError

app = typer.Typer(
    name="probekit",
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
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """What does each layer of a language model know, and what did fine-tuning change? Any Hugging Face checkpoint."""


app.command()(runs.probe)
app.command()(runs.compare)
app.command()(runs.trace)
app.command()(runs.heatmap)
app.command()(lists.tasks)
app.command()(models.models)
app.command()(models.doctor)
app.add_typer(lists.corpora_app, name="corpora", invoke_without_command=True)
app.add_typer(lists.cache_app, name="cache", invoke_without_command=True)


def main() -> None:
    """Run the command line; a user's mistake is a line or two on standard error and exit status 2."""
    warnings.showwarning = terminal.show_warning
    gc.set_threshold(100_000)  # a corpus is millions of small objects without cycles: walk over them less often
    with standard_output(), stopping():
        status = _status(_checked)
        status = status or _status(sys.stdout.flush)
    sys.exit(status)


def _checked() -> None:
    for argument in sys.argv:
        if not argument.isprintable() and argument != argument.encode(errors="replace").decode():
            raise InputError(f"the argument '{argument}' is not text in this system's encoding: rename that file")
    app()


def _status(command: Callable[[], object]) -> int:
    """Run a command, say what went wrong, and give its exit status."""
    try:
        command()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1 if done.code else 0
    except ProbekitError as error:
        terminal.complain(f"error: {error}")
        return 2
    except MemoryError as error:
        terminal.complain(f"error: not enough memory ({error or 'none is left'}): take fewer --layers or less text")
        return 2
    except Stopped as stop:
        terminal.complain("stopped; finished states are kept, the same command goes on from there")
        return stop.status
    except Exception:
        terminal.complain(traceback.format_exc())
        return 1
    return 0
