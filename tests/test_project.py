"""The project's own files agree with each other: versions, make targets, hooks, the workflow of
hosted CI."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def project() -> dict[str, Any]:
    """The table [project] of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = settings["project"]
    return table


def targets() -> set[str]:
    """What the Makefile can make."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def made(text: str) -> list[str]:
    """The targets of every `make` command in a text of commands, one a line."""
    found = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["make"]:
            found += words[1:]
    return found


def workflow() -> dict[str, Any]:
    """The jobs of the workflow, by name."""
    jobs: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return jobs


def commands(job: dict[str, Any]) -> str:
    """All that a job runs."""
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_the_workflow_makes_what_the_makefile_has() -> None:
    wanted = made(commands(workflow()["test"]))
    assert set(wanted) <= targets()
    assert {"check", "docs", "demo", "test"} <= set(wanted)


def test_the_workflow_runs_what_continuous_integration_runs() -> None:
    here = made((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert here
    assert set(here) <= set(made(commands(workflow()["test"])))


def test_the_workflow_tests_the_oldest_python_and_a_newer_one() -> None:
    versions = workflow()["test"]["strategy"]["matrix"]["python"]
    assert len(versions) == 2
    assert project()["requires-python"] == f">={versions[0]}"


def test_the_wheel_is_installed_as_the_project_tests_it() -> None:
    """Files and extras named in the workflow are those of the project."""
    script = commands(workflow()["wheel"])
    for extra in re.findall(r"whl\)\[(\w+)\]", script):
        assert extra in project()["optional-dependencies"]
    for name in re.findall(r"-c (\S+)", script):
        assert (ROOT / name).is_file()


def test_hooks_are_the_checks_of_make_check() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    checks = makefile.split("check:")[1].split("\n\n")[0].replace("$(BIN)", ".venv/bin")
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = settings["repos"][0]["hooks"]
    assert [repo["repo"] for repo in settings["repos"]] == ["local"]
    for hook in hooks:
        assert hook["entry"].removesuffix(" --force-exclude") in checks
    assert len(hooks) == checks.count(".venv/bin/")


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project()["version"]
    assert citation["license"] == project()["license"]
    assert citation["keywords"]


def test_the_changelog_has_this_version_or_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, flags=re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(f"[{project()['version']}]")
    kinds = set(re.findall(r"^### (.*)$", changelog, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_files_that_contributing_names_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)", text)
    paths = re.findall(r"`((?:probes|corpora|probekit|tests)/[^` ]*)`", text)
    assert links and paths
    for name in links + paths:
        assert (ROOT / name).exists() or "NAME" in name, name
