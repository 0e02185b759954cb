"""The command line: parse, call one public verb, print."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import Annotated

import typer

from probekit.cli import lists, models, runs, terminal
from probekit.cli.parameters import as_options
from probekit.errors import ProbekitError

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
    try:
        app()
    except ProbekitError as error:
        typer.echo(f"error: {as_options(str(error))}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("stopped; finished states are kept, the same command goes on from there", err=True)
        sys.exit(130)
