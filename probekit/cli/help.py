"""Help: what `--help` prints. A sentence, examples, and the options in named groups.

A command's docstring has the sentence and the examples. An option's group is its
`rich_help_panel`, which Typer itself draws with rich only.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

RESULTS = "Results"
CORPORA = "Corpora"
KEYS = "What to delete"
MEASURED = "What to measure"
MODEL = "Model"
DATA = "Data"
TRAINING = "Training"
PROBES = "Probes"
EVIDENCE = "Evidence"
BEHAVIOUR = "Behaviour"
STATISTICS = "Statistics"
PICTURE = "Picture"
OUTPUT = "Output"
MACHINE = "Machine"
SAFETY = "Safety"
HELP = "Help"
GROUPS = (
    RESULTS,
    CORPORA,
    KEYS,
    DATA,
    TRAINING,
    MEASURED,
    MODEL,
    PROBES,
    EVIDENCE,
    BEHAVIOUR,
    STATISTICS,
    PICTURE,
    OUTPUT,
    MACHINE,
    SAFETY,
    HELP,
)
"""The groups in the order of a page."""

LONGEST = 24  # columns of an option's name; the meaning of a longer one begins on the next line


class Command(TyperCommand):
    """A command with its options in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, group by group."""
        _write_groups(self, ctx, formatter)

    def get_short_help_str(self, limit: int = 0) -> str:
        """The sentence, however long: lists of commands wrap it."""
        return sentence(self)


class Group(TyperGroup):
    """A command with sub-commands, and its options in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options, group by group."""
        self.format_commands(ctx, formatter)
        _write_groups(self, ctx, formatter)

    def get_short_help_str(self, limit: int = 0) -> str:
        """The sentence, however long: lists of commands wrap it."""
        return sentence(self)


def sentence(command: Any) -> str:
    """What a command does."""
    return " ".join(str(command.help).partition("\n\n")[0].split())


def groups(command: Any, context: Any) -> dict[str, list[Any]]:
    """The parameters of a command in their groups, in the order of a page."""
    found: dict[str, list[Any]] = {group: [] for group in GROUPS}
    for parameter in command.get_params(context):
        found[parameter.rich_help_panel or HELP].append(parameter)
    return {group: parameters for group, parameters in found.items() if parameters}


def name(parameter: Any, context: Any) -> str:
    """An option and what it takes, such as `--layers LAYERS`; or an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar) + ("…" if parameter.nargs != 1 else "")
    written, _ = parameter.get_help_record(context)
    return str(written).replace("<", "").replace(">", "")


def default(parameter: Any) -> str:
    """What an option is when it is not given; "required" if it must be, "" for flags."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.default is None or parameter.default is False:
        return ""
    return str(parameter.default)


def _write_groups(command: Any, context: Any, formatter: Any) -> None:
    found = groups(command, context)
    names = [name(one, context) for parameters in found.values() for one in parameters]
    width = max(len(written) for written in names if len(written) <= LONGEST)
    for group, parameters in found.items():
        rows = [(name(one, context).ljust(width), _meaning(one)) for one in parameters]
        with formatter.section(group):
            formatter.write_dl(rows, col_max=width)


def _meaning(parameter: Any) -> str:
    given = default(parameter)
    if given and not parameter.required:
        given = f"default: {given}"
    return f"{parameter.help} [{given}]" if given else str(parameter.help)
