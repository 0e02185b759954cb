"""Tables of the page "Which models", from the code that reads the models."""

from __future__ import annotations

from typing import Any

from probekit.cli.models import alias_rows, family_rows


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put a table where a page asks for one."""
    for name, rows in (("aliases", alias_rows()), ("families", family_rows())):
        markdown = markdown.replace(f"<!-- table: {name} -->", _table(rows))
    return markdown


def _table(rows: list[dict[str, str]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
