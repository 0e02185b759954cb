"""The command demo: the main paths of the README, one after another, each explained."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from textwrap import fill
from typing import NamedTuple

from probekit.cli import options
from probekit.cli.out_folder import new_folder
from probekit.errors import InputError

WIDTH = 80  # characters of a line of explanation
POLICY = """\
corpus = ["sample"]

[[criterion]]                # whatever layer knows it best
task = "dep"
lose_at_most = "3 points"

[[criterion]]                # what a head on top receives
task = "dep"
layer = "last"
lose_at_most = "3 points"
"""


class Step(NamedTuple):
    """A command of the demo.

    Attributes:
        title: the question that it answers.
        does: what it does.
        command: its arguments; `{out}` is the folder of the demo.
        reading: how to read what it prints and draws.
    """

    title: str
    does: str
    command: str
    reading: str


STEPS = (
    Step(
        "What does each layer know?",
        "Trains a linear probe on every layer of minilm for parts of speech (pos) and "
        "dependencies (dep), and one on a control task: random labels, one for each word.",
        "probe --model minilm --task pos,dep --corpus sample --control --out {out}/probe",
        "A score counts by how far it is above layer 0 (no context) and lexical (no model). "
        "Selectivity is the score less that of the control task: a probe that learns random labels "
        "as well shows little about the model. probe/heatmap.png has every layer.",
    ),
    Step(
        "Fine-tune it",
        "Trains all weights of minilm to tag parts of speech, at 25 times the usual rate, and "
        "keeps a checkpoint every ten steps.",
        "finetune --model minilm --data sample:pos --rate 5e-4 --examples 320 --save-every 10 "
        "--out {out}/tuned",
        "The checkpoint is chosen on dev and scored on test: this is what fine-tuning is usually "
        "judged by. What it cost is not in this table.",
    ),
    Step(
        "What did fine-tuning change?",
        "Trains probes on both checkpoints and compares them on the same test sentences, layer by "
        "layer.",
        "compare --before minilm --after {out}/tuned --task pos,dep --corpus sample "
        "--resample-train 0 --out {out}/compare",
        "A change counts where its interval leaves out 0. The sentences below the table say how "
        "much was lost for good, and how much a linear map or a new probe recovers, so that it "
        "only moved: compare/decomposition.png draws that, compare/forgetting.png the layers.",
    ),
    Step(
        "When was it forgotten?",
        "Follows dep from the base through every checkpoint of the run.",
        "trace --run {out}/tuned --base minilm --task dep --corpus sample --out {out}/trace",
        "Retention is the share of what the base knew above the majority baseline that is left. "
        "trace/curves.png has scores over steps, trace/retention.png every layer.",
    ),
    Step(
        "May it ship?",
        "Judges the comparison by the limits in policy.toml, which this command wrote; where it "
        "does not pass, looks for an earlier checkpoint that does.",
        "gate --comparison {out}/compare --policy {out}/policy.toml --remedies {out}/trace "
        "--out {out}/gate",
        "PASS and FAIL are shown by the whole interval; CANNOT TELL says how much data would show "
        "it. The exit status is 0, 1 or 3, so that a CI job can stop a checkpoint.",
    ),
    Step(
        "Is it used?",
        "Erases the directions that tell parts of speech from layer 3 while the model runs, and "
        "measures what breaks there and above; beside it, as many random directions.",
        "erase --model minilm --task pos --tasks dep --corpus sample --layers 3 --out {out}/erase",
        "What a probe reads is present, but not always used. Where erasing breaks more than random "
        "directions of the same rank do, later layers rest on what was erased.",
    ),
)


def demo(out: options.Out = None) -> None:
    """Show the main commands at work, one after another, on a real model and the bundled corpus.

    \b
      probekit demo --out demo
    """
    folder = new_folder(out, ["demo"])
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"--out {folder} is not empty: give a new folder")
    if find_spec("accelerate") is None or find_spec("sklearn") is None:
        raise InputError("demo needs accelerate and scikit-learn: pip install 'probekit-nlp[demo]'")
    from probekit.cli import terminal
    from probekit.results.folder import make_folder
    from probekit.whole import written_whole

    with written_whole(make_folder(folder) / "policy.toml") as file:
        file.write(POLICY.encode())
    for number, step in enumerate(STEPS, 1):
        command = step.command.format(out=shlex.quote(str(folder)))
        terminal.say(f"{number} of {len(STEPS)}. {step.title}\n\n{fill(step.does, WIDTH)}\n")
        terminal.say(f"$ probekit {command}\n")
        _run(shlex.split(command))
        terminal.say("\n" + fill(f"How to read it: {step.reading}", WIDTH) + "\n")
    terminal.say(f"Everything is in {folder}. The pictures:")
    for picture in sorted(folder.glob("*/*.png")):
        terminal.say(f"  {picture}")


def _run(arguments: list[str]) -> None:
    """Run a command in this process, as it would run by itself. A status that is not 0, as of a
    gate, is part of its answer; a mistake raises."""
    import typer

    from probekit.cli import app

    before = sys.argv
    sys.argv = [before[0], *arguments]  # of which run.json tells
    try:
        typer.main.get_command(app).main(arguments, "probekit", standalone_mode=False)
    finally:
        sys.argv = before
        sys.stdout.flush()
