"""The command compare: what fine-tuning changed."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, monitors, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings, reads
from probekit.cli.several import require_one_model_each
from probekit.engine.settings import EngineSettings
from probekit.errors import InputError


@reads
def compare(
    context: typer.Context,
    reading: dict[str, Any],
    before: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The checkpoint before: alias, hub id with @revision, or folder.",
            rich_help_panel=help.MODEL,
        ),
    ],
    after: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="The checkpoint after; repeat for several, in order.",
            rich_help_panel=help.MODEL,
        ),
    ],
    task: options.TasksOrNone = None,
    corpus: options.Corpora = None,
    probe_file: monitors.ProbeFile = None,
    probe: options.Kind = "linear",
    seeds: options.Seeds = 3,
    resample_train: options.ResampleTrain = 10,
    correction: Annotated[
        Literal["holm", "bh", "none"],
        typer.Option(
            help="Correction of p-values for the number of comparisons.",
            rich_help_panel=help.STATISTICS,
        ),
    ] = "holm",
    margin: monitors.Margin = monitors.MARGIN,
    floor: Annotated[
        Literal["majority", "lexical"],
        typer.Option(
            help="The baseline that retention counts from.", rich_help_panel=help.STATISTICS
        ),
    ] = "majority",
    span: options.Span = None,
    lm_head: options.LmHead = None,
    reference: options.Reference = None,
    behaviour: Annotated[
        bool,
        typer.Option(
            "--behaviour",
            help="With tasks of probes and of behaviour, and several checkpoints after: draw how "
            "their changes go together.",
            rich_help_panel=help.BEHAVIOUR,
        ),
    ] = False,
    erase: Annotated[
        bool,
        typer.Option(
            "--erase",
            help="Also erase each task's subspace from each layer of the running models, and "
            "compare what breaks before and after.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="With --erase: data that the checkpoints' own heads were trained to label, such "
            "as en_ewt:genre or a table.",
            show_default="what finetune trained them on",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = None,
    engine: options.Engine = "threads",
    workers: options.Workers = None,
    states: options.KeptStates = "stored",
    out: options.Out = None,
    track: options.Track = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Show what fine-tuning changed: compare checkpoints with an earlier one, layer by layer.

    \b
      probekit compare --before minilm --after ./my-finetuned --task pos
      probekit compare --before minilm --after ./my-finetuned --task pos --erase
      probekit compare --before minilm --after ./tuned --probe-file run/probes
      probekit compare --before random:minilm --after minilm --task pos \\
        --corpus sample --seeds 1
    """
    require_one_model_each("--before", [before], repeated=False)
    require_one_model_each("--after", after)
    form = parsed.form(as_json, latex)
    if probe_file is not None:
        monitors.compare_saved(
            context,
            (before, after),
            probe_file,
            form,
            out,
            tasks=task and parsed.names_of_tasks(task),
            corpus=parsed.names_of_corpora(corpus),
            margin=margin,
            correction=correction,
            reading=reading,
            allow_modified=allow_modified,
        )
        return
    tasks = monitors.require_tasks(context, task)
    place, runs = EngineSettings(engine, workers), parsed.tracked(track)
    if behaviour:
        _require_both_kinds(tasks, after)
    corpora = parsed.names_of_corpora(corpus)
    only: str | None = None
    if erase:
        only = _erasable_corpus(corpora, probe)
    elif data is not None:
        raise InputError("--data is for the heads that --erase measures: give --erase too")
    chosen: Any = {
        "probe": probe,
        "resample_train": resample_train,
        "floor": floor,
        "lm_head": lm_head,
        "reference": reference,
    }
    with results_folder(out, [*after, "against", before]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        asked: Any = {
            "seeds": seeds,
            "correction": correction,
            "extract_settings": extract_settings({**reading, "states": states}),
            "allow_modified": allow_modified,
        }
        spanned = parsed.with_span(tasks, span)
        within: dict[str, Any] = {}
        if erase:  # first, since it refuses more
            used = pk.compare_use(before, after, spanned, corpus=only, data=data, **asked)
            within["use"] = used.of_command(sys.argv)
        change = pk.compare(before, after, spanned, corpus=corpora, engine=place, **asked, **chosen)
        change = change.of_command(sys.argv)
        change.write(folder)
        for name, found in within.items():
            found.write(folder / name)
    if change.has_layers:
        pk.heatmap(change, folder / "forgetting.png", folder / "forgetting.svg")
        pk.bars(change, folder / "decomposition.png", folder / "decomposition.svg")
    if behaviour:
        pk.present_or_used(change, folder / "present-or-used.png", folder / "present-or-used.svg")
    for name, found in within.items():
        pk.bars(found, folder / name / "use_change.png", folder / name / "use_change.svg")
    more = ("present-or-used",) if behaviour else ()
    print_results(change, folder, form, more, within, tracked=runs)


def _erasable_corpus(corpora: list[str] | None, probe: str) -> str | None:
    """The corpus that --erase reads. Raises InputError for what it cannot be combined with."""
    if corpora is not None and len(corpora) > 1:
        raise InputError("--erase reads one corpus: compare on each by itself")
    if probe != "linear":
        raise InputError(f"--erase is measured by linear probes: leave --probe {probe} out")
    return corpora[0] if corpora else None


def _require_both_kinds(tasks: list[str], after: list[str]) -> None:
    """Raise InputError where changes of probes and of behaviour cannot be drawn together."""
    from probekit.tasks.task import load_task

    kinds = {name == "all" or not load_task(name).is_behaviour for name in tasks}
    if len(kinds) < 2 or len(after) < 2:
        raise InputError(
            "--behaviour draws changes together: give --task both a task of probes, such as pos, "
            "and one of behaviour, such as agreement, and --after several times"
        )
