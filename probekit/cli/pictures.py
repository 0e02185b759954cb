"""Commands that draw results, or print them again: heatmap, lines, bars, table and others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from probekit.cli import help, options, terminal
from probekit.reports.style import StyleName

Folders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER",
        help="What probe, compare or trace wrote; several of probe go together.",
        rich_help_panel=help.RESULTS,
    ),
]
ProbeFolders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER",
        help="What probe wrote; several go together.",
        rich_help_panel=help.RESULTS,
    ),
]
ProbeFolder = Annotated[
    Path,
    typer.Argument(metavar="FOLDER", help="What probe wrote.", rich_help_panel=help.RESULTS),
]
Picture = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="The picture: .png, .svg or .pdf.", rich_help_panel=help.OUTPUT
    ),
]
Greyscale = Annotated[
    bool,
    typer.Option("--greyscale", help="Draw without colour.", rich_help_panel=help.PICTURE),
]
Style = Annotated[
    StyleName,
    typer.Option(
        help="Size and font: for a screen, or for one column or both columns of a paper.",
        rich_help_panel=help.PICTURE,
    ),
]
Layer = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="The layer.",
        show_default="the best on dev",
        rich_help_panel=help.RESULTS,
    ),
]


def _one(noun: str, metavar: str = "NAME", more: str = "") -> Any:
    """An option that chooses one of several."""
    return typer.Option(
        metavar=metavar,
        help=f"The {noun}, if there are several{more}.",
        rich_help_panel=help.RESULTS,
    )


def _drawn(found: Any, out: Path) -> None:
    """Print the warnings of what was drawn, and where the picture is."""
    terminal.print_warnings(found.warnings)
    terminal.say(str(out))


def heatmap(
    folders: Folders,
    out: Picture = Path("heatmap.png"),
    cmap: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A colour map of matplotlib.",
            show_default="cividis_r; for changes vlag_r",
            rich_help_panel=help.PICTURE,
        ),
    ] = None,
    vmin: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Lower end of one scale for all cells, in the unit of the numbers.",
            show_default="each row's lowest",
            rich_help_panel=help.PICTURE,
        ),
    ] = None,
    vmax: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Upper end of that scale.",
            show_default="each row's highest",
            rich_help_panel=help.PICTURE,
        ),
    ] = None,
    digits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=6,
            help="Decimals in the cells.",
            show_default="2; for changes 1",
            rich_help_panel=help.PICTURE,
        ),
    ] = None,
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw results as cells by layer, with numbers: scores, what changed, or what is retained.

    \b
      probekit heatmap probekit-runs/demo
      probekit heatmap run-1 run-2 --out both.svg --vmin 0.5 --vmax 1
      probekit heatmap probekit-runs/demo --out heatmap.pdf --style paper
    """
    import probekit as pk
    from probekit.reports.read import read

    found = read(folders)
    cells = {"cmap": cmap, "vmin": vmin, "vmax": vmax, "digits": digits, "greyscale": greyscale}
    with pk.style(style):
        pk.heatmap(found, out, **cells)  # type: ignore[arg-type]
    _drawn(found, out)


def lines(
    folders: Folders,
    out: Picture = Path("lines.png"),
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw results as lines with intervals: scores or changes by layer, or scores by step.

    \b
      probekit lines probekit-runs/demo --out lines.svg
    """
    import probekit as pk
    from probekit.reports.read import read

    found: Any = read(folders)
    with pk.style(style):
        pk.lines(found, out, greyscale=greyscale)
    _drawn(found, out)


def bars(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="What compare wrote, or its folder use.",
            rich_help_panel=help.RESULTS,
        ),
    ],
    out: Picture = Path("bars.png"),
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw what the drops of a comparison are made of, or what erasures cost, by layer.

    \b
      probekit bars probekit-runs/comparison
      probekit bars probekit-runs/comparison/use
    """
    import probekit as pk

    kind: Any = pk.UseChange if pk.UseChange.is_in(folder) else pk.Comparison
    found = kind.read(folder)
    with pk.style(style):
        pk.bars(found, out, greyscale=greyscale)
    _drawn(found, out)


def confusion(
    folders: ProbeFolders,
    task: Annotated[str | None, _one("task")] = None,
    model: Annotated[str | None, _one("model")] = None,
    corpus: Annotated[str | None, _one("corpus")] = None,
    probe: Annotated[
        str | None, _one("kind of probe", metavar="KIND", more="; or a baseline")
    ] = None,
    layer: Layer = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            help="One seed.",
            show_default="all",
            rich_help_panel=help.RESULTS,
        ),
    ] = None,
    labels: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Frequent labels with a row each; others go together.",
            rich_help_panel=help.PICTURE,
        ),
    ] = 15,
    out: Picture = Path("confusion.png"),
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw which labels a probe predicts for each gold label.

    \b
      probekit confusion probekit-runs/demo --task pos
    """
    import probekit as pk
    from probekit.reports.read import read

    found: Any = read(folders)
    wanted: Any = {"task": task, "model": model, "corpus": corpus, "probe": probe}
    with pk.style(style):
        pk.confusion(
            found, out, **wanted, layer=layer, seed=seed, labels=labels, greyscale=greyscale
        )
    _drawn(found, out)


def learning_curves(
    folder: ProbeFolder,
    out: Picture = Path("learning-curves.png"),
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw how scores grow with the training sentences, a line per layer.

    \b
      probekit learning-curves probekit-runs/evidence
    """
    import probekit as pk

    found = pk.Scores.read(folder)
    with pk.style(style):
        pk.learning_curves(found, out, greyscale=greyscale)
    _drawn(found, out)


def capacity(
    folder: ProbeFolder,
    layer: Layer = None,
    out: Picture = Path("capacity.png"),
    greyscale: Greyscale = False,
    style: Style = "screen",
) -> None:
    """Draw scores of smaller and larger probes against their number of parameters.

    \b
      probekit capacity probekit-runs/evidence --layer 3
    """
    import probekit as pk

    found = pk.Scores.read(folder)
    with pk.style(style):
        pk.capacity(found, out, layer=layer, greyscale=greyscale)
    _drawn(found, out)


def table(
    folders: Folders,
    latex: options.Latex = False,
) -> None:
    """Print again what a command printed; or its first table as LaTeX.

    \b
      probekit table probekit-runs/demo
      probekit table run-1 run-2 --latex > table.tex
    """
    from probekit.cli.shown import print_latex, print_text
    from probekit.reports.read import read

    found = read(folders)
    if latex:
        print_latex(found)
    else:
        print_text(found)
