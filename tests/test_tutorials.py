"""The tutorials of docs/ run from a clean kernel, and show what their code printed.

`python -m tests.test_tutorials [NAME …]` runs them and writes their outputs again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from probekit.models.names import packaged_minilm
from tests.pages import ROOT
from tests.test_glossary import CODE, faults
from tools.links import on_page_content

FOLDER = ROOT / "docs" / "tutorials"
BOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST = 16  # lines of a cell of code
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "ignore:IProgress not found",  # tqdm, in a notebook without ipywidgets
}
EACH = pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_of(book: Any) -> list[Any]:
    """The cells of code."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def fingerprint(book: Any) -> str:
    """Of the code alone: the text may change without another run."""
    code = "\n\n".join(cell.source for cell in code_of(book))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def kinds(book: Any) -> list[list[str]]:
    """What each cell of code put out: streams, and the types of what it shows."""
    found = []
    for cell in code_of(book):
        shown = [
            ",".join(sorted(output.get("data", [output.get("name")]))) for output in cell.outputs
        ]
        found.append(shown)
    return found


def run(path: Path, folder: Path) -> Any:
    """The notebook with new outputs, run in a folder with the files that lie beside it."""
    for beside in FOLDER.glob("*.csv"):
        shutil.copy(beside, folder)
    book = read(path)
    for cell in code_of(book):
        cell.outputs, cell.execution_count = [], None
    # A notebook does not record when its cells ran, so that it changes only if its outputs do.
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(book, timeout=600, record_timing=False, resources=place)
    client.execute(env={**os.environ, **ENVIRONMENT})
    for cell in code_of(book):  # on a slow machine progress is shown
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return book


def write(path: Path) -> None:
    """Run a notebook and keep what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        book = run(path, Path(folder))
    book.metadata = {
        "kernelspec": book.metadata.kernelspec,
        "language_info": {"name": "python"},
        "code": fingerprint(book),
    }
    nbformat.write(book, path)


def test_there_are_three_tutorials_and_pages_link_them() -> None:
    assert len(BOOKS) == 3
    for page in ("README.md", "docs/index.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert all(f"tutorials/{path.name}" in text for path in BOOKS), page


@EACH
def test_outputs_are_there_and_are_of_this_code(path: Path) -> None:
    book = read(path)
    nbformat.validate(book)
    assert book.metadata["code"] == fingerprint(book), f"run python -m tests.test_tutorials {path}"
    counts = [cell.execution_count for cell in code_of(book)]
    assert counts == list(range(1, len(counts) + 1))
    assert sum("image/png" in shown for cell in kinds(book) for shown in cell) >= 2


@EACH
def test_outputs_name_no_path_and_no_fault(path: Path) -> None:
    for cell in code_of(read(path)):
        for output in cell.outputs:
            assert output.output_type in ("stream", "display_data", "execute_result")
            assert output.get("name") != "stderr", output
            texts = [output.get("text", ""), *output.get("data", {}).values()]
            assert not re.search(r"(?<![\w.<])/(tmp|home|root|work|usr|var)/", "".join(texts))


@EACH
def test_a_tutorial_opens_with_a_question_and_ends_with_what_is_next(path: Path) -> None:
    book = read(path)
    first, last = book.cells[0], book.cells[-1]
    assert re.fullmatch(r"# [^\n]+\n\n\*\*[^\n]+\?\*\*\n\n.*", first.source, re.DOTALL)
    assert last.cell_type == "markdown" and "## What to do next" in last.source
    for cell in code_of(book):
        assert len(cell.source.splitlines()) <= LONGEST, cell.source


@EACH
def test_links_of_a_tutorial_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", "\n".join(cell.source for cell in read(path).cells))
    assert links
    for link in links:
        assert (FOLDER / link).exists(), link


@EACH
def test_a_tutorial_uses_the_words_of_the_glossary(path: Path) -> None:
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert not faults(CODE.sub("", prose))


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("tutorials/a.ipynb", "../methods.md", "../methods.html"),
        ("tutorials/a.ipynb", "b.ipynb#next", "b.html#next"),
        ("tutorials/a.ipynb", "https://example.org/c.md", "https://example.org/c.md"),
        ("index.md", "d.md", "d.md"),  # mkdocs has seen to these
    ],
)
def test_links_of_a_notebook_lead_to_pages_of_the_site(page: str, link: str, expected: str) -> None:
    here = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    assert on_page_content(f'<a href="{link}">', page=here) == f'<a href="{expected}">'


@pytest.mark.slow
@EACH
def test_a_tutorial_runs_and_shows_what_it_showed(path: Path, tmp_path: Path) -> None:
    if packaged_minilm() is None:
        pytest.skip("the extra [demo] is not installed")
    assert kinds(run(path, tmp_path)) == kinds(read(path))


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or BOOKS):
        write(path)
