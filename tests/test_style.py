"""Rules of style that the linter does not have."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def nested(code: str) -> list[int]:
    """The lines of comprehensions that hold another one."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, COMPREHENSIONS):
            continue
        inside = [part for part in ast.walk(node) if isinstance(part, COMPREHENSIONS)]
        if len(inside) > 1:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("folder", ["probekit", "tests", "tools"])
def test_no_comprehension_is_inside_another(folder: str) -> None:
    places = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for line in nested(path.read_text(encoding="utf-8")):
            places.append(f"{path.relative_to(ROOT)}:{line}")
    assert places == []


def test_a_nested_comprehension_is_found() -> None:
    assert nested("x = [a for a in b]\ny = {c: [d for d in e] for c in f}") == [2]
