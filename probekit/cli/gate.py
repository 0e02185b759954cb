"""The command gate: one sentence, one exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli import help, options, parsed
from probekit.cli.out_folder import results_folder
from probekit.cli.reading import changed, reads
from probekit.cli.several import require_one_model_each
from probekit.errors import InputError

if TYPE_CHECKING:
    from probekit.forgetting.gate.gated import Gated


def _model_option(text: str) -> Any:
    return typer.Option(metavar="NAME", help=text, rich_help_panel=help.MODEL)


def _as_policy(text: str, metavar: str, panel: str) -> Any:
    """An option of which none means: as the policy says."""
    return typer.Option(
        metavar=metavar, help=text, rich_help_panel=panel, show_default="as the policy says"
    )


@reads
def gate(
    reading: dict[str, Any],
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What may be lost: a TOML file, as --write-policy writes.",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    write_policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write an example of a policy, with comments, and measure nothing.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    before: Annotated[str | None, _model_option("The checkpoint before.")] = None,
    after: Annotated[str | None, _model_option("The checkpoint that is to ship.")] = None,
    comparison: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Judge what 'probekit compare' wrote there, in place of --before and --after.",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    remedies: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER,…",
            help="Where the checkpoint does not pass, try those that 'trace', 'recipes' or "
            "'compare' measured there.",
            rich_help_panel=help.MEASURED,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        _as_policy("Tasks that are measured besides those of criteria.", "NAME,…", help.MEASURED),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        _as_policy(
            "Corpora that 'probekit corpora' lists, files or folders.", "NAME,…", help.MEASURED
        ),
    ] = None,
    probe: Annotated[
        str | None,
        _as_policy(
            "Kind of probe: linear, mlp, mlp:UNITS, edge or rank:SIZE.", "KIND", help.PROBES
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        options.repeats_option("Number of probes per layer.", default="as the policy says"),
    ] = None,
    resample_train: Annotated[
        int | None,
        options.repeats_option(
            "Resamples of the training sentences on which probes are refitted.",
            default="as the policy says",
            least=0,
        ),
    ] = None,
    lm_head: options.LmHead = None,
    reference: options.Reference = None,
    junit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the verdicts as JUnit XML.",
            rich_help_panel=help.OUTPUT,
        ),
    ] = None,
    out: options.Out = None,
    allow_modified: options.AllowModified = False,
    as_json: options.Json = False,
) -> None:
    """Decide whether a fine-tuned checkpoint may ship: exit status 0 yes, 1 no, 3 cannot tell.

    \b
      probekit gate --write-policy policy.toml
      probekit gate --before minilm --after ./my-finetuned --policy policy.toml
      probekit gate --comparison ./change --policy policy.toml --junit gate.xml
      probekit gate --comparison ./change --policy policy.toml --remedies ./trace
    """
    if write_policy is not None:
        _write(write_policy)
        return
    if policy is None:
        raise InputError("give --policy; 'probekit gate --write-policy FILE' writes an example")
    for option, name in (("--before", before), ("--after", after)):
        require_one_model_each(option, [name] if name else [], repeated=False)
    chosen: Any = {
        "tasks": parsed.names_of_tasks(task) if task else None,
        "corpus": parsed.names_of_corpora(corpus),
        "probe": probe,
        "seeds": seeds,
        "resample_train": resample_train,
        "lm_head": lm_head,
        "reference": reference,
        "comparison": comparison,
        "remedies": parsed.names(remedies) if remedies else None,
    }
    with results_folder(out, ["gate", after or str(comparison or "")]) as folder:
        import probekit as pk
        from probekit.cli import terminal
        from probekit.cli.shown import print_results
        from probekit.forgetting.gate.policy import read_policy

        settings = read_policy(policy).extract_settings(**changed(reading))
        found = pk.gate(
            before,
            after,
            policy=policy,
            extract_settings=settings,
            allow_modified=allow_modified,
            **chosen,
        )
        found = found.of_command(sys.argv)
        found.write(folder)
        if junit is not None:
            pk.junit(found, junit)
    print_results(found, folder, "json" if as_json else "table")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in workflow_commands(found):
            (terminal.complain if as_json else terminal.say)(line)
    raise typer.Exit(found.status)


def _write(path: Path) -> None:
    """Write an example of a policy."""
    from probekit.cli import terminal
    from probekit.forgetting.gate.example import write_policy

    terminal.say(f"written: {write_policy(path)}")


def workflow_commands(gated: Gated) -> Iterator[str]:
    """Workflow commands of GitHub Actions: an error for each FAIL, a warning for each CANNOT TELL,
    the decision, and the remedies."""
    from probekit.reports.tables.gate import changed_texts, needed_text

    for _, row in gated.table.iterrows():
        level = {"FAIL": "error", "CANNOT TELL": "warning"}.get(row["verdict"])
        if level is None:
            continue
        change, interval = changed_texts(row)
        text = f"{row['limit']}; change {change}, interval {interval}"
        needed = needed_text(row)
        text += f"; needed: {needed}" if needed else ""
        title = f"{row['verdict']}: {row['criterion']}"
        yield f"::{level} title={_property(title)}::{_data(text)}"
    for sentence in (gated.sentence, *gated.remedy_lines):
        yield f"::notice title=probekit gate::{_data(sentence)}"


def _data(text: str) -> str:
    """A text in a workflow command, which ends at the line's end."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The same of a property, which also ends at a colon or a comma."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
