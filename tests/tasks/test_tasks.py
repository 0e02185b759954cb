"""Tasks and instances: what a task file may say, and what it picks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from probekit.corpora.passage import Corpus, Edge, Passage
from probekit.errors import InputError, TaskError
from probekit.probes.questions import questions
from probekit.tasks.pairs import DIFFERENT, SAME, mention_pairs
from probekit.tasks.question import MOST_LABELS, UNSEEN, ask
from probekit.tasks.shapes import read_feature
from probekit.tasks.task import Task, load_task
from tests.made import made_corpus


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


ARC = Edge(((0, 1), (1, 2)), "A0")


def corpus(*passages: Passage) -> Corpus:
    return Corpus("made", {"train": passages, "dev": passages, "test": passages})


def test_a_task_by_path(tmp_path: Path) -> None:
    task = load_task(
        write(tmp_path, 'title = "Number"\nannotation = "feats.Number"\nshape = "word"\n')
    )
    assert (task.name, task.annotation, task.metric, task.context) == (
        "mine",
        "feats.Number",
        "accuracy",
        "sentence",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'title = "x"\nannotaton = "upos"\nshape = "word"',
            "unknown key 'annotaton': did you mean 'annotation'",
        ),
        (
            'title = "x"\nlayer = "upos"\nshape = "word"',
            "mine.toml: the key 'layer' is now 'annotation'",
        ),
        (
            'title = "x"\nannotation = "upos"\nshape = "wrod"',
            "unknown shape 'wrod': did you mean 'word'",
        ),
        ('title = "x"\nannotation = "upos"', "'shape' is missing"),
        ('title = "x"\nannotation = "upos"\nshape = "word"\nmetric = "f1"', "go together"),
        ('title = "x"\nannotation = "upos"\nshape = "word"\nfeatures = "product"', "two spans"),
        ('title = "x"\nannotation = 3\nshape = "word"', "takes a text"),
        ('title = "x"\nannotation = "upos"\nshape = "word"\nexclude = "X"', "list of texts"),
        ("title = ", "is not TOML"),
    ],
)
def test_a_bad_task_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task(write(tmp_path, text))


def test_unknown_names() -> None:
    with pytest.raises(InputError, match="unknown task 'poss': did you mean 'pos'"):
        load_task("poss")
    with pytest.raises(InputError, match=r"'pos,dep': give several as a list, \['pos', 'dep'\]"):
        load_task("pos,dep")
    with pytest.raises(TaskError, match="cannot read"):
        load_task("./nowhere.toml")


def test_features() -> None:
    assert read_feature("Case=Nom|Number=Sing", "Number") == "Sing"
    assert read_feature("Number[psor]=Sing", "Number") is None
    assert read_feature("Kind=-100", "Kind") is None and read_feature("Kind=_", "Kind") is None
    assert read_feature("Kind=-1", "Kind") == "-1"
    first = Passage("1", "d", ("a", "b", "c"), {"feats": ("Number=Sing", None, "Number=Plur|X=Y")})
    task = Task(name="number", title="", annotation="feats.Number", shape="word")
    data = ask(task, corpus(first))
    assert data.classes == ("Plur", "Sing")
    assert data.splits["test"].spans.tolist() == [[[0, 1]], [[2, 3]]]
    assert data.splits["test"].labels.tolist() == [1, 0]


def test_spans_count_in_the_split() -> None:
    passages = [
        Passage(str(i), "d", ("a", "b", "c"), {}, {"roles": (Edge(((0, 1), (1, 3)), label),)})
        for i, label in enumerate(("ARG0", "R-ARG0", "ARG1"))
    ]
    task = Task(name="srl", title="", annotation="roles", shape="arc", exclude=("R-*",))
    data = ask(task, corpus(*passages))
    assert data.splits["dev"].spans.tolist() == [[[0, 1], [1, 3]], [[6, 7], [7, 9]]]
    assert data.splits["dev"].groups.tolist() == [0, 2]
    assert any("3 of 9 instances left out" in warning for warning in data.warnings)


def test_labels_training_lacks_stay_in_and_count_as_wrong() -> None:
    tagged = {label: Passage(label, "d", ("a",), {"upos": (label,)}) for label in "XYZ"}
    made = Corpus(
        "made", {"train": (tagged["X"], tagged["Y"]), "dev": (tagged["X"],), "test": (tagged["Z"],)}
    )
    data = ask(Task(name="pos", title="", annotation="upos", shape="word"), made)
    assert data.splits["test"].labels.tolist() == [UNSEEN]
    assert any(
        "1 test instances have a label that training lacks" in warning for warning in data.warnings
    )


def test_what_cannot_be_asked_is_explained() -> None:
    made = corpus(Passage("1", "d", ("a", "b"), {"upos": ("X", "X")}))
    with pytest.raises(TaskError, match=r"no annotation 'roles' .*its annotations: upos"):
        ask(load_task("srl"), made)
    with pytest.raises(TaskError, match="one label only"):
        ask(load_task("pos"), made)
    empty = Corpus("made", {**made.splits, "dev": ()})
    with pytest.raises(TaskError, match=r"has no dev split"):
        ask(load_task("pos"), empty)
    edges = corpus(Passage("1", "d", ("a", "b"), {}, {"edges": (Edge(((0, 1),), "X"),)}))
    with pytest.raises(TaskError, match="2 span"):
        ask(Task(name="x", title="", annotation="edges", shape="arc"), edges)


@pytest.mark.parametrize(
    ("annotation", "shape", "message"),
    [
        ("feats.Numbr", "word", "unknown feature 'Numbr': did you mean 'Number'?"),
        ("upos.Number", "word", "no word has a feature in 'upos'"),
        ("upo", "word", "did you mean 'upos'?"),
        ("upos", "arc", "'upos' labels words: the shape is 'word'"),
        (
            "roles",
            "word",
            "'roles' labels spans: the shape is 'span', 'arc', 'pair' or 'sentence'",
        ),
    ],
)
def test_what_was_meant_by_an_annotation_is_suggested(
    annotation: str, shape: str, message: str
) -> None:
    passage = Passage(
        "1",
        "d",
        ("a", "b"),
        {"upos": ("X", "Y"), "feats": ("Case=Nom|Number=Sing", None)},
        {"roles": (ARC,)},
    )
    task = Task(name="mine", title="", annotation=annotation, shape=shape)  # type: ignore[arg-type]
    with pytest.raises(TaskError, match=re.escape(message)):
        ask(task, corpus(passage))


def test_more_labels_than_a_probe_takes_are_refused() -> None:
    train = np.arange(MOST_LABELS + 1)
    corpus = made_corpus({"train": train, "dev": train[:10], "test": train[:10]})
    task = Task(name="lemma", title="", annotation="upos", shape="word")
    with pytest.raises(TaskError, match=r"has 4,001 labels .* probes take 4,000 at most"):
        ask(task, corpus)
    corpus = made_corpus({"train": train[1:], "dev": train[:10], "test": train[:10]})
    assert len(ask(task, corpus).classes) == MOST_LABELS


def test_all_skips_what_cannot_be_asked_and_a_name_does_not() -> None:
    first = Passage("1", "d", ("a", "b"), {"upos": ("X", "X"), "xpos": ("Y", "Z")})
    made = corpus(first)
    data, warnings = questions("all", made)
    assert [d.task.name for d in data] == ["xpos"]
    assert any(w.startswith("pos: skipped, task 'pos' has one label only") for w in warnings)
    with pytest.raises(TaskError, match="one label only"):
        questions(["all", "pos"], made)
    with pytest.raises(
        TaskError, match=r"cannot carry any task\nWarnings before this.*pos: skipped"
    ):
        questions("all", corpus(Passage("1", "d", ("a", "b"), {"upos": ("X", "X")})))


def test_errors_repeat_what_was_reported_of_the_corpus() -> None:
    made = corpus(Passage("1", "d", ("a", "b"), {"upos": ("X", "Y")}))
    warned = Corpus(made.name, made.splits, warnings=("3 sentences go without roles (first: f:2)",))
    with pytest.raises(
        TaskError, match=r"no annotation 'roles'.*\n.*3 sentences go without roles \(first: f:2\)"
    ):
        ask(load_task("srl"), warned)


def document(seed: int) -> list[Passage]:
    rng = np.random.default_rng(seed)
    passages = []
    for number in range(8):
        starts = np.sort(rng.choice(20, 6, replace=False)).tolist()
        mentions = tuple(Edge(((s, s + 1),), f"e{rng.integers(0, 8)}") for s in starts)
        passages.append(
            Passage(
                f"{seed}-{number}",
                f"doc{seed}",
                tuple("abcdefghijklmnopqrst"),
                {},
                {"mentions": mentions},
            )
        )
    return passages


@pytest.mark.parametrize("seed", range(5))
def test_pairs_match_in_number_and_distance(seed: int) -> None:
    passages = document(seed)
    found = mention_pairs(passages, "mentions")
    spans = sorted(
        (edge.spans[0][0] + 20 * number, edge.spans[0][1] + 20 * number, edge.label)
        for number, passage in enumerate(passages)
        for edge in passage.edges["mentions"]
    )
    place = {(a, b): i for i, (a, b, _) in enumerate(spans)}
    entity = {(a, b): e for a, b, e in spans}
    positive = [pair for pair, label in found if label == SAME]
    negative = [pair for pair, label in found if label == DIFFERENT]
    assert len(positive) == len(negative) == len(spans) - len({e for *_, e in spans})
    assert all(entity[a] == entity[b] for a, b in positive)
    assert all(entity[a] != entity[b] for a, b in negative)
    of_positive = sorted(place[b] - place[a] for a, b in positive)
    of_negative = sorted(place[b] - place[a] for a, b in negative)
    assert np.abs(np.array(of_positive) - np.array(of_negative)).mean() < 0.5
    for a, b in positive:  # the nearest antecedent
        between = [s for s in spans if a < s[:2] < b]
        assert all(e != entity[a] for *_, e in between)
    assert mention_pairs(document(seed), "mentions") == found


def test_overlapping_mentions_are_no_pair() -> None:
    mentions = (
        Edge(((0, 3),), "a"),
        Edge(((1, 2),), "a"),
        Edge(((4, 5),), "b"),
        Edge(((4, 6),), "b"),
    )
    passage = Passage("1", "d", tuple("abcdef"), {}, {"mentions": mentions})
    assert [pair for pair, label in mention_pairs([passage], "mentions") if label == SAME] == []
