"""Commands that measure and draw: probe, compare, trace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from probekit.cli import help, monitors, options
from probekit.cli.several import require_one_model_each
from probekit.cli.states_from import FinalNorm, StatesFrom, with_states
from probekit.engine.settings import EngineSettings
from probekit.errors import InputError


@options.reads
def probe(
    reading: dict[str, Any],
    model: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Alias, folder, hub id with @revision, random:NAME, or file of word vectors; "
            "repeat for several.",
            rich_help_panel=help.MODEL,
        ),
    ],
    task: options.Tasks,
    corpus: options.Corpora = None,
    states_from: StatesFrom = None,
    final_norm: FinalNorm = False,
    probes: Annotated[
        str,
        typer.Option(
            "--probe",
            metavar="KIND,…",
            help="Kinds of probe: linear, mlp, mlp:UNITS, edge, rank:SIZE.",
            rich_help_panel=help.PROBES,
        ),
    ] = "linear",
    seeds: options.Seeds = 1,
    span: options.Span = None,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Also train probes on control tasks; print selectivity.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    codelength: Annotated[
        bool,
        typer.Option(
            "--codelength",
            help="Also measure the bits that the training labels take.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    mix: Annotated[
        bool,
        typer.Option(
            "--mix",
            help="Also train mixes of layers 0 to k; print the expected layer.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    beyond: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Also measure the bits that each layer adds to layer K, such as 0.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = None,
    capacity: Annotated[
        bool,
        typer.Option(
            "--capacity",
            help="Also train smaller and larger probes; draw score by number of parameters.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    test_corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,…",
            help="Other corpora (test splits, or single files) on which the same probes are also "
            "scored.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = None,
    random_control: Annotated[
        bool,
        typer.Option(
            "--random-control",
            help="Also probe each model's architecture with random weights, one for each seed.",
            rich_help_panel=help.EVIDENCE,
        ),
    ] = False,
    resample_train: Annotated[
        int,
        options.repeats_option(
            "Also refit the probes on N resamples of the training sentences, so that "
            "intervals cover these and the seeds.",
            help.EVIDENCE,
            least=0,
        ),
    ] = 0,
    save_probes: Annotated[
        bool,
        typer.Option(
            "--save-probes",
            help="Also write the trained probes, for compare --probe-file.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = False,
    lm_head: options.LmHead = None,
    reference: options.Reference = None,
    engine: options.Engine = "threads",
    workers: options.Workers = None,
    states: options.KeptStates = "stored",
    out: options.Out = None,
    track: options.Track = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Train probes on every layer of a model; print a table, write scores and a heatmap.

    \b
      probekit probe --model minilm --task pos,dep --corpus sample
      probekit probe --model ./my-model --task ./mine.toml --corpus ./my-text
      probekit probe --model minilm --task pos --control --codelength --mix
      probekit probe --model gpt2 --task agreement,bits
      probekit probe --model gpt2 --states-from ./of-vllm --task pos \\
        --corpus sample
    """
    require_one_model_each("--model", model)
    form, tasks = options.form(as_json, latex), options.names_of_tasks(task)
    place, runs = EngineSettings(engine, workers), options.tracked(track)
    with options.results_folder(out, model) as folder:
        import probekit as pk
        from probekit.cli import terminal
        from probekit.cli.shown import print_results

        given = {
            "model": model,
            "corpus": options.names_of_corpora(corpus),
            "extract_settings": options.extract_settings({**reading, "states": states}),
            "allow_modified": allow_modified,
        }
        asked = options.with_span(tasks, span)
        scores = pk.probe(
            **with_states(given, asked, states_from, final_norm),
            tasks=asked,
            probes=options.names([probes]) or [""],
            seeds=seeds,
            control=control,
            codelength=codelength,
            mix=mix,
            beyond=beyond,
            capacity=capacity,
            test_corpus=options.names_of_corpora(test_corpus),
            random_control=random_control,
            resample_train=resample_train,
            save_probes=folder / "probes" if save_probes else None,
            lm_head=lm_head,
            reference=reference,
            engine=place,
        )
        scores = scores.of_command(sys.argv)
        scores.write(folder)
    if scores.has_layers:
        pk.heatmap(scores, folder / "heatmap.png", folder / "heatmap.svg")
    if codelength:
        pk.learning_curves(scores, folder / "learning-curves.png", folder / "learning-curves.svg")
    if capacity:
        pk.capacity(scores, folder / "capacity.png", folder / "capacity.svg")
    print_results(scores, folder, form, tracked=runs)
    if save_probes and form == "table":
        terminal.say(f"probes written to {folder / 'probes'}")


@options.reads
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
            help="Correction of p-values over all cells.", rich_help_panel=help.STATISTICS
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
            help="With --erase: what the checkpoints' own heads label, such as en_ewt:genre or a "
            "table.",
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
    form = options.form(as_json, latex)
    if probe_file is not None:
        monitors.compare_saved(
            context,
            (before, after),
            probe_file,
            form,
            out,
            tasks=task and options.names_of_tasks(task),
            corpus=options.names_of_corpora(corpus),
            margin=margin,
            correction=correction,
            reading=reading,
            allow_modified=allow_modified,
        )
        return
    tasks = monitors.require_tasks(context, task)
    place, runs = EngineSettings(engine, workers), options.tracked(track)
    if behaviour:
        _require_both_kinds(tasks, after)
    corpora = options.names_of_corpora(corpus)
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
    with options.results_folder(out, [*after, "against", before]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results

        asked: Any = {
            "seeds": seeds,
            "correction": correction,
            "extract_settings": options.extract_settings({**reading, "states": states}),
            "allow_modified": allow_modified,
        }
        spanned = options.with_span(tasks, span)
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

    kinds = {name == "all" or load_task(name).is_labelling for name in tasks}
    if len(kinds) < 2 or len(after) < 2:
        raise InputError(
            "--behaviour draws changes together: give --task both a task of probes, such as pos, "
            "and one of behaviour, such as agreement, and --after several times"
        )


@options.reads
def trace(
    reading: dict[str, Any],
    task: options.Tasks,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A Trainer's output folder, with checkpoint-N inside.",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Checkpoints, repeated in the order of training; they precede those of --run.",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The model that training began with, from which retention counts.",
            show_default="the one that the first checkpoint names, or itself",
            rich_help_panel=help.MODEL,
        ),
    ] = None,
    corpus: options.Corpora = None,
    probe: options.Kind = "linear",
    seeds: options.Seeds = 1,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Retention, from 0 to 1, below which a layer counts as fallen.",
            rich_help_panel=help.STATISTICS,
        ),
    ] = 0.9,
    keep_states: Annotated[
        Literal["yes", "no"],
        typer.Option(
            help="no deletes the hidden states that were extracted for this command alone.",
            rich_help_panel=help.MACHINE,
        ),
    ] = "yes",
    lm_head: options.LmHead = None,
    reference: options.Reference = None,
    engine: options.Engine = "threads",
    workers: options.Workers = None,
    states: options.KeptStates = "stored",
    out: options.Out = None,
    track: options.Track = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
    latex: options.Latex = False,
) -> None:
    """Show when a task was forgotten: probe every checkpoint of a training run; with the same
    --out, only new ones.

    \b
      probekit trace --run ./trainer-output --task pos --out trajectory
      probekit trace --models ./epoch-1 --models ./epoch-2 --task pos
    """
    require_one_model_each("--models", models or [])
    require_one_model_each("--base", [base] if base else [], repeated=False)
    form, tasks = options.form(as_json, latex), options.names_of_tasks(task)
    place, runs = EngineSettings(engine, workers), options.tracked(track)
    if not (run or models):
        raise InputError(
            "give --run with a Trainer's output folder, or --models for each checkpoint"
        )
    with options.results_folder(out, [str(run or (models or [""])[0])]) as folder:
        import probekit as pk
        from probekit.cli.shown import print_results
        from probekit.forgetting.steps import checkpoints_of

        checkpoints = [*(models or []), *(checkpoints_of(run) if run else [])]
        kind: Any = probe
        found = pk.trace(
            checkpoints,
            tasks,
            folder=folder,
            base=base,
            corpus=options.names_of_corpora(corpus),
            probe=kind,
            seeds=seeds,
            threshold=threshold,
            keep_states=keep_states == "yes",
            lm_head=lm_head,
            reference=reference,
            extract_settings=options.extract_settings({**reading, "states": states}),
            allow_modified=allow_modified,
            engine=place,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
    if found.has_layers:
        pk.lines(found, folder / "curves.png", folder / "curves.svg")
        pk.heatmap(found, folder / "retention.png", folder / "retention.svg")
    print_results(found, folder, form, tracked=runs)
