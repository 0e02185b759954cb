"""Options that several commands take, and how their values are read."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from probekit.cli import help
from probekit.engine.settings import EngineKind
from probekit.errors import InputError
from probekit.paths import path_of, portable

if TYPE_CHECKING:
    from probekit.states.settings import ExtractSettings

Form = Literal["table", "json", "latex"]
DEEPEST = 10_000
LONGEST_NAME = 100  # characters of a model's name in the name of a folder


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
    help="Tasks that 'probekit tasks' lists, or TOML files; 'all' takes every task that the "
    "corpus has annotations for.",
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
        help="For tasks of behaviour: the model whose language-modelling head a model without one "
        "borrows.",
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
        help="auto spreads a model larger than one GPU over all GPUs, memory and disk.",
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
    typer.Option(help="off reads the base of a PEFT adapter alone.", rich_help_panel=help.MODEL),
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
        help="none computes hidden states layer by layer, and keeps none on disk.",
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
        help="What does the work: threads, or workers of the Ray cluster at RAY_ADDRESS, or of one "
        "on this machine for as long as the command takes.",
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


def _reading(
    layers: Layers = "",
    last_layer: LastLayer = None,
    stack: Stack = "auto",
    site: Site = "residual",
    subwords: Subwords = "mean",
    adapter: Adapter = "on",
    tokenizer: Tokenizer = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    device_map: DeviceMap = "none",
    store_dtype: StoreDtype = "float16",
    batch_tokens: BatchTokens = None,
    allow_pickle: AllowPickle = False,
    trust_remote_code: TrustRemoteCode = False,
) -> dict[str, Any]:
    encoder = {
        "device": device,
        "dtype": dtype,
        "device_map": device_map,
        "stack": stack,
        "site": site,
        "adapter": adapter == "on",
        "tokenizer": tokenizer,
        "allow_pickle": allow_pickle,
        "trust_remote_code": trust_remote_code,
    }
    how = {"subwords": subwords, "store_dtype": store_dtype, "batch_tokens": batch_tokens}
    return {"encoder": encoder, "layers": _layers(layers, last_layer), **how}


def changed(reading: dict[str, Any]) -> dict[str, Any]:
    """The options of a command's `reading` that are not their defaults."""
    given, default = ({**one, **one["encoder"]} for one in (reading, _reading()))
    del given["encoder"]
    return {name: value for name, value in given.items() if value != default[name]}


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of how models are read, as its argument `reading` (see
    `extract_settings`). A parameter of its own with the name of one of these has its own help."""
    own = dict(inspect.signature(command, eval_str=True).parameters)
    del own["reading"]
    shared = inspect.signature(_reading, eval_str=True).parameters

    @wraps(command)
    def with_reading(**given: Any) -> None:
        reading = _reading(**{name: given[name] for name in shared})
        command(reading=reading, **{name: given[name] for name in own})

    parameters = []
    further = [one for name, one in shared.items() if name not in own]
    for parameter in (*own.values(), *further):
        parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    with_reading.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_reading.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_reading


def extract_settings(reading: dict[str, Any]) -> ExtractSettings:
    """The settings that a command's `reading` describes. It imports torch."""
    import probekit as pk

    return pk.ExtractSettings(**{**reading, "encoder": pk.EncoderSettings(**reading["encoder"])})


def _check_depth(option: str, layer: int) -> None:
    if layer > DEEPEST:
        raise InputError(f"{option}: no model has a layer {layer}")


def names_of_tasks(values: list[str]) -> list[str]:
    """The names in `--task`."""
    found = names(values)
    if not found:
        raise InputError("--task needs a name, a TOML file, or 'all'")
    return found


def names_of_corpora(values: list[str] | None) -> list[str] | None:
    """The names in `--corpus`, or None where it is not given."""
    if values is None:
        return None
    found = names(values)
    if not found:
        raise InputError(
            "--corpus needs a name, a file or a folder; without it each task reads its own"
        )
    return found


def names(values: list[str]) -> list[str]:
    """The names in an option that is repeated or has commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def form(as_json: bool, latex: bool) -> Form:
    """How results are printed. Raises InputError for two ways at once."""
    if as_json and latex:
        raise InputError("give --json or --latex, not both")
    return "json" if as_json else "latex" if latex else "table"


def _layers(text: str, last: int | None) -> tuple[int, ...]:
    """`0,4,8-12` as numbers; with `last`, 0 to that one."""
    if text and last is not None:
        raise InputError("give --layers or --last-layer, not both")
    if last is not None:
        _check_depth("--last-layer", last)
        return tuple(range(last + 1))
    chosen: list[int] = []
    for part in text.split(",") if text else ():
        written = part.strip()
        as_range = written if "-" in written else f"{written}-{written}"
        numbers = re.fullmatch("([0-9]{1,18})-([0-9]{1,18})", as_range)
        if numbers is None or int(numbers[1]) > int(numbers[2]):
            raise InputError(f"--layers takes numbers and ranges such as 0,4,8-12, not '{text}'")
        _check_depth("--layers", int(numbers[2]))
        chosen.extend(range(int(numbers[1]), int(numbers[2]) + 1))
    return tuple(chosen)


def with_span(
    names: list[str], span: Literal["mean", "ends", "last", "attention", "head"] | None
) -> list[Any]:
    """The tasks, with another way to make a span's vector where one is given."""
    if span is None:
        return list(names)
    from dataclasses import replace

    from probekit.tasks.task import load_task, shipped_tasks

    if "all" in names:
        names_of_all = [task.name for task in shipped_tasks() if task.is_labelling]
        raise InputError(f"--span needs tasks by name: {', '.join(names_of_all)}")
    return [replace(load_task(name), span=span) for name in names]


def tracked(track: Path | None) -> Path | None:
    """The folder in `--track`. Raises InputError where it is a file, or tensorboard is missing."""
    if track is None:
        return None
    from probekit.reports.track import require_tensorboard

    require_tensorboard()
    path = path_of(track)
    if path.exists() and not path.is_dir():
        raise InputError(f"--track {track} is a file: give a folder")
    return path


@contextmanager
def results_folder(out: Path | None, models: list[str]) -> Iterator[Path]:
    """The folder for results, made before hours of work; removed again if it stays empty."""
    from probekit.results.folder import make_folder

    folder = new_folder(out, models)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        yield folder
    finally:
        for path in made:
            with suppress(OSError):  # it is not empty
                path.rmdir()


def new_folder(out: Path | None, models: list[str]) -> Path:
    """`--out`, or a new folder, named after the time and the first model."""
    if out is not None:
        path = path_of(out)
        if path.exists() and not path.is_dir():
            raise InputError(f"--out {out} is a file: give a folder")
        return path
    name = portable(Path(models[0].rstrip("/")).name[:LONGEST_NAME]) or "model"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    folder = Path("probekit-runs") / stem
    for number in range(2, 1000):
        if not folder.exists():
            break
        folder = Path("probekit-runs") / f"{stem}-{number}"
    return folder
