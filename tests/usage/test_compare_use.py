"""What erasing breaks before and after: no change where there is none, and one that was made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertForTokenClassification

import probekit as pk
from probekit.corpora.passage import SPLITS, Corpus
from probekit.errors import InputError, TaskError
from probekit.forgetting.comparison_rows import Compared
from probekit.stats.metrics import METRICS
from probekit.usage.erasers import erasers_of
from probekit.usage.erasure import CLEAN, HEAD, RANDOM
from probekit.usage.erasure_rows import Cut, Outcome, Target
from probekit.usage.use_change import UseChange, UseRow
from probekit.usage.use_change_rows import UsePair, broken, drop_of, use_change_rows
from probekit.usage.use_verdict import use_verdict
from tests.checkpoints import make_bert
from tests.commands import run_main

QUICK = pk.FitSettings(words=20_000)


def compared(before: Any, after: Any, corpus: Any, **given: Any) -> UseChange:
    arguments: dict[str, Any] = {"seeds": 1, "layers": (1, 3), "fit_settings": QUICK}
    return pk.compare_use(
        before, after, **{"tasks": "pos", "corpus": corpus, "progress": False, **arguments, **given}
    )


def with_noise(folder: Path, source: Path, size: float, seed: int = 0) -> Path:
    """A copy of a checkpoint with noise in every weight, in shares of a weight's spread."""
    shutil.copytree(source, folder)
    model = AutoModel.from_pretrained(source, add_pooling_layer=False)
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in model.parameters():
            noise = torch.randn(one.shape, generator=drawn)
            one.add_(size * one.std(correction=0) * noise)
    model.save_pretrained(folder)
    return folder


# The null: nothing changed.


@pytest.mark.slow
def test_a_checkpoint_and_itself_differ_in_nothing(small: Corpus, tiny_bert: Path) -> None:
    found = compared(tiny_bert, tiny_bert, small, tasks=("pos", "dep"))
    table = found.table
    assert set(table["erased"]) == {"pos", "dep"} == set(table["affected"])
    assert not table.duplicated(["erased", "layer", "affected", "read_at", "probe"]).any()
    # Layer 1 is read at 1, 2 and 3, layer 3 at 3; and each by a probe that is trained again.
    assert len(table) == 2 * 2 * (3 + 1 + 2)
    for name in ("change", "beyond_change", "detectable"):
        assert (table[name] == 0).all()
    assert (table["p_value"] == 1).all()
    assert (table["rank_before"] == table["rank_after"]).all()
    assert (table["drop_before"] == table["drop_after"]).all()
    own = table[(table["affected"] == table["erased"]) & (table["probe"] == "retrained")]
    assert (own["drop_before_low"] > 0.05).all()
    # The labels of dep take up all 32 dimensions, and so do as many random ones.
    assert (own[own["erased"] == "pos"]["beyond_before_low"] > 0).all()
    assert len(found.sentences) == 2
    for sentence, task in zip(found.sentences, ("pos", "dep"), strict=True):
        assert sentence.startswith(f"{task}: still encoded at layer 1 (")
        assert "used as before, every prediction is the same" in sentence


@pytest.mark.slow
def test_the_drops_are_those_of_erase(small: Corpus, tiny_bert: Path) -> None:
    found = compared(tiny_bert, tiny_bert, small, tasks=("pos", "dep")).table
    found = found[found["erased"] == "pos"]
    alone = pk.erase(
        tiny_bert,
        "pos",
        "dep",
        corpus=small,
        layers=(1, 3),
        fit_settings=QUICK,
        progress=False,
    ).table
    keys = ["layer", "affected", "read_at", "probe"]
    of_task = alone[alone["erased"] == "pos"].set_index(keys)
    of_random = alone[alone["erased"] == "random"].set_index(keys)
    assert len(found) == len(of_task)
    for _, row in found.iterrows():
        place = tuple(row[name] for name in keys)
        assert row["score_before"] == pytest.approx(of_task.loc[place, "score_before"], abs=2e-6)
        assert row["drop_before"] == pytest.approx(-of_task.loc[place, "change"], abs=2e-6)
        beyond = of_random.loc[place, "change"] - of_task.loc[place, "change"]
        assert row["beyond_before"] == pytest.approx(beyond, abs=3e-6)


@pytest.mark.slow
def test_copies_with_a_little_noise_show_no_change(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    copies = [with_noise(tmp_path / f"noisy-{seed}", tiny_bert, 0.002, seed) for seed in range(6)]
    found = compared(tiny_bert, copies, small, seeds=3)
    table = found.table
    assert table.groupby("after")["change"].any().all()  # each is another checkpoint
    assert (table["p_adjusted"] > 0.05).all()
    outside = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    # Of 24 such copies 7 of 144 rows were outside. The six rows of a copy go together, so that two
    # copies, a third of the rows, may be outside in one of thirty tests; `drawn` has the power.
    assert len(table) == 36 and outside.mean() < 1 / 3 and (table["p_value"] <= 0.05).mean() < 1 / 3
    assert len(found.sentences) == 6
    for sentence in found.sentences:
        assert "still encoded" in sentence and "change of use not detected (MDE " in sentence


N, GROUPS = 600, 60
GROUP = np.arange(N) % GROUPS


def accuracy_target() -> Target:
    """100 words in each of 60 sentences, whose right answer is always 1."""
    metric = METRICS["accuracy"]

    def counts(said: np.ndarray) -> np.ndarray:
        found = metric.counts(said.reshape(-1, N), np.ones(N, dtype=int), GROUP, None)
        return found.reshape(*said.shape[:-1], *found.shape[1:])

    return Target("pos", metric, counts, 0.2, N)


def drawn(rng: np.random.Generator, clean: float, erased: float, random: float) -> list[Outcome]:
    """Outcomes of one checkpoint with these chances of a right answer, which differ between
    sentences, and of which a part is in common with and without an erasure."""
    target = accuracy_target()
    hard = rng.normal(0, 0.1, GROUPS)[GROUP]
    luck = rng.random((1, N))

    def said(chance: float) -> np.ndarray:
        own = np.where(rng.random((1, N)) < 0.7, luck, rng.random((1, N)))
        return (own < chance + hard).astype(int)

    without = said(clean)
    cuts = {"pos": erased, RANDOM: random}
    found = []
    for name, chance in cuts.items():
        found.append(Outcome(Cut(3, name, 5), target, 6, CLEAN, without, said(chance)))
    return found


def rows_of(before: list[Outcome], after: list[Outcome]) -> list[UseRow]:
    about = Compared(
        before="a",
        after="b",
        corpus="c",
        before_fingerprint="",
        after_fingerprint="",
        corpus_fingerprint="",
    )
    return use_change_rows([UsePair(about, "", broken(before), broken(after))], "holm")


@pytest.mark.slow
def test_sentences_drawn_anew_are_no_change() -> None:
    """300 pairs of checkpoints that use a task as much as each other, and err on other words."""
    rng, alarms, outside = np.random.default_rng(0), [], []
    for _ in range(300):
        before, after = (drawn(rng, 0.9, 0.5, 0.88) for _ in range(2))
        (row,) = rows_of(before, after)
        alarms.append(row.p_adjusted <= 0.05)
        outside.append(not row.ci_low <= 0 <= row.ci_high)
    # Of 300 at a rate of 0.05, 24 or more are seen in two of a hundred.
    assert np.mean(alarms) <= 0.08 and np.mean(outside) <= 0.08


def test_a_smaller_drop_is_found_and_its_interval_covers_it() -> None:
    rng, detected, covered = np.random.default_rng(1), [], []
    for _ in range(100):
        (row,) = rows_of(drawn(rng, 0.8, 0.4, 0.8), drawn(rng, 0.8, 0.6, 0.8))
        detected.append(row.p_adjusted <= 0.05 and row.beyond_change_high < 0)
        covered.append(row.ci_low <= -0.2 <= row.ci_high)
    assert np.mean(detected) >= 0.95 and np.mean(covered) >= 0.88


def test_a_checkpoint_that_any_erasure_breaks_more_does_not_use_it_more() -> None:
    """After, random dimensions break as much as the task's: the drop grows, its part beyond
    does not."""
    rng = np.random.default_rng(2)
    (row,) = rows_of(drawn(rng, 0.9, 0.6, 0.9), drawn(rng, 0.9, 0.3, 0.6))
    assert row.change > 0.2 and row.p_adjusted <= 0.05
    assert row.beyond_change_low < 0 < row.beyond_change_high


def test_the_change_of_a_drop_by_hand() -> None:
    drop = drop_of(METRICS["accuracy"])
    # 9 of 10 without, 4 of 10 with the erasure; then 8 and 6.
    counts = np.array([[9.0, 10, 4, 10], [8, 10, 6, 10]])
    np.testing.assert_allclose(drop.score(counts), [0.5, 0.2])
    assert drop.largest_difference == 2


# The positive control: a head that reads the task's subspace, and one that does not.


class Readers:
    """The tiny BERT with a head of two labels, which a direction of the task's subspace tells about
    as well as one that the erasure leaves alone."""

    def __init__(self, root: Path, tiny_bert: Path, brief: Path) -> None:
        self.root, self.source = root, tiny_bert
        corpus = pk.load_corpus(brief)
        states = pk.extract(tiny_bert, corpus, layers=3, progress=False)
        (eraser,) = erasers_of(states, pk.ask(pk.load_task("pos"), corpus), [3], (0,))[0][
            0
        ].of_layers[3]
        first = pk.extract(tiny_bert, corpus, layers=3, subwords="first", progress=False)
        train = torch.from_numpy(first.numpy("train", 3).astype(np.float32))
        inside = eraser.right[0]
        # What a functional reads stays where it is if it is orthogonal to what is taken away.
        other = torch.randn(len(inside), generator=torch.Generator().manual_seed(0))
        away = torch.linalg.qr(eraser.left)[0]
        outside = other - away @ (away.T @ other)
        self.inside = self._standardised(inside, train)
        self.outside = self._standardised(outside, train)
        self.corpus = self._labelled(brief, first)

    @staticmethod
    def _standardised(weight: torch.Tensor, train: torch.Tensor) -> tuple[torch.Tensor, float]:
        """A functional whose values on training words have the mean 0 and the variance 1."""
        values = train @ weight
        scaled = weight / values.std()
        return scaled, -float((train @ scaled).mean())

    def _labelled(self, brief: Path, states: pk.States) -> Path:
        """The corpus, with a label in XPOS that both functionals decide together."""
        folder = self.root / "labelled"
        folder.mkdir()
        for split in SPLITS:
            vectors = torch.from_numpy(states.numpy(split, 3).astype(np.float32))
            first, second = (
                vectors @ weight + bias for weight, bias in (self.inside, self.outside)
            )
            total = first + 1.3 * second
            labels = ["HI" if value > 0 else "LO" for value in total.tolist()]
            text = (brief / f"{split}.conllu").read_text(encoding="utf-8")
            (folder / f"{split}.conllu").write_text(_with_xpos(text, labels), encoding="utf-8")
        return folder

    def head(self, name: str, functional: tuple[torch.Tensor, float]) -> Path:
        """A checkpoint whose head says HI where a functional is above zero."""
        weight, bias = functional
        model = BertForTokenClassification.from_pretrained(self.source, num_labels=2)
        with torch.no_grad():
            model.classifier.weight.zero_()
            model.classifier.bias.zero_()
            model.classifier.weight[0] = weight
            model.classifier.bias[0] = bias
        model.config.id2label, model.config.label2id = {0: "HI", 1: "LO"}, {"HI": 0, "LO": 1}
        model.save_pretrained(self.root / name)
        AutoTokenizer.from_pretrained(self.source).save_pretrained(self.root / name)
        return self.root / name


def _with_xpos(text: str, labels: Sequence[str]) -> str:
    """A CoNLL-U text with other labels in the fifth column of its words."""
    waiting, lines = iter(labels), []
    for line in text.splitlines():
        cells = line.split("\t")
        if cells[0].isdigit():
            cells[4] = next(waiting)
        lines.append("\t".join(cells))
    assert next(waiting, None) is None
    return "\n".join(lines) + "\n"


@pytest.fixture
def readers(tmp_path: Path, tiny_bert: Path, brief: Path) -> Readers:
    return Readers(tmp_path, tiny_bert, brief)


@pytest.mark.slow
def test_a_head_that_no_longer_reads_what_is_still_there_uses_it_less(readers: Readers) -> None:
    before = readers.head("reads", readers.inside)
    after = readers.head("does-not", readers.outside)
    data = f"{readers.corpus}:xpos"
    found = compared(before, after, readers.corpus, data=data, layers=3)
    of_head = found.table[found.table["affected"] == HEAD].iloc[0]
    assert pd.isna(of_head["read_at"]) and of_head["probe"] == ""
    assert min(of_head["score_before"], of_head["score_after"]) > 0.65
    assert of_head["drop_before"] > 0.1 and of_head["drop_after"] == 0
    assert of_head["change"] == pytest.approx(-of_head["drop_before"], abs=2e-6)
    assert of_head["p_adjusted"] <= 0.05 and of_head["beyond_change_high"] < 0
    probes = found.table[found.table["affected"] == "pos"]
    assert (probes["change"] == 0).all()  # it is one encoder
    (sentence,) = found.sentences
    assert sentence.startswith("pos: still encoded at layer 3 (") and ", used less: " in sentence
    assert "lowered the head's score" in sentence and "so less could be lost" not in sentence
    (reverse,) = compared(after, before, readers.corpus, data=data, layers=3).sentences
    assert ", used more: " in reverse


@pytest.mark.slow
def test_heads_of_other_data_are_not_compared(readers: Readers, tiny_bert: Path) -> None:
    tagger = readers.head("reads", readers.inside)
    asked = {"data": f"{readers.corpus}:xpos", "columns": {}, "settings": {}}
    (tagger / "finetune.json").write_text(json.dumps(asked))
    found = compared(tiny_bert, tagger, readers.corpus, layers=3)
    assert HEAD not in set(found.table["affected"])
    assert any("heads are not compared" in warning for warning in found.warnings)
    with pytest.raises(InputError, match="has no classification head that could be measured"):
        compared(tiny_bert, tagger, readers.corpus, data=f"{readers.corpus}:xpos", layers=3)


def test_upper_blocks_that_are_cut_off_cannot_use_it(
    small: Corpus, tiny_bert: Path, tmp_path: Path
) -> None:
    """The last block passes on nothing of the layer below: what is erased there is not missed."""
    cut = shutil.copytree(tiny_bert, tmp_path / "cut")
    model = AutoModel.from_pretrained(tiny_bert, add_pooling_layer=False)
    with torch.no_grad():
        norm = model.encoder.layer[-1].attention.output.LayerNorm
        norm.weight.zero_()
    model.save_pretrained(cut)
    found = compared(tiny_bert, cut, small, layers=2)
    last = found.table[(found.table["read_at"] == 3) & (found.table["probe"] == CLEAN)].iloc[0]
    assert last["drop_before_low"] > 0.05 and last["drop_after"] == 0
    (sentence,) = found.sentences
    assert "still encoded at layer 2" in sentence and ", smaller drop: " in sentence
    assert "Without erasure the score of probes at layer 3 was" in sentence
    assert sentence.endswith("so less could be lost.")


# Words.


def made_row(**values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(UseChange(pd.DataFrame()).table.columns, 0.0)
    row |= {"erased": "pos", "affected": "pos", "layer": 3, "read_at": 6, "probe": CLEAN}
    row |= {"score_before": 0.9, "score_after": 0.9, "majority": 0.2, "detectable": 0.01}
    row |= {"drop_before": 0.1, "drop_after": 0.02, "change": -0.08, "p_adjusted": 0.01}
    row |= {"beyond_before_low": 0.05, "beyond_change_low": -0.1, "beyond_change_high": -0.05}
    row |= values
    delta = row["score_after"] - row["score_before"]
    width = values.get("width", 0.01)
    return {**row, "delta": delta, "delta_low": delta - width, "delta_high": delta + width}


UNUSED = {"p_adjusted": 1, "beyond_before_low": -0.1, "beyond_after_low": -0.1}
SAME = {"change": 0, "detectable": 0, "p_adjusted": 1}
MORE = {"change": 0.08, "beyond_change_low": 0.05, "beyond_change_high": 0.1}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "still encoded at layer 3 (0.900 → 0.900; 100% retained, 95% CI 99% to 101%), used"),
        ({}, "used less: erasing it there lowered the score of probes at layer 6 by "),
        ({}, "10.0 points before and 2.0 points after (change -8.0, 95% CI +0.0 to +0.0)."),
        (MORE, "used more"),
        (SAME, "used as before, every prediction is the same"),
        ({"p_adjusted": 0.06}, "change of use not detected (MDE 1.0 points)"),
        (UNUSED, "no use detected, before or after"),
        ({"beyond_change_high": 0.01}, "no change of use beyond that of random dimensions"),
        ({"score_after": 0.5}, "95% CI 41% to 44%), smaller drop: "),
        ({"score_after": 0.5}, "pos: less encoded at layer 3 (0.900 → 0.500; 43% retained, "),
        # 0.07 is the tenth that may be lost: an interval of its width around 0 does not decide.
        ({"width": 0.08}, "pos: not decided whether still encoded at layer 3 (0.900 → 0.900; 100%"),
        ({"width": 0.08}, ", smaller drop: "),
        ({**MORE, "width": 0.08}, ", larger drop: "),
        (
            {"score_after": 0.5},
            "score of probes at layer 6 was 0.900 → 0.500, so",
        ),
        ({**MORE, "score_before": 0.5}, "larger drop"),
        ({**MORE, "score_before": 0.5}, "was 0.500 → 0.900, so more could be lost."),
        ({"score_before": 0.1}, "not encoded before"),
    ],
)
def test_verdicts_in_words(values: dict[str, Any], words: str) -> None:
    at_layer = made_row(**{**values, "read_at": 3})
    rows = pd.DataFrame([at_layer, made_row(**values)])
    assert words in use_verdict(rows)


def test_the_verdict_treats_both_checkpoints_alike() -> None:
    """It takes the layer that costs most in both together, wherever the one before drops most."""
    rows = [made_row(layer=layer, read_at=layer) for layer in (1, 2)]
    rows.append(made_row(layer=1, drop_before=0.3, drop_after=0.0))
    rows.append(made_row(layer=2, drop_before=0.2, drop_after=0.2))
    assert "at layer 2" in use_verdict(pd.DataFrame(rows))
    assert "; detected too at layer 1 (-8.0)." in use_verdict(pd.DataFrame(rows))
    rows.append(made_row(layer=1, affected=HEAD, read_at=None, probe=""))
    of_head = use_verdict(pd.DataFrame(rows))
    assert "at layer 1" in of_head and "lowered the head's" in of_head and "too" not in of_head


# Bad input.


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layers": (4,)}, r"has no layer 4: its layers are 0 \(the embeddings\) to 3"),
        ({"tasks": "coref"}, "no linear subspace of the words' vectors holds coref"),
        ({"tasks": "all"}, "name the tasks"),
        ({"tasks": ("pos", "coref")}, "'coref' reads documents and 'pos' sentences"),
        ({"tasks": ("pos", "agreement")}, "tasks of behaviour"),
        ({"seeds": 0}, "seeds"),
        ({"correction": "holmes"}, "did you mean 'holm'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    given: dict[str, Any], message: str, small: Corpus, tiny_bert: Path
) -> None:
    with pytest.raises((InputError, TaskError), match=message) as refused:
        compared(tiny_bert, tiny_bert, small, **given)
    assert len(str(refused.value).splitlines()) == 1


def test_other_depths_are_refused(small: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    texts = [" ".join(passage.words) for passage in small.splits["train"]]
    shallow = make_bert(tmp_path / "shallow", texts, layers=2)
    with pytest.raises(InputError, match=r"has 3 blocks and '.*shallow' 2, so that") as refused:
        compared(tiny_bert, shallow, small)
    assert len(str(refused.value).splitlines()) == 1


def test_a_checkpoint_given_twice_is_refused(small: Corpus, tiny_bert: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        compared(tiny_bert, [tiny_bert, tiny_bert], small)


def test_static_vectors_are_refused(small: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    words = sorted({word for passage in small.splits["train"] for word in passage.words})
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} 0.5 {number % 7}\n" for number, word in enumerate(words)))
    with pytest.raises(InputError, match="holds word vectors"):
        compared(tiny_bert, path, small)


@pytest.mark.slow
def test_several_checkpoints_after(small: Corpus, tiny_bert: Path, tmp_path: Path) -> None:
    noisy = with_noise(tmp_path / "noisy", tiny_bert, 0.5)
    found = compared(tiny_bert, [tiny_bert, noisy], small, layers=1)
    names = found.table["after"].unique().tolist()
    assert len(names) == 2 and names[1] == str(noisy)
    assert found.run.counts["corrected_over"] == len(found.table) == 2 * 4
    assert [sentence.split(", pos: ")[0] for sentence in found.sentences] == names


# The command.

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs `compare` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: Any) -> tuple[int, str, str]:
        return run_main(["compare", *map(str, arguments)], monkeypatch, capsys)

    return called


@pytest.mark.slow
def test_the_command_writes_both_and_prints_the_verdict(
    call: Call, tiny_bert: Path, brief: Path, tmp_path: Path
) -> None:
    options = ["--before", tiny_bert, "--after", tiny_bert, "--task", "pos", "--corpus", brief]
    options += ["--layers", "1,3", "--seeds", 1, "--resample-train", 0, "--erase", "--out", "o"]
    status, out, err = call(*options)
    assert status == 0, err
    printed = " ".join(out.split())
    assert "pos: best layer: " in printed and "used as before, every prediction" in printed
    names = {path.name for path in (tmp_path / "o/use").iterdir()}
    assert names == {"use_change.csv", "run.json", "use_change.png", "use_change.svg"}
    assert f"written to {Path('o/use')}: use_change.csv" in printed
    found = pk.read(tmp_path / "o/use")
    assert isinstance(found, UseChange) and len(found.table) == 6
    assert isinstance(pk.read(tmp_path / "o"), pk.Comparison)
    status, out, err = call(*options, "--json")
    assert status == 0, err
    assert len(json.loads(out)["use"]["use_change"]) == 6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--task", "coref", "--erase"], "no linear subspace"),
        (["--task", "pos", "--erase", "--corpus", "sample,en_ewt"], "--erase reads one corpus"),
        (["--task", "pos", "--erase", "--probe", "mlp"], "leave --probe mlp out"),
        (["--task", "pos", "--data", "sample:pos"], "give --erase too"),
        (["--task", "pos", "--corpus", "sample", "--erase", "--layers", "9"], "has no layer 9"),
    ],
)
def test_what_cannot_be_erased_is_an_error_of_a_line(
    call: Call, tiny_bert: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    status, out, err = call("--before", tiny_bert, "--after", tiny_bert, *more)
    assert status == 2 and not out
    errors = [line for line in err.splitlines() if "error: " in line]
    assert len(errors) == 1 and message in " ".join(err.split())
    assert "Traceback" not in err and not (tmp_path / "probekit-runs").exists()
