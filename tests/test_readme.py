"""The README's Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import probekit as pk
from probekit.corpora.passage import Corpus
from probekit.models.names import packaged_minilm

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.slow
def test_the_python_example_runs(small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, on some documents of the corpus it names: `make demo` reads them all."""
    if packaged_minilm() is None:
        pytest.skip("the extra [demo] is not installed")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pk, "load_corpus", {"sample": small}.__getitem__)
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})
    assert (tmp_path / "heatmap.svg").is_file()


def test_no_one_is_told_to_install_another_project() -> None:
    pages = [README, *(README.parent / "docs").glob("*.md")]
    for page in pages:
        assert not re.search(r"pip install probekit(?!-nlp)\b", page.read_text(encoding="utf-8").replace("`", "")), page
