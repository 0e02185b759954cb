"""The house: imports go one way, start-up is light, what is shipped is found."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import probekit as pk
from probekit import bundle
from probekit.tasks.task import load_task


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_probekit_imports_nothing_heavy() -> None:
    code = "import sys, json, probekit, probekit.cli; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(python(code)))
    assert not loaded & {"torch", "transformers", "numpy", "pandas", "datasets"}
    assert not loaded & {"seaborn", "matplotlib", "sklearn"}


def test_listing_tasks_does_not_import_torch() -> None:
    code = (
        "import sys; from probekit.cli import app; app(['tasks'], standalone_mode=False);"
        "print('torch' in sys.modules)"
    )
    assert python(code).strip().endswith("False")


def test_every_public_name_is_there() -> None:
    for name in pk.__all__:
        assert getattr(pk, name) is not None
    with pytest.raises(AttributeError):
        pk.nothing  # noqa: B018


def test_the_command_is_installed() -> None:
    assert any(
        point.value == "probekit.cli:main" for point in entry_points(group="console_scripts")
    )


@pytest.mark.parametrize("name", bundle.names("probes"))
def test_every_task_file_loads(name: str) -> None:
    task = load_task(name)
    assert task.name == name and task.title and task.description
    assert task.corpus in bundle.names("corpora")
