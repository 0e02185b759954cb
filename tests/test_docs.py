"""Tables in the documentation are those of the code. `python -m tests.test_docs` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import probekit as pk
from probekit.cli.models import alias_rows, family_rows
from probekit.stats.metrics import METRICS

DOCS = Path(__file__).parents[1] / "docs"


def metric_rows() -> list[dict[str, str]]:
    rows = []
    for metric in METRICS.values():
        limits = f"{metric.low:g} to {metric.high:g}"
        row = {"metric": f"`{metric.name}`", "range": limits, "meaning": metric.meaning}
        rows.append({**row, "source": metric.source})
    return rows


TABLES = {"aliases": alias_rows, "families": family_rows, "metrics": metric_rows}
PAGES = {"models.md": ("families", "aliases"), "methods.md": ("metrics",)}


def table(rows: list[dict[str, str]]) -> str:
    """As Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_tables(page: str) -> str:
    """The page with the code's tables between its marks."""
    for name, rows in TABLES.items():
        marks = f"<!-- table: {name} -->", "<!-- end -->"
        page = re.sub(f"{marks[0]}.*?{marks[1]}", f"{marks[0]}\n\n{table(rows())}\n\n{marks[1]}", page, flags=re.DOTALL)
    return page


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_are_the_codes(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert re.findall("<!-- table: (.*) -->", page) == list(PAGES[name])
    assert page == with_tables(page)


def test_the_reference_has_every_public_name_once() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: probekit\.(\w+)$", text, flags=re.MULTILINE)) == sorted(pk.__all__)


if __name__ == "__main__":
    for name in PAGES:
        path = DOCS / name
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
