"""The command probe: what each layer of a model knows."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import extract_settings, reads
from probekit.cli.several import require_one_model_each
from probekit.cli.states_from import FinalNorm, StatesFrom, with_states
from probekit.engine.settings import EngineSettings


@reads
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
    form, tasks = parsed.form(as_json, latex), parsed.names_of_tasks(task)
    place, runs = EngineSettings(engine, workers), parsed.tracked(track)
    with results_folder(out, model) as folder:
        import probekit as pk
        from probekit.cli import terminal
        from probekit.cli.shown import draw, print_results

        given = {
            "model": model,
            "corpus": parsed.names_of_corpora(corpus),
            "extract_settings": extract_settings({**reading, "states": states}),
            "allow_modified": allow_modified,
        }
        asked = parsed.with_span(tasks, span)
        scores = pk.probe(
            **with_states(given, asked, states_from, final_norm),
            tasks=asked,
            probes=parsed.names([probes]) or [""],
            seeds=seeds,
            control=control,
            codelength=codelength,
            mix=mix,
            beyond=beyond,
            capacity=capacity,
            test_corpus=parsed.names_of_corpora(test_corpus),
            random_control=random_control,
            resample_train=resample_train,
            save_probes=folder / "probes" if save_probes else None,
            lm_head=lm_head,
            reference=reference,
            engine=place,
        )
        scores = scores.of_command(sys.argv)
        scores.write(folder)
    draw(scores, folder)
    print_results(scores, folder, form, tracked=runs)
    if save_probes and form == "table":
        terminal.say(f"probes written to {folder / 'probes'}")
