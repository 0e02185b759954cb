"""Every code block of the README and of docs/: Python runs, commands and files are read by the code
that reads them.

Python runs as it stands, on tiny models and the first sentences of the corpora that it names.
"""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
import typer.main
import yaml
from transformers import AutoModel, AutoTokenizer, Trainer

import probekit as pk
from probekit import bundle, cli
from probekit.corpora.card import load_card
from probekit.corpora.find import reader_of
from probekit.corpora.passage import Corpus
from probekit.corpora.readers import READERS
from probekit.corpora.readers.reading import Material
from probekit.forgetting.gate.policy import read_policy
from probekit.models import names
from probekit.replications.replication import load_replication
from tests.pages import PAGES, ROOT, Block, blocks, blocks_of
from tests.test_project import project, targets
from tests.tuning.test_callback import trainer

READ = {"python", "sh", "toml", "json", "conllu", "csv", "yaml"}
OUTPUT = {"text"}
MODELS = ("--model", "--models", "--before", "--after", "--base", "--lm-head", "--reference")


def each(language: str) -> pytest.MarkDecorator:
    """A test for every block of a language."""
    found = blocks(language)
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def test_every_block_has_a_language_that_is_tested() -> None:
    seen = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for block in blocks_of(path.name, text):
            assert block.language in READ | OUTPUT, block.place
            assert not block.not_run or len(block.not_run.split()) > 2, f"{block.place}: no reason"
            seen.add(block.language)
        assert text.count("```") == 2 * len(blocks_of(path.name, text)), (
            f"{path.name}: fences that do not pair up"
        )
    assert seen >= READ


def test_marks_belong_to_the_block_after_them() -> None:
    page = """In `a.toml`:

```toml
x = 1
```

<!-- given: model, corpus -->

```python
model
```

<!-- not run: it needs a GPU -->

=== "Python"

    ```python
    import torch
    ```

<!-- not run: it needs a GPU -->

```python
import torch
```
"""
    file, given, indented, skipped = blocks_of("page.md", page)
    assert (file.file, file.code, file.place) == ("a.toml", "x = 1\n", "page.md:3")
    assert given.given == ("model", "corpus") and not given.not_run
    assert indented.code == "import torch\n" and not indented.not_run
    assert skipped.not_run == "it needs a GPU"


def test_no_one_is_told_to_install_another_project() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8").replace("`", "")
        assert not re.search(r"pip install probekit(?!-nlp)\b", text), path


# Python


@pytest.fixture(scope="module")
def shipped(brief: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the folder `corpora/`: every shipped corpus by its name, with the first sentences
    of `sample`."""
    folder = tmp_path_factory.mktemp("shipped")
    copytree(brief, folder / "sample")
    card = (ROOT / "corpora" / "sample.toml").read_text(encoding="utf-8")
    for name in bundle.names("corpora"):
        (folder / f"{name}.toml").write_text(card, encoding="utf-8")
    return folder


@pytest.fixture
def stand_ins(
    shipped: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A working directory where `minilm` and `./tuned` are tiny models, and corpora are short."""
    probes: tuple[bundle.Folder, ...] = ("probes", "probes/replications")
    folders = {"corpora": shipped, **{name: bundle.folder(name) for name in probes}}
    monkeypatch.setattr(bundle, "folder", folders.__getitem__)
    monkeypatch.setattr(names, "packaged_minilm", lambda: tiny_bert)
    copytree(tiny_bert, tmp_path / "tuned")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Elmo(torch.nn.Module):
    """Embeddings and two LSTM layers of the same width."""

    def __init__(self, subwords: int, dim: int) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(subwords, dim)
        self.lstm = torch.nn.ModuleList(
            [torch.nn.LSTM(dim, dim, batch_first=True) for _ in range(2)]
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.embed(ids)
        for layer in self.lstm:
            states = layer(states)[0]
        return states


def given_by(page: str, folder: Path, corpus: Corpus) -> dict[str, Any]:
    """What the blocks of a page are given, by name."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if page == "docs/models.md":
        return {
            "model": Elmo(len(tokenizer), 16),
            "bert": AutoModel.from_pretrained(folder, add_pooling_layer=False),
            "corpus": corpus,
            "tokenizer": tokenizer,
        }
    made: Trainer = trainer(folder, corpus, Path("out"))
    return {
        "model": made.model,
        "arguments": made.args,
        "data": made.train_dataset,
        "tokenizer": tokenizer,
    }


@pytest.mark.slow
@each("python")
def test_python_runs(block: Block, stand_ins: Path, tiny_bert: Path, small: Corpus) -> None:
    if block.not_run:
        pytest.skip(block.not_run)
    for other in blocks("toml"):
        if other.page == block.page and other.file:
            Path(other.file).write_text(other.code, encoding="utf-8")
    if "probekit-runs/demo" in block.code:
        pk.probe("minilm", "pos", corpus="sample").write("probekit-runs/demo")
    offered = given_by(block.page, tiny_bert, small) if block.given else {}
    namespace = {name: offered[name] for name in block.given}
    before = set(stand_ins.rglob("*"))
    exec(compile(block.code, block.place, "exec"), namespace)
    made = {path.relative_to(stand_ins).as_posix() for path in set(stand_ins.rglob("*")) - before}
    for picture in re.findall(r'heatmap\(.*?"([\w/.]+)"\)', block.code):
        assert picture in made


# Commands


def commands_in(text: str) -> list[list[str]]:
    """The words of each command, without comments."""
    commands = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            commands.append(words)
    return commands


def take(arguments: list[str]) -> None:
    """Let the command line read the arguments of a command, and run nothing."""
    command = typer.main.get_command(cli.app)
    waiting = [command]
    while waiting:
        part = waiting.pop()
        part.callback = lambda **_: None
        waiting += getattr(part, "commands", {}).values()
    command.main(arguments, standalone_mode=False)


def values(arguments: list[str], *options: str) -> list[str]:
    """What is given to some options, commas taken apart."""
    found = []
    for option, value in pairwise(arguments):
        if option in options:
            found += value.split(",")
    return found


def check_names(arguments: list[str]) -> None:
    """What a command names is shipped, or a path, or on a hub."""
    for task in values(arguments, "--task"):
        assert task.startswith("./") or task in [*bundle.names("probes"), "all"]
    for corpus in values(arguments, "--corpus"):
        assert corpus.startswith(("./", "hf:")) or corpus in bundle.names("corpora")
    for model in values(arguments, *MODELS):
        assert model.startswith("./") or names.resolve(model).location


def check_installed(arguments: list[str]) -> None:
    """The constraints and extras in pip commands exist."""
    for path in values(arguments, "-c"):
        assert (ROOT / path).is_file()
    for extras in re.findall(r"\[(.*)\]", " ".join(arguments)):
        assert set(extras.split(",")) <= project()["optional-dependencies"].keys()


@each("sh")
def test_commands_are_taken(block: Block) -> None:
    if block.not_run:
        pytest.skip(block.not_run)
    assert commands_in(block.code)
    for program, *arguments in commands_in(block.code):
        match program:
            case "probekit":
                take(arguments)
                check_names(arguments)
            case "make":
                assert set(arguments) <= targets()
            case "pip":
                check_installed(arguments)
            case "python3":
                assert arguments[:2] == ["-m", "venv"]
            case "source":
                assert arguments == [".venv/bin/activate"]
            case _:
                pytest.fail(f"{block.place}: nothing here knows {program}")


@each("yaml")
def test_commands_of_workflows_are_taken(block: Block) -> None:
    workflow = yaml.safe_load(block.code)
    taken = 0
    for job in workflow["jobs"].values():
        assert job["runs-on"] and job["steps"]
        for step in job["steps"]:
            for program, *arguments in commands_in(step.get("run", "")):
                if program == "probekit":
                    take(arguments)
                    taken += 1
    assert taken


@pytest.mark.parametrize(
    "wrong", [["probe", "--modle", "minilm"], ["prob"], ["heatmap"], ["cache", "prun"]]
)
def test_a_command_that_is_wrong_is_not_taken(wrong: list[str]) -> None:
    with pytest.raises(Exception, match=r"No such|Missing"):
        take(wrong)


# Files


@each("toml")
def test_tasks_cards_and_replications_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / (block.file or "card.toml")
    path.write_text(block.code, encoding="utf-8")
    if "reader = " in block.code:
        assert load_card(path).title
    elif "[[published]]" in block.code:
        assert load_replication(path).title
    elif "[[criterion]]" in block.code:
        assert read_policy(path).criterion
    else:
        assert pk.load_task(path).title


@each("json")
def test_json_lines_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(block.code, encoding="utf-8")
    read = READERS[reader_of(path)](Material("lines", {"train": (path,)}))
    assert len(read.splits["train"]) == len([json.loads(line) for line in block.code.splitlines()])
    assert not read.all_warnings()


@each("csv")
def test_rows_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(block.code, encoding="utf-8")
    read = READERS["csv"](Material("rows", {"train": (path,)}))
    passages = list(read.splits["train"])
    words = sum(value is not None for p in passages for value in p.tags.get("tag", ()))
    spans = sum(len(p.edges.get("label", ())) for p in passages)
    assert words + spans == len(block.code.splitlines()) - 1 and not read.all_warnings()


@each("conllu")
def test_sentences_are_read(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "sentences.conllu"
    path.write_text(block.code + "\n", encoding="utf-8")
    read = READERS["conllu"](Material("sentences", {"train": (path,)}))
    assert len(read.splits["train"]) == block.code.count("# sent_id")
    assert not read.all_warnings()
