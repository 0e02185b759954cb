"""Data flows one way: the import rules of pyproject.toml hold, and cover every module."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest
from importlinter.application import use_cases
from importlinter.configuration import configure

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "probekit"
TRANSFORMERS = ("models/loading/", "tuning/")


def contracts() -> dict[str, dict[str, Any]]:
    """The import rules, by type."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = {}
    for contract in settings["tool"]["importlinter"]["contracts"]:
        found[contract["type"]] = contract
    return found


def importing(name: str) -> set[str]:
    """Files of the package, as paths in it, that import the package `name` anywhere."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        if name not in code:
            continue
        for node in ast.walk(ast.parse(code)):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            if any(module.split(".")[0] == name for module in modules):
                found.add(path.relative_to(PACKAGE).as_posix())
    return found


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where import-linter looks for its settings."""
    monkeypatch.chdir(ROOT)
    configure()


def test_the_import_rules_hold(capsys: pytest.CaptureFixture[str]) -> None:
    kept = use_cases.lint_imports(cache_dir=None, is_debug_mode=True, no_logo=True)
    assert kept, capsys.readouterr().out


def test_a_broken_rule_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        "[tool.importlinter]\n"
        'root_package = "probekit"\n'
        "[[tool.importlinter.contracts]]\n"
        'name = "upside down"\n'
        'type = "layers"\n'
        'layers = ["probekit.corpora", "probekit.cli"]\n'
    )
    assert not use_cases.lint_imports(str(rules), cache_dir=None, is_debug_mode=True, no_logo=True)
    assert "upside down BROKEN" in " ".join(capsys.readouterr().out.split())


def test_every_module_has_its_place_in_the_rules() -> None:
    layers = contracts()["layers"]["layers"]
    placed = set(" | ".join(layers).split(" | "))
    there = set()
    for path in PACKAGE.iterdir():
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            there.add(f"probekit.{path.stem}")
    assert placed == there - {"probekit.__init__", "probekit.__main__"}


def test_transformers_is_imported_where_models_are_opened_and_tuned_only() -> None:
    """The imports that import-linter ignores."""
    found = importing("transformers")
    assert "models/loading/trained.py" in found
    for path in found:
        assert path.startswith(TRANSFORMERS), path
