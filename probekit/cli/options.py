"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from probekit.cli import help
from probekit.engine.settings import EngineKind

if TYPE_CHECKING:
    pass

Form = Literal["table", "json", "latex"]


def number_option(
    text: str, panel: str, default: str = "", *, least: int = 1, most: int | None = None
) -> Any:
    """An option that counts something, from `least` to `most`."""
    return typer.Option(
        metavar="N",
        min=least,
        max=most,
        help=text,
        rich_help_panel=panel,
        show_default=default or True,
    )


def repeats_option(text: str, panel: str = help.PROBES, default: str = "", least: int = 1) -> Any:
    """An option that counts seeds, or resamples: up to 1,000."""
    return number_option(text, panel, default, least=least, most=1_000)


Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON to standard output, and nothing else there.",
        rich_help_panel=help.OUTPUT,
    ),
]
Latex = Annotated[
    bool,
    typer.Option(
        "--latex",
        help="Print the table as LaTeX (booktabs), and nothing else there.",
        rich_help_panel=help.OUTPUT,
    ),
]
AllowModified = Annotated[
    bool,
    typer.Option(
        "--allow-modified",
        help="Accept corpus files that differ from their checksum; results are marked with '*'.",
        rich_help_panel=help.SAFETY,
    ),
]
_TASKS = typer.Option(
    "--task",
    metavar="NAME,…",
    help="Tasks that 'probekit tasks' lists, or TOML files; 'all' takes every task of labels that "
    "the corpus has annotations for.",
    rich_help_panel=help.MEASURED,
)
Tasks = Annotated[list[str], _TASKS]
TasksOrNone = Annotated[list[str] | None, _TASKS]
"""The same where another option can say what is measured."""
Corpora = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar="NAME,…",
        help="Corpora that 'probekit corpora' lists, files or folders.",
        show_default="the corpus of each task",
        rich_help_panel=help.MEASURED,
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        "--probe",
        metavar="KIND",
        help="Kind of probe: linear, mlp, mlp:UNITS, edge or rank:SIZE.",
        rich_help_panel=help.PROBES,
    ),
]
Seeds = Annotated[
    int,
    repeats_option("Number of probes per layer; their seeds are 0, 1, 2 and so on."),
]
ResampleTrain = Annotated[
    int,
    repeats_option(
        "Resamples of the training sentences on which probes are refitted; 0 for none.", least=0
    ),
]


def layers_option(text: str, default: str = "all") -> Any:
    """The option `--layers`, for what a command does with them."""
    return typer.Option(
        "--layers",
        metavar="N,N-N,…",
        help=text,
        show_default=default,
        rich_help_panel=help.MODEL,
    )


def last_layer_option(text: str, least: int = 0) -> Any:
    """The option `--last-layer`, for what a command does with the layers up to it."""
    return typer.Option(
        metavar="N",
        min=least,
        help=text,
        show_default="the model's last",
        rich_help_panel=help.MODEL,
    )


def measured_option(text: str, *names: str, metavar: str = "NAME", default: str = "") -> Any:
    """An option that says what is measured."""
    return typer.Option(
        *names,
        metavar=metavar,
        help=text,
        rich_help_panel=help.MEASURED,
        show_default=default or True,
    )


Layers = Annotated[str, layers_option("Layers to read, such as 0,4,8-12.")]
LastLayer = Annotated[
    int | None,
    last_layer_option("Read layers 0 to this one, and do not run those above; not with --layers."),
]
Subwords = Annotated[
    Literal["mean", "first", "last", "cls"],
    typer.Option(
        help="A word's vector from its subwords, or that of its text's [CLS].",
        rich_help_panel=help.MODEL,
    ),
]
Span = Annotated[
    Literal["mean", "ends", "last", "attention", "head"] | None,
    typer.Option(
        help="A span's or sentence's vector from its words; not with --task all.",
        show_default="as the task says",
        rich_help_panel=help.MEASURED,
    ),
]
LmHead = Annotated[
    str | None,
    typer.Option(
        "--lm-head",
        metavar="NAME",
        help="For tasks of behaviour: a model to borrow a language-modelling head from, where a "
        "model has none.",
        rich_help_panel=help.BEHAVIOUR,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="NAME",
        help="For the task bits: also measure how far predictions are from this model's.",
        rich_help_panel=help.BEHAVIOUR,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    typer.Option(
        help="Where the model runs and probes are trained; auto takes a GPU if there is one.",
        rich_help_panel=help.MACHINE,
    ),
]
Dtype = Annotated[
    Literal["auto", "float32", "float16", "bfloat16", "int8", "int4"],
    typer.Option(
        help="Type of the model's computation; auto is float32, the other types need a GPU.",
        rich_help_panel=help.MACHINE,
    ),
]
DeviceMap = Annotated[
    Literal["none", "auto"],
    typer.Option(
        help="'auto' spreads a model larger than one GPU over all GPUs, memory and disk.",
        rich_help_panel=help.MACHINE,
    ),
]
Stack = Annotated[
    Literal["auto", "encoder", "decoder"],
    typer.Option(
        help="Half of an encoder-decoder to read; auto is its encoder.",
        rich_help_panel=help.MODEL,
    ),
]
Site = Annotated[
    Literal["residual", "attn", "mlp"],
    typer.Option(
        help="What to read of a block: the residual stream, or what attn or mlp adds to it.",
        rich_help_panel=help.MODEL,
    ),
]
Adapter = Annotated[
    Literal["on", "off"],
    typer.Option(help="'off' reads the base of a PEFT adapter alone.", rich_help_panel=help.MODEL),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Name or folder of a model with another tokenizer.",
        show_default="the model's own",
        rich_help_panel=help.MODEL,
    ),
]
StoreDtype = Annotated[
    Literal["float16", "float32"],
    typer.Option(help="Type of the cached hidden states.", rich_help_panel=help.MACHINE),
]
KeptStates = Annotated[
    Literal["stored", "none"],
    typer.Option(
        "--states",
        help="'none' computes hidden states layer by layer, and stores nothing on disk.",
        rich_help_panel=help.MACHINE,
    ),
]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1 << 24,
        help="Subwords per batch, padding included.",
        show_default="1024; on a GPU 32768",
        rich_help_panel=help.MACHINE,
    ),
]
Engine = Annotated[
    EngineKind,
    typer.Option(
        help="What does the work: threads, or workers of a Ray cluster: the one at RAY_ADDRESS, or "
        "else one started here for this command.",
        rich_help_panel=help.MACHINE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=10_000,
        help="With --engine ray: how many workers, each a process with the model in its memory.",
        show_default="one for each GPU, or else for each machine",
        rich_help_panel=help.MACHINE,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder for the results.",
        show_default="a new one in probekit-runs",
        rich_help_panel=help.OUTPUT,
    ),
]
Track = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Also log scores and pictures there, for TensorBoard: a run named after --out.",
        rich_help_panel=help.OUTPUT,
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle",
        help="Load pickled weights, which can run code.",
        rich_help_panel=help.SAFETY,
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the checkpoint brings.",
        rich_help_panel=help.SAFETY,
    ),
]
