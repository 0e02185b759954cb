"""Tables in the documentation are those of the code. `python -m tests.test_docs` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

import probekit as pk
from probekit.cli.models import alias_rows, family_rows

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
TABLES = {"aliases": alias_rows, "families": family_rows}


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


def test_the_tables_of_models_are_the_codes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- end -->") == len(TABLES)
    assert page == with_tables(page)


def test_the_reference_has_every_public_name_once() -> None:
    text = PAGE.with_name("api.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^::: probekit\.(\w+)$", text, flags=re.MULTILINE)) == sorted(pk.__all__)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
