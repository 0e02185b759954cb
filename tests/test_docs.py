"""The documentation has the tables of the code. `python -m tests.test_docs` writes them again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import probekit as pk
from probekit.cli import help
from probekit.cli.models import alias_rows, family_rows
from probekit.replications.quantities import QUANTITIES
from probekit.reports.read import KINDS
from probekit.stats.behaviour_metrics import BEHAVIOUR_METRICS, BehaviourMetric
from probekit.stats.metrics import METRICS, Metric
from probekit.stats.tree_metrics import TREE_METRICS, TreeMetric
from probekit.tuning.recipes import RECIPES
from tests.test_glossary import HELP

DOCS = Path(__file__).parents[1] / "docs"


def metric_rows() -> list[dict[str, str]]:
    rows = []
    metrics: list[Metric | TreeMetric | BehaviourMetric] = [
        *METRICS.values(),
        *TREE_METRICS.values(),
    ]
    # `accuracy` is one of METRICS already.
    metrics += [metric for name, metric in BEHAVIOUR_METRICS.items() if name not in METRICS]
    for metric in metrics:
        limits = f"{metric.low:g} to {metric.high:g}"
        row = {"metric": f"`{metric.name}`", "range": limits, "meaning": metric.meaning}
        rows.append({**row, "source": metric.source})
    return rows


def quantity_rows() -> list[dict[str, str]]:
    rows = []
    for name, quantity in QUANTITIES.items():
        row = {"quantity": f"`{name}`", "unit": quantity.unit, "meaning": quantity.meaning}
        rows.append(
            {**row, "verb": f"`{quantity.verb}`", "evidence": ", ".join(map(code, quantity.needs))}
        )
    return rows


def option_rows(command: str) -> list[dict[str, str]]:
    """The options of a command; for those that compare or trace, without what is as for probe."""
    rows = rows_of(HELP[f"probekit {command}"])
    probe = rows_of(HELP["probekit probe"])
    return rows if command == "probe" else [row for row in rows if row not in probe]


def rows_of(context: Any) -> list[dict[str, str]]:
    """One row per option of a command."""
    rows = []
    for group, parameters in help.groups(context.command, context).items():
        for parameter in parameters:
            if group == help.HELP or parameter.param_type_name == "argument":
                continue
            option, _, takes = help.name(parameter, context).partition(" ")
            row = {"option": f"`{option}`", "takes": ", ".join(map(code, takes.split("|")))}
            default = help.default(parameter) or ("no" if parameter.is_flag else "none")
            row |= {"default": default, "meaning": parameter.help.removesuffix(".")}
            rows.append(row)
    return rows


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def recipe_rows() -> list[dict[str, str]]:
    """One row per recipe of fine-tuning."""
    rows = []
    for name, kind in RECIPES.items():
        settings = [f"`{one.name}` {shown(one.default)}" for one in fields(kind)]
        row = {"recipe": f"`{'top-K' if name == 'top' else name}`", "what it does": kind.TITLE}
        row |= {"rate": f"{kind.RATE:g}", "epochs": str(kind.EPOCHS)}
        rows.append({**row, "its own settings": ", ".join(settings), "source": kind.SOURCE})
    return rows


def shown(default: Any) -> str:
    """A setting's default, as the command line takes it."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else str(default or "–")


FILES: dict[str, Callable[[], list[dict[str, str]]]] = {}
for _kind in KINDS:
    FILES |= {f"{schema.name}.csv": schema.described for schema in _kind.TABLES.values()}
    FILES |= {f"{schema.name}.csv": schema.described for schema in _kind.OPTIONAL.values()}
    FILES |= {f"{schema.name}.parquet": schema.described for schema in _kind.LARGE.values()}
PAGES: dict[Path, dict[str, Callable[[], list[dict[str, str]]]]] = {
    DOCS / "models.md": {"families": family_rows, "aliases": alias_rows},
    DOCS / "methods.md": {"metrics": metric_rows},
    DOCS / "replications.md": {"quantities": quantity_rows},
    DOCS / "files.md": FILES,
    DOCS / "finetuning.md": {"recipes": recipe_rows},
    DOCS / "cli.md": {
        command: partial(option_rows, command)
        for command in (
            "probe",
            "compare",
            "gate",
            "trace",
            "finetune",
            "recipes",
            "transfer",
            "erase",
            "neurons",
            "attribute",
            "replicate",
            "report",
            "heatmap",
        )
    },
}
"""Pages, and their tables in order, by the names in their marks."""


def table(rows: list[dict[str, str]]) -> str:
    """As Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: Path) -> str:
    """The page's text, with the code's tables between its marks."""
    text = page.read_text(encoding="utf-8")
    for name, rows in PAGES[page].items():
        before, mark, after = text.partition(f"<!-- table: {name} -->")
        _, end, after = after.partition("<!-- end -->")
        assert mark and end, f"{page.name} has no place for the table {name}"
        text = f"{before}{mark}\n\n{table(rows())}\n\n{end}{after}"
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_the_codes(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall("<!-- table: (.*) -->", text) == list(PAGES[page])
    assert text == with_tables(page)


def test_the_reference_has_every_public_name_once() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: probekit\.(\w+)$", text, flags=re.MULTILINE)) == sorted(
        pk.__all__
    )


@pytest.mark.parametrize("page", ["concepts.md", "design.md"])
def test_each_room_has_one_row(page: str) -> None:
    rows = [line.split("|")[1] for line in (DOCS / page).read_text().splitlines() if "? |" in line]
    assert len(rows) > 5 and len(rows) == len(set(rows))


def test_the_design_names_what_is_there() -> None:
    """Files and constants, by which a reader finds the code."""
    package = DOCS.parent / "probekit"
    files = [path.relative_to(package).as_posix() for path in package.rglob("*.py")]
    code = "\n".join((package / file).read_text(encoding="utf-8") for file in files)
    names = re.findall(r"`([\w/]+\.py|[A-Z_]{4,})`", (DOCS / "design.md").read_text())
    assert len(names) > 20
    for name in names:
        if name.endswith(".py"):
            assert any(f"/{file}".endswith(f"/{name}") for file in files), name
        else:
            assert re.search(rf"\b{name}\b", code), name


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page), encoding="utf-8")
